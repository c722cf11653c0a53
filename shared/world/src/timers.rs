//! Timers: one-shot schedules that put a message on the due queue, and delayed messages for short waits.

use std::time::Duration;

use aws_config::SdkConfig;
use engine::{PortError, TimerKind, Timers};
use jiff::Timestamp;
use one_shot::Scheduler;
use runtime::Queue;
use runtime::config::WorldConfig;
use wire::due::Due;

/// Timers on AWS.
#[derive(Debug)]
pub struct AwsTimers {
    scheduler: Scheduler,
    due: Queue,
    due_arn: String,
}

impl AwsTimers {
    pub(crate) fn new(sdk: &SdkConfig, due: Queue, config: &WorldConfig) -> Self {
        let (group, role, dead_letters) =
            (&config.schedule_group, &config.scheduler_role_arn, &config.scheduler_dlq_arn);
        Self { scheduler: Scheduler::new(sdk, group, role, dead_letters), due, due_arn: config.due_queue_arn.clone() }
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
            TimerKind::Schedule => self.scheduler.create(name, &self.due_arn, due.to_json(), at).await,
            TimerKind::DelayedMessage => {
                // Whole seconds, rounded up, so that it does not arrive early.
                let wait = u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0).div_ceil(1_000);
                let sent = self.due.send(due.to_json(), &due.group(), Duration::from_secs(wait)).await;
                sent.map_err(|error| PortError::unavailable_because("the due queue accepted no message", error))
            }
        }
    }

    async fn remove_timer(&self, name: &str) -> Result<(), PortError> {
        // A delayed message has no schedule, which is success too.
        self.scheduler.delete(name).await
    }
}
