//! The one loop: find the booking, decide, commit, execute. Processor and reminder differ only in what they bring.

use domain::{BookingId, ConnectionName, Decision, Fact, InviteeUri, Snapshot, Verdict, decide};
use jiff::Timestamp;
use wire::due::Due;

use crate::book::{Settlement, settle_request};
use crate::execute::{CallLimiter, execute};
use crate::ports::{Calendly, Clock, CommitError, Store, StoredFact, TimerKind, Timers, Unavailable, World};

/// A fact as it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedFact {
    /// What it says.
    pub fact: Fact,
    /// When it reached us.
    pub at: Timestamp,
    /// The body as Calendly sent it.
    pub payload: Vec<u8>,
}

/// What was achieved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Which booking it was.
    pub booking: BookingId,
    /// Whether the fact said anything new.
    pub verdict: Verdict,
}

/// Why a record must come back.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The world could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Others kept writing the same booking.
    #[error("the booking kept changing under us")]
    Contended,
    /// Commands are still open: time ran short, or somebody else holds them.
    #[error("{0} commands are still open")]
    Unfinished(usize),
}

/// How often a decision is made again after somebody else wrote first.
pub(crate) const MOST_DECISIONS: usize = 5;

/// Of a long chain that was asked for at once, the first accounts are kept: a transaction holds 100 rows.
const MOST_EVIDENCE: usize = 16;

/// No invitee moves a meeting this often; a longer chain is a fault in the data.
const LONGEST_WALK: usize = 64;

/// Takes a fact in and carries out what follows from it, and whatever was still open.
///
/// # Errors
/// When the record must come back. What was committed stays, and is not done twice.
pub async fn process_fact<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    received: &ReceivedFact,
    deadline: Timestamp,
) -> Result<Progress, EngineError> {
    for _ in 0..MOST_DECISIONS {
        let (snapshot, facts) = locate(world, connection, &received.fact).await?;
        let booking = snapshot.booking.id.clone();
        match advance(world, limiter, connection, snapshot, &facts, Some(received), deadline).await? {
            Step::Beaten => {}
            Step::Through(progress) => return Ok(progress),
            Step::Learned(facts) => {
                let further = go_on(world, limiter, connection, &booking, facts, deadline).await?;
                return Ok(Progress { verdict: Verdict::New, ..further });
            }
        }
    }
    Err(EngineError::Contended)
}

/// Carries out whatever is open of a booking: a timer fired, or an earlier try was cut off. A request whose answer is
/// missing is settled first, by asking Calendly.
///
/// # Errors
/// When the record must come back.
pub async fn resume_booking<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    booking: &BookingId,
    deadline: Timestamp,
) -> Result<Progress, EngineError> {
    let mut snapshot = world.store().load(connection, booking).await?;
    let mut facts = Vec::new();
    let mut is_settled = false;
    // What can't be asked now must not hold up what is due.
    let mut unasked = None;
    for (token, request) in snapshot.booking.open_requests() {
        match settle_request(world, connection, booking, token, request).await {
            Ok(Settlement::Booked(fact)) => facts.push(*fact),
            Ok(Settlement::NotBooked) => is_settled = true,
            Ok(Settlement::Unsettled(at)) => schedule_recheck(world, connection, booking, at).await?,
            Err(trouble) => unasked = Some(trouble),
        }
    }
    if is_settled {
        // That nothing was booked is written down, and so is what follows from it.
        snapshot = world.store().load(connection, booking).await?;
    }
    let progress = match advance(world, limiter, connection, snapshot, &facts, None, deadline).await? {
        Step::Through(progress) => progress,
        Step::Beaten => go_on(world, limiter, connection, booking, facts, deadline).await?,
        Step::Learned(facts) => go_on(world, limiter, connection, booking, facts, deadline).await?,
    };
    unasked.map_or(Ok(progress), Err)
}

/// Has a booking looked at again at an instant within 15 minutes: what is done before anything that nobody would redeliver.
///
/// # Errors
/// The due queue could not be reached.
pub async fn schedule_recheck<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    at: Timestamp,
) -> Result<(), Unavailable> {
    let due = Due::V1 { connection: connection.clone(), booking: booking.clone(), commands: Vec::new() };
    world.timers().set_timer(booking.as_str(), &due, at, world.clock().now(), TimerKind::DelayedMessage).await
}

/// Decides on facts that are known to be this booking's, and on what Calendly answers about it, until there is no more.
async fn go_on<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    booking: &BookingId,
    mut facts: Vec<Fact>,
    deadline: Timestamp,
) -> Result<Progress, EngineError> {
    for _ in 0..MOST_DECISIONS {
        let snapshot = world.store().load(connection, booking).await?;
        match advance(world, limiter, connection, snapshot, &facts, None, deadline).await? {
            Step::Beaten => {}
            Step::Through(progress) => return Ok(progress),
            Step::Learned(more) => facts = more,
        }
    }
    Err(EngineError::Contended)
}

