//! The deliveries queue, and the schedules that send to it.

use std::time::Duration;

use aws_config::SdkConfig;
use deliveries::DeliveryQueue;
use engine::PortError;
use jiff::{SignedDuration, Timestamp};
use one_shot::Scheduler;
use runtime::Queue;
use runtime::config::DeliveriesConfig;
use wire::deliveries::Delivery;
use wire::due::Due;

/// SQS delays a message by at most 15 minutes.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The wait before an e-mail is handled. The delivery is stored within it, right after the e-mail was handed over.
const EMAIL_DELAY: Duration = Duration::from_secs(5);

/// The deliveries queue.
#[derive(Debug)]
pub struct AwsQueue {
    queue: Queue,
    due: Queue,
    queue_arn: String,
    scheduler: Scheduler,
}

impl AwsQueue {
    pub(crate) fn new(sdk: &SdkConfig, config: &DeliveriesConfig) -> Self {
        let (group, role) = (&config.schedule_group, &config.scheduler_role_arn);
        let sqs = aws_sdk_sqs::Client::new(sdk);
        Self {
            due: Queue::new(sqs.clone(), config.due_queue_url.clone()),
            queue: Queue::new(sqs, config.deliveries_queue_url.clone()),
            queue_arn: config.deliveries_queue_arn.clone(),
            scheduler: Scheduler::new(sdk, group, role, &config.scheduler_dlq_arn),
        }
    }
}

impl AwsQueue {
    /// Returns the queue itself.
    pub(crate) fn records(&self) -> &Queue {
        &self.queue
    }
}

impl DeliveryQueue for AwsQueue {
    async fn send(&self, messages: &[Delivery]) -> Result<(), PortError> {
        let messages = messages.iter().map(|message| (message.to_json(), message.group())).collect();
        self.queue.send_batch(messages).await.map_err(not_accepted)
    }

    async fn send_at(&self, name: &str, message: &Delivery, at: Timestamp, now: Timestamp) -> Result<(), PortError> {
        let wait = at.duration_since(now);
        if wait > LONGEST_DELAY {
            return self.scheduler.create(name, &self.queue_arn, message.to_json(), at).await;
        }
        // Whole seconds, rounded up, so that it does not arrive early.
        let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1_000);
        let (body, group) = (message.to_json(), message.group());
        self.queue.send(body, &group, Duration::from_secs(seconds)).await.map_err(not_accepted)
    }

    async fn hand_over(&self, email: &Due) -> Result<(), PortError> {
        let sent = self.due.send(email.to_json(), &email.group(), EMAIL_DELAY).await;
        sent.map_err(|error| PortError::unavailable_because("the due queue accepted no message", error))
    }
}

fn not_accepted(error: runtime::QueueError) -> PortError {
    PortError::unavailable_because("the deliveries queue accepted no message", error)
}
