//! The one SDK configuration of a process: one set of credentials, one patience. Each client has its own connections.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// How long calls of AWS may take and how often they are tried.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// One try.
    pub attempt: Duration,
    /// All tries together.
    pub operation: Duration,
    /// How many tries.
    pub attempts: u32,
}

impl Timeouts {
    /// For the webhook function, which must answer Calendly within two seconds: its one call fits into 1.5 seconds, and
    /// past that Calendly is told to come again.
    pub const QUICK: Self =
        Self { attempt: Duration::from_millis(600), operation: Duration::from_millis(1_500), attempts: 3 };
    /// For work that a queue will bring back.
    pub const STEADY: Self = Self { attempt: Duration::from_secs(3), operation: Duration::from_secs(8), attempts: 3 };
}

/// Loads the configuration: region, credentials and endpoint as the environment gives them.
pub async fn config(patience: Timeouts) -> SdkConfig {
    // The version is named and not `latest()`: retry and time-out behaviour must not change under us.
    #[expect(clippy::disallowed_methods, reason = "the one place where the SDK is configured")]
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(patience.attempts)
                .with_initial_backoff(Duration::from_millis(50))
                .with_max_backoff(Duration::from_millis(400)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(patience.attempt)
                .operation_attempt_timeout(patience.attempt)
                .operation_timeout(patience.operation)
                .build(),
        )
        .load()
        .await
}

/// An SDK error with its causes on one line; the SDK's own `Display` says little more than "service error".
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
