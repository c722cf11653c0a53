//! Customers' webhook endpoints: their configuration, the order of their events, retries, health, statistics.
//!
//! Pure: no I/O, no clock, no randomness.

mod delivery;
mod endpoint;
mod health;
mod lane;
mod retry;
mod statistics;

pub use delivery::{Attempt, AttemptResult, Delivery, DeliveryState};
pub use endpoint::{
    CONFIRMATION_PATH, Confirmation, Disabled, Endpoint, EndpointId, EndpointSecrets, LONGEST_WAIT, PreviousSecret,
    Status, TargetKind,
};
pub use health::{Health, HealthChange};
pub use lane::{LEASE, Lane, LaneState, Lease, Pending};
pub use retry::{RetryPolicy, Speed};
pub use statistics::{HourStatistics, Statistics, Summary};
