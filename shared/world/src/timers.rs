//! Timers: one-shot schedules of EventBridge Scheduler that put a message on the due queue and then delete themselves,
//! and delayed messages for short waits.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_scheduler::error::SdkError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use engine::{PortError, TimerKind, Timers};
use jiff::{Timestamp, tz::TimeZone};
use runtime::Queue;
use runtime::config::WorldConfig;
use wire::due::Due;

/// How long EventBridge Scheduler retries if SQS does not accept the message. A reminder may be late by this time.
const RETRY_SECONDS: i32 = 3_600;
const RETRIES: i32 = 10;

/// Timers on AWS.
#[derive(Debug)]
pub struct AwsTimers {
    scheduler: aws_sdk_scheduler::Client,
    due: Queue,
    due_arn: String,
    group: String,
    role_arn: String,
    dead_letters_arn: String,
}

impl AwsTimers {
    pub(crate) fn new(sdk: &SdkConfig, due: Queue, config: &WorldConfig) -> Self {
        Self {
            scheduler: aws_sdk_scheduler::Client::new(sdk),
            due,
            due_arn: config.due_queue_arn.clone(),
            group: config.schedule_group.clone(),
            role_arn: config.scheduler_role_arn.clone(),
            dead_letters_arn: config.scheduler_dlq_arn.clone(),
        }
    }

    async fn schedule(&self, name: &str, input: String, at: Timestamp) -> Result<(), PortError> {
        let failed = |error: aws_sdk_scheduler::error::BuildError| {
            PortError::unavailable_because("a schedule could not be built", error)
        };
        let target = Target::builder()
            .arn(&self.due_arn)
            .role_arn(&self.role_arn)
            .input(input)
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_event_age_in_seconds(RETRY_SECONDS)
                    .maximum_retry_attempts(RETRIES)
                    .build(),
            )
            .dead_letter_config(DeadLetterConfig::builder().arn(&self.dead_letters_arn).build())
            .build()
            .map_err(failed)?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(failed)?;
        let created = self
            .scheduler
            .create_schedule()
            .name(name)
            .group_name(&self.group)
            .schedule_expression(at_expression(at))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Names are deterministic, so the existing schedule is the same.
            Err(SdkError::ServiceError(error)) if error.err().is_conflict_exception() => Ok(()),
            Err(error) => Err(PortError::unavailable_because("EventBridge Scheduler created no schedule", error)),
        }
    }
}

impl Timers for AwsTimers {
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError> {
        match kind {
            TimerKind::Schedule => self.schedule(name, due.to_json(), at).await,
            TimerKind::DelayedMessage => {
                // Whole seconds, rounded up, so that it does not arrive early.
                let wait = u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0).div_ceil(1_000);
                let sent = self.due.send_with(due.to_json(), &[], Duration::from_secs(wait)).await;
                sent.map_err(|error| PortError::unavailable_because("the due queue accepted no message", error))
            }
        }
    }

    async fn remove_timer(&self, name: &str) -> Result<(), PortError> {
        match self.scheduler.delete_schedule().name(name).group_name(&self.group).send().await {
            Ok(_) => Ok(()),
            // The schedule has fired and deleted itself, or the timer was a delayed message.
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(()),
            Err(error) => Err(PortError::unavailable_because("EventBridge Scheduler removed no schedule", error)),
        }
    }
}

/// Returns the expression, such as `at(2026-11-20T15:04:05)`. EventBridge Scheduler accepts whole seconds without a
/// zone. The instant is rounded up, so that the schedule does not fire early.
fn at_expression(at: Timestamp) -> String {
    let rounded = Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).unwrap_or(at);
    format!("at({})", rounded.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_is_utc_and_rounds_up() {
        let expression = |text: &str| at_expression(text.parse().expect("an instant"));
        assert_eq!(expression("2026-03-29T01:00:00Z"), "at(2026-03-29T01:00:00)");
        assert_eq!(expression("2026-12-31T23:59:59.001Z"), "at(2027-01-01T00:00:00)");
    }
}