/// How one decision went.
enum Step {
    /// Somebody else wrote first.
    Beaten,
    /// Committed and carried out.
    Through(Progress),
    /// Committed and carried out, and Calendly was asked for something.
    Learned(Vec<Fact>),
}

/// Decides, commits and executes once.
async fn advance<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    snapshot: Snapshot,
    facts: &[Fact],
    received: Option<&ReceivedFact>,
    deadline: Timestamp,
) -> Result<Step, EngineError> {
    let settings = world.store().settings(connection).await?;
    let now = world.clock().now();
    let decision = decide(&snapshot, facts, &settings, now);
    if !decision.is_empty() {
        let stored_facts = stored_facts(&decision, facts, received, now);
        match world.store().commit(&decision, &stored_facts).await {
            Ok(()) => {}
            Err(CommitError::Conflict) => return Ok(Step::Beaten),
            Err(CommitError::Unavailable(error)) => return Err(error.into()),
        }
    }
    let verdict = decision.verdict;
    let snapshot = snapshot.after(&decision);
    let carried = execute(world, limiter, connection, &snapshot, &settings, received, deadline).await?;
    if carried.learned.is_empty() && !carried.missed {
        Ok(Step::Through(Progress { booking: snapshot.booking.id, verdict }))
    } else {
        Ok(Step::Learned(carried.learned))
    }
}

/// What is kept of the facts. A duplicate that only finds something to withdraw leaves no second trace.
pub(crate) fn stored_facts(
    decision: &Decision,
    facts: &[Fact],
    received: Option<&ReceivedFact>,
    now: Timestamp,
) -> Vec<StoredFact> {
    if !decision.booking_changed {
        return Vec::new();
    }
    let of = |fact: &Fact| {
        let told = received.filter(|it| it.fact.id == fact.id);
        StoredFact {
            id: fact.id.clone(),
            kind: fact.kind,
            invitee: fact.leg.invitee.clone(),
            occurred_at: fact.occurred_at,
            received_at: told.map_or(now, |it| it.at),
            payload: told.map(|it| it.payload.clone()).unwrap_or_default(),
        }
    };
    facts.iter().take(MOST_EVIDENCE).map(of).collect()
}

/// Finds the booking a fact belongs to, and the facts that are needed to link it there: through the aliases, else through
/// our token, else at the root of the chain, which Calendly is asked for.
///
/// Two reads where nothing is missing.
async fn locate<W: World>(
    world: &W,
    connection: &ConnectionName,
    fact: &Fact,
) -> Result<(Snapshot, Vec<Fact>), EngineError> {
    let store = world.store();
    let chain: Vec<InviteeUri> = fact.chain().cloned().collect();
    let aliases = store.aliases(connection, &chain, fact.leg.token.as_ref()).await?;
    let mut snapshot = match chain.iter().find_map(|uri| aliases.invitees.get(uri)) {
        Some(booking) => Some(store.load(connection, booking).await?),
        None => None,
    };

    // A leg that we asked for comes as a stranger: nothing but its token leads to the booking that waits for it.
    if snapshot.is_none()
        && let Some(booking) = &aliases.token
    {
        snapshot = Some(store.load(connection, booking).await?).filter(|it| it.booking.is_linked_to(fact));
    }

    let mut facts = vec![fact.clone()];
    let mut root = fact.leg.invitee.clone();
    let mut before = fact.leg.previous.clone();
    for _ in 0..LONGEST_WALK {
        let Some(uri) = before.take() else { break };
        root = uri.clone();
        if snapshot.as_ref().is_some_and(|it| it.booking.leg(&uri).is_some()) {
            break;
        }
        if snapshot.is_none()
            && !chain.contains(&uri)
            && let Some(booking) = store.aliases(connection, std::slice::from_ref(&uri), None).await?.invitees.get(&uri)
        {
            snapshot = Some(store.load(connection, booking).await?);
            before = Some(uri);
            continue;
        }
        let Some(earlier) = world.calendly().look_up(connection, &uri).await? else {
            tracing::warn!("Calendly knows nothing of an invitee that a meeting was moved from");
            break;
        };
        before.clone_from(&earlier.leg.previous);
        facts.push(earlier);
    }
    if let Some(snapshot) = snapshot {
        return Ok((snapshot, facts));
    }

    if let Some(token) = facts.iter().rev().find_map(|it| it.leg.token.as_ref()) {
        // A leg that was found on the way may be one that we asked for.
        if fact.leg.token.as_ref() != Some(token)
            && let Some(booking) = store.aliases(connection, &[], Some(token)).await?.token
        {
            let snapshot = store.load(connection, &booking).await?;
            if facts.iter().any(|fact| snapshot.booking.is_linked_to(fact)) {
                return Ok((snapshot, facts));
            }
        }
        let snapshot = store.load(connection, &BookingId::from_token(connection, token)).await?;
        // A link can be passed on, and its token with it: the token is the booking of whoever used it first.
        if facts.iter().any(|fact| snapshot.booking.is_linked_to(fact)) {
            return Ok((snapshot, facts));
        }
    }
    Ok((store.load(connection, &BookingId::from_root(connection, &root)).await?, facts))
}
