//! The SDK configuration of a process: one set of credentials and time-outs. Each client has its own connections.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// Time-outs and retries of calls to AWS.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The time-out of one attempt.
    pub attempt: Duration,
    /// The time-out of all attempts together.
    pub operation: Duration,
    /// The most attempts.
    pub attempts: u32,
}

impl Timeouts {
    /// For the webhook function, which must answer Calendly within two seconds. Its one call has 1.5 seconds; after
    /// that the answer is 503, and Calendly retries.
    pub const QUICK: Self =
        Self { attempt: Duration::from_millis(600), operation: Duration::from_millis(1_500), attempts: 3 };
    /// For the log of the audit, which a caller waits for.
    pub const BRIEF: Self =
        Self { attempt: Duration::from_millis(450), operation: Duration::from_millis(950), attempts: 2 };
    /// For work that a queue repeats when it fails.
    pub const STEADY: Self = Self { attempt: Duration::from_secs(3), operation: Duration::from_secs(8), attempts: 3 };
}

/// Loads the configuration. Region, credentials and endpoint come from the environment.
pub async fn config(timeouts: Timeouts) -> SdkConfig {
    // A fixed version, not `latest()`, so that an update does not change retries and time-outs.
    #[expect(clippy::disallowed_methods, reason = "the one place where the SDK is configured")]
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(timeouts.attempts)
                .with_initial_backoff(Duration::from_millis(50))
                .with_max_backoff(Duration::from_millis(400)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeouts.attempt)
                .operation_attempt_timeout(timeouts.attempt)
                .operation_timeout(timeouts.operation)
                .build(),
        )
        .load()
        .await
}
