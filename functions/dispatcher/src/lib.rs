//! The dispatcher: each message of the deliveries queue says which lane of an endpoint to continue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::{Failure, RecordQueue};
use deliveries::{Dispatcher, Limits, Ports};
use jiff::Timestamp;
use wire::deliveries::Delivery;

/// Handles a batch. Returns the records that must be delivered again.
pub async fn handle<P: Ports>(
    ports: &P,
    limits: Limits,
    queue: &impl RecordQueue,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let dispatcher = Dispatcher { ports, limits, deadline };
    batch::process_records(event, queue, dispatcher.now(), async |message: &str| {
        // Only our own functions and schedules write to this queue. A message that cannot be read ends in the
        // dead-letter queue, with an alarm.
        let message = Delivery::parse(message).map_err(Failure::Permanent)?;
        Ok(dispatcher.process(&message).await?)
    })
    .await
}
