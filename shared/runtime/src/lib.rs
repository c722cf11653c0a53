//! The runtime of every function: configuration, AWS, secrets, queues, telemetry, the clock. It is the only crate that
//! reads the environment or the clock.

pub mod aws;
mod clock;
pub mod config;
mod queue;
mod secrets;
pub mod telemetry;

pub use clock::SystemClock;
pub use queue::{Depth, Queue, QueueError};
pub use secrets::{
    ApiKey, ApiKeys, CalendlyApp, EngagelabCallback, EngagelabKeys, Providers, SecretError, Secrets, Signing,
    SigningKey, TwilioKeys,
};
