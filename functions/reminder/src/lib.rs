//! The reminder: a timer's message names a booking. Every open command of that booking that is due is executed.
//!
//! It also sends the e-mails to customers' endpoints and one-time codes: it is the function that sends messages.

mod code;
mod email;
mod import;
mod replan;
mod report;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::{Failure, RecordQueue};
use engine::{ApiStore, CallLimiter, Clock, EngineError, ImportStore, Invocation, SettingsStore, Store, World};
use jiff::Timestamp;
use runtime::telemetry;
use wire::due::Due;

pub use email::Endpoints;

use crate::replan::ReplanPage;

/// Handles a batch. Returns the records that must be delivered again.
pub async fn handle<W: World<Store: SettingsStore + ImportStore + ApiStore>>(
    world: &W,
    endpoints: &impl Endpoints,
    queue: &impl RecordQueue,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    batch::process_records(event, queue, world.clock().now(), async |message: &str| {
        // Only our own timers write to this queue. A message that cannot be read ends in the dead-letter queue, with an
        // alarm.
        match Due::parse(message).map_err(Failure::Permanent)? {
            Due::V1 { connection, booking, commands, settings } => {
                tracing::info!(booking.id = %booking, due.commands = commands.len(), "timer fired");
                if let Some(version) = settings {
                    world.store().require_settings(&connection, version).await?;
                }
                let invocation = Invocation { world, limiter: &limiter, connection: &connection, deadline };
                Ok(resume(invocation, &booking).await?)
            }
            Due::Replan { connection, version, started_at, bookings, after } => {
                let after = after.as_deref();
                let page = ReplanPage { connection: &connection, version, started_at, bookings, after };
                replan::replan(world, page).await
            }
            Due::Import { connection, position } => {
                let invocation = Invocation { world, limiter: &limiter, connection: &connection, deadline };
                import::import(invocation, position).await
            }
            Due::Email { connection, endpoint, key, mail } => {
                email::send(world, endpoints, &connection, &endpoint, &key, &mail).await
            }
            Due::Code { connection, id, digits } => code::send(world, &connection, &id, &digits).await,
        }
    })
    .await
}

async fn resume<W: World>(invocation: Invocation<'_, W>, booking: &domain::BookingId) -> Result<(), EngineError> {
    let Invocation { world, connection, .. } = invocation;
    let settings = world.store().load_settings(connection).await?;
    telemetry::set_level(settings.logging.level_at(world.clock().now()));
    invocation.resume_booking(booking).await.map(drop)
}
