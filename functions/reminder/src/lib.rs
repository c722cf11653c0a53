//! What is due: a timer's message names a booking, and whatever of it is open and has its hour is carried out.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use engine::{CallLimiter, Clock, Store, World};
use jiff::Timestamp;
use wire::due::Due;
use world::batch;

/// Handles a batch: the records that must come back are the answer.
pub async fn handle<W: World>(world: &W, event: &SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    batch::process_records(event, async |message: &str| take(world, &limiter, message, deadline).await).await
}

async fn take<W: World>(world: &W, limiter: &CallLimiter, message: &str, deadline: Timestamp) -> Result<(), String> {
    // Only our own timers write to this queue: what can't be read goes round to the dead-letter queue and its alarm.
    let Due::V1 { connection, booking, commands } = Due::parse(message)?;
    let settings = world.store().settings(&connection).await.map_err(|error| error.to_string())?;
    batch::apply_log_level(&settings, world.clock().now());
    tracing::info!(booking.id = %booking, due.commands = commands.len(), "a timer fired");
    engine::resume_booking(world, limiter, &connection, &booking, deadline)
        .await
        .map(|_| ())
        .map_err(|trouble| trouble.to_string())
}
