//! The runtime of every function: configuration, AWS, secrets, queues, telemetry, the log of the audit, the clock. It
//! is the only crate that reads the environment or the clock.

mod audit_log;
pub mod aws;
mod clock;
pub mod config;
mod queue;
mod secrets;
pub mod telemetry;

pub use audit_log::{AuditLog, AuditLogError};
pub use clock::SystemClock;
pub use queue::{Depth, Queue, QueueError};
pub use secrets::{
    ApiKey, ApiKeys, CalendlyApp, EngagelabCallback, EngagelabKeys, Providers, SecretError, Secrets, Signing,
    SigningKey, TwilioKeys,
};
