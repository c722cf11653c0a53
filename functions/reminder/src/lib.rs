//! The reminder: a timer's message names a booking. Every open command of that booking that is due is executed.
//!
//! It also sends the e-mails to customers' endpoints: it is the function that sends messages.

mod email;
mod import;
mod replan;
mod report;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::error_chain;
use engine::{CallLimiter, Clock, EngineError, ImportStore, Invocation, SettingsStore, Store, World};
use jiff::Timestamp;
use runtime::telemetry;
use wire::due::Due;

pub use email::Endpoints;

use crate::replan::ReplanPage;

/// Handles a batch. Returns the records that must be delivered again.
pub async fn handle<W: World<Store: SettingsStore + ImportStore>>(
    world: &W,
    endpoints: &impl Endpoints,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    batch::process_records(event, async |message: &str| {
        // Only our own timers write to this queue. A message that cannot be read ends in the dead-letter queue, with an
        // alarm.
        match Due::parse(message)? {
            Due::V1 { connection, booking, commands, settings } => {
                tracing::info!(booking.id = %booking, due.commands = commands.len(), "timer fired");
                if let Some(version) = settings {
                    let required = world.store().require_settings(&connection, version).await;
                    required.map_err(|error| error_chain(&error))?;
                }
                let invocation = Invocation { world, limiter: &limiter, connection: &connection, deadline };
                resume(invocation, &booking).await.map_err(|error| error_chain(&error))
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
