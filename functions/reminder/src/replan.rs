//! Plans the messages of booked meetings again, after a change of settings. Each message of the queue is one page of
//! bookings: each booking gets a message of its own, and the last one is the next page. So it goes on after a crash.

use batch::Failure;
use domain::ConnectionName;
use engine::{BookingPage, Clock, PortError, Replan, SettingsStore, TimerKind, Timers, World};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use wire::due::Due;

/// The bookings of one page.
const PAGE: usize = 100;

/// One page of a re-planning.
pub(crate) struct ReplanPage<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) version: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) bookings: u64,
    pub(crate) after: Option<&'a str>,
}

/// Hands over one page of bookings, and the next page.
///
/// # Errors
/// What went wrong. The message must be delivered again; what was handed over twice changes nothing.
pub(crate) async fn replan<W>(world: &W, page: ReplanPage<'_>) -> Result<(), Failure>
where
    W: World<Store: SettingsStore>,
{
    hand_over(world, page).await?;
    Ok(())
}

async fn hand_over<W>(world: &W, page: ReplanPage<'_>) -> Result<(), PortError>
where
    W: World<Store: SettingsStore>,
{
    let ReplanPage { connection, version, started_at, bookings, after } = page;
    let (store, now) = (world.store(), world.clock().now());
    if store.load_replan(connection).await?.is_some_and(|it| it.version > version) {
        tracing::info!(%connection, version, "re-planning ended: later settings are being applied");
        return Ok(());
    }
    let BookingPage { bookings: ids, next } = store.list_upcoming(connection, now, after, PAGE).await?;
    let handed_over = bookings + u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let send =
        async |name: &str, due: Due| world.timers().set_timer(name, &due, now, now, TimerKind::DelayedMessage).await;
    try_join_all(ids.iter().map(|booking| {
        let due = Due::V1 {
            connection: connection.clone(),
            booking: booking.clone(),
            commands: Vec::new(),
            settings: Some(version),
        };
        send(booking.as_str(), due)
    }))
    .await?;
    let is_done = next.is_none();
    if let Some(after) = next {
        let (connection, after) = (connection.clone(), Some(after));
        let due = Due::Replan { connection, version, started_at, bookings: handed_over, after };
        send("replan", due).await?;
    }
    let replan = Replan { version, bookings: handed_over, is_done, started_at, updated_at: now };
    store.write_replan(connection, &replan).await?;
    tracing::info!(%connection, version, bookings = handed_over, is_done, "meetings handed over to be planned again");
    Ok(())
}
