//! Imports meetings that exist at Calendly. Each message of the queue is one page of scheduled events, and the last
//! thing that it does is to send the next page. So it goes on after a crash, and a page that is imported twice changes
//! nothing.

use batch::Failure;
use domain::{ConnectionName, Verdict, error_chain};
use engine::{
    Calendly, Clock, Import, ImportStore, InviteePage, InviteeQuery, Invocation, PortError, TimerKind, Timers, World,
};
use jiff::SignedDuration;
use wire::due::{Due, ImportPosition};

/// The wait before the next page. A page makes about 21 calls: of the 500 that Calendly accepts in a minute, most stay
/// for bookings.
const PACE: SignedDuration = SignedDuration::from_secs(10);

/// The wait after Calendly gave no answer. It grows with each try.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// The tries of one page: about a day, with the longest delay of a queue.
const MOST_TRIES: u32 = 100;

/// The longest delay of a message.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// Imports one page.
///
/// # Errors
/// What went wrong. The message must be delivered again.
pub(crate) async fn import<W>(invocation: Invocation<'_, W>, position: ImportPosition) -> Result<(), Failure>
where
    W: World<Store: ImportStore>,
{
    let Invocation { world, connection, .. } = invocation;
    let now = world.clock().now();
    let is_later = |stored: Import| stored.started_at > position.started_at;
    let stored = world.store().load_import(connection).await?;
    if stored.is_some_and(is_later) {
        tracing::info!(%connection, "import ended: a later one has begun");
        return Ok(());
    }
    let query = InviteeQuery { since: position.since, event: position.event.clone(), page: position.page.clone() };
    let InviteePage { events, facts, next } = match world.calendly().list_invitees(connection, &query).await {
        Ok(page) => page,
        Err(error) => return put_off(world, connection, position, &error).await,
    };
    let mut changed = position.changed;
    let invitees = u64::try_from(facts.len()).unwrap_or(u64::MAX);
    for fact in facts {
        let progress = invocation.import_fact(fact).await?;
        changed += u64::from(progress.verdict == Verdict::New);
    }
    let done = ImportPosition {
        page: next,
        events: position.events + events,
        invitees: position.invitees + invitees,
        changed,
        tries: 0,
        ..position
    };
    let import = progress_of(&done, now, None);
    if !import.is_done {
        send(world, connection, done, PACE).await?;
    }
    tracing::info!(%connection, events = import.events, changed = import.changed, is_done = import.is_done, "page imported");
    world.store().write_import(connection, &import).await?;
    Ok(())
}

/// Tries the page again later, or ends the import.
async fn put_off<W>(
    world: &W,
    connection: &ConnectionName,
    position: ImportPosition,
    error: &PortError,
) -> Result<(), Failure>
where
    W: World<Store: ImportStore>,
{
    let problem = error_chain(error);
    let tries = position.tries + 1;
    let is_over = tries >= MOST_TRIES || !error.is_temporary();
    tracing::warn!(%connection, tries, error = problem, is_over, "a page of an import could not be read");
    let position = ImportPosition { tries, ..position };
    let mut import = progress_of(&position, world.clock().now(), Some(problem));
    import.is_done = is_over;
    if !is_over {
        let wait = RETRY_AFTER.checked_mul(i32::try_from(tries).unwrap_or(i32::MAX)).unwrap_or(LONGEST_DELAY);
        send(world, connection, position, wait.min(LONGEST_DELAY)).await?;
    }
    world.store().write_import(connection, &import).await?;
    Ok(())
}

fn progress_of(position: &ImportPosition, now: jiff::Timestamp, problem: Option<String>) -> Import {
    Import {
        started_at: position.started_at,
        updated_at: now,
        events: position.events,
        invitees: position.invitees,
        changed: position.changed,
        is_done: position.page.is_none() && problem.is_none(),
        problem,
    }
}

async fn send<W: World>(
    world: &W,
    connection: &ConnectionName,
    position: ImportPosition,
    wait: SignedDuration,
) -> Result<(), PortError> {
    let now = world.clock().now();
    let due = Due::Import { connection: connection.clone(), position };
    world.timers().set_timer("import", &due, now + wait, now, TimerKind::DelayedMessage).await
}
