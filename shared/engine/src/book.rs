//! Booking at Calendly, which knows no idempotency key: written down before, asked once, and asked about when its answer
//! is lost. Nothing is ever sent twice blindly.

use domain::scheduling::Form;
use domain::scheduling::budget::{Bucket, Limits, Span, allowance, buckets};
use domain::{
    Booking, BookingId, BookingState, CalendlyRequest, ConnectionName, Decision, Fact, FactKind, Leg, Metadata,
    Private, Reason, RequestState, Settings, Snapshot, Token, decide, request,
};
use jiff::{SignedDuration, Timestamp};

use crate::desk::{ApiStore, RequestSnapshot, ReserveError};
use crate::drive::{EngineError, MOST_DECISIONS, schedule_recheck, stored_facts};
use crate::execute::LAST_START;
use crate::ports::{BookOutcome, BookingQuery, Calendly, Clock, CommitError, Store, Unavailable, World};

/// How long somebody who asks Calendly may take: longer than the schedule function lives.
const ASKING: SignedDuration = SignedDuration::from_secs(35);

/// How long Calendly may take to carry out what it gave no answer to. Until then, not finding a booking means nothing.
const DOUBT: SignedDuration = SignedDuration::from_secs(120);

/// How soon it is worth asking again about a request in doubt.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// A request, as far as it must be known again.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Our booking.
    pub booking: &'a BookingId,
    /// The token that the leg is to carry.
    pub token: &'a Token,
    /// What equals for the same request and differs for another.
    pub digest: &'a str,
    /// The invitee's address.
    pub email: &'a Private<String>,
    /// Whose budget it counts against: the URI of the event type's owner.
    pub owner: &'a str,
    /// Where the token comes from.
    pub key: KeyOrigin,
}

/// Where a request's idempotency key comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyOrigin {
    /// The caller gave it: it stands for one request, whatever became of that.
    Caller,
    /// It was made of the request: it stands for nothing as long as nothing was booked.
    Request,
}

/// What is known of a request before anything is asked.
#[derive(Debug)]
pub enum RequestLookup {
    /// Nothing: it may be placed.
    NewRequest(Box<NewRequest>),
    /// It was booked before.
    Booked(Box<Booking>),
    /// Somebody is at it, or Calendly has not been heard: to be asked again at that instant.
    InProgress(Timestamp),
    /// The key belongs to another request.
    Differs,
}

/// A request that nobody has made before, and what there was to know about it.
#[derive(Debug)]
pub struct NewRequest {
    /// What was read.
    pub request_snapshot: RequestSnapshot,
    /// When it was read.
    read_at: Timestamp,
}

/// Why no booking is to be had now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetSpent {
    /// Of which span the budget is spent; `None` when Calendly said so.
    pub span: Option<Span>,
    /// When there is room for one again, as far as is known.
    pub free_at: Timestamp,
}

/// A request with nothing left to be chosen.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// What it is known by.
    pub ask: Ask<'a>,
    /// What Calendly is told.
    pub form: &'a Form,
    /// What VAI knows of it.
    pub metadata: Option<Metadata>,
    /// The leg it takes the place of.
    pub replaces: Option<&'a Leg>,
    /// The owner's budget.
    pub limits: Limits,
}

/// What came of a request.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// It is booked.
    Booked(Box<Booking>),
    /// The slot is somebody else's.
    Filled,
    /// Calendly takes no more for now, or would not.
    BudgetSpent(BudgetSpent),
    /// Calendly said no, and will say no again.
    Refused {
        /// Why.
        reason: Reason,
        /// In its words, as far as they are not personal.
        detail: String,
        /// What of the form it is about, in Calendly's names.
        parameters: Vec<String>,
    },
    /// Nothing was booked, and it may be tried again.
    Unavailable(String),
    /// Calendly was not heard: to be asked again, with the same key, at that instant.
    Doubtful(Timestamp),
    /// The booking has changed since it was looked at: somebody else is at it.
    Raced,
}

/// Looks a request up by its token, and settles what an earlier try left open. One read when it is new.
///
/// # Errors
/// When the table can't be read, or Calendly can't be asked about a request in doubt.
pub async fn look_up_request<W: World>(
    world: &W,
    connection: &ConnectionName,
    ask: Ask<'_>,
) -> Result<RequestLookup, EngineError>
where
    W::Store: ApiStore,
{
    let fresh = look(world, connection, ask).await?;
    let known = &fresh.request_snapshot.booking;
    let made = || RequestLookup::Booked(Box::new(known.clone()));
    let Some(requested) = known.request_for(ask.token) else {
        return Ok(match known.leg_of(ask.token) {
            // By a person, on a link that carried the token; or by whom it was passed on to.
            Some(leg) if leg.details.email.expose().eq_ignore_ascii_case(ask.email.expose()) => made(),
            Some(_) => RequestLookup::Differs,
            None => RequestLookup::NewRequest(Box::new(fresh)),
        });
    };
    let is_same = requested.digest == ask.digest;
    if known.leg_of(ask.token).is_some() {
        return Ok(if is_same { made() } else { RequestLookup::Differs });
    }
    let is_refused = matches!(requested.state, RequestState::Refused { .. });
    let binds = !is_refused || ask.key == KeyOrigin::Caller;
    if binds && !is_same {
        return Ok(RequestLookup::Differs);
    }
    match settle_request(world, connection, ask.booking, ask.token, requested).await? {
        Settlement::Booked(fact) => {
            // What follows from it is carried out by whoever comes next.
            schedule_recheck(world, connection, ask.booking, world.clock().now() + ASK_AGAIN).await?;
            Ok(RequestLookup::Booked(Box::new(learn_fact(world, connection, ask.booking, &fact).await?)))
        }
        Settlement::NotBooked => Ok(RequestLookup::NewRequest(Box::new(look(world, connection, ask).await?))),
        Settlement::Unsettled(at) => Ok(RequestLookup::InProgress(at)),
    }
}

async fn look<W: World>(world: &W, connection: &ConnectionName, ask: Ask<'_>) -> Result<NewRequest, Unavailable>
where
    W::Store: ApiStore,
{
    let read_at = world.clock().now();
    let request_snapshot =
        world.store().request_snapshot(connection, ask.booking, ask.owner, &buckets(read_at)).await?;
    Ok(NewRequest { request_snapshot, read_at })
}

impl NewRequest {
    /// What a booking may be taken out of.
    ///
    /// # Errors
    /// There is no room for one now.
    pub fn room(&self, limits: Limits, now: Timestamp) -> Result<[(Bucket, u32); 3], BudgetSpent> {
        match self.request_snapshot.closed_until.filter(|until| *until > now) {
            Some(free_at) => Err(BudgetSpent { span: None, free_at }),
            None => allowance(&self.request_snapshot.spent, limits, now)
                .map_err(|spent| BudgetSpent { span: Some(spent.span), free_at: spent.free_at }),
        }
    }
}

/// Books: reserves the budget and writes the request down, asks Calendly, writes down what it said. Two writes, unless a
/// bucket of the budget ends during the first.
///
/// # Errors
/// When the table can't be written before Calendly was asked; afterwards every trouble has an answer of its own.
pub async fn submit_request<W: World>(
    world: &W,
    connection: &ConnectionName,
    mut fresh: NewRequest,
    wish: &Wish<'_>,
    deadline: Timestamp,
) -> Result<SubmitOutcome, EngineError>
where
    W::Store: ApiStore,
{
    let (ask, token) = (wish.ask, wish.ask.token);
    let settings = world.store().settings(connection).await?;
    let Reserved { snapshot, asking, was_tried } = loop {
        let reserved = match reserve(world, connection, fresh, wish, &settings, deadline).await? {
            Ok(reserved) => reserved,
            Err(placed) => return Ok(placed),
        };
        // Whoever reads a bucket after its end has to find in it all that was taken out of it. This may have come later.
        if buckets(world.clock().now()) == buckets(reserved.asking.at) {
            break reserved;
        }
        let Reserved { snapshot, asking, .. } = reserved;
        let state = RequestState::Refused { reason: Reason::RateLimited, at: world.clock().now() };
        write_down(world, snapshot, token, &asking, state, &settings).await;
        fresh = look(world, connection, ask).await?;
        // Others may have made the same request meanwhile.
        if fresh.request_snapshot.booking.request_for(token) != Some(&CalendlyRequest { state, ..asking }) {
            return Ok(SubmitOutcome::Raced);
        }
    };

    let made = if world.clock().now() + LAST_START > deadline {
        BookOutcome::Unsent { detail: TOO_LATE.to_owned() }
    } else {
        world.calendly().book(connection, wish.form).await
    };
    let (reason, placed) = match made {
        BookOutcome::Booking { fact, closed_for_seconds } => {
            if let Some(seconds) = closed_for_seconds {
                close(world, connection, ask.owner, seconds).await;
            }
            return Ok(booked(world, connection, snapshot, *fact).await);
        }
        BookOutcome::Unknown { detail } => {
            tracing::warn!(error = detail, "Calendly was not heard; it is asked whether it has booked");
            return Ok(doubt(world, connection, &snapshot, token, asking, deadline).await);
        }
        BookOutcome::Filled => {
            // Perhaps by ourselves: an earlier try may have been carried out late.
            if was_tried && let Ok(Some(fact)) = world.calendly().find(connection, &wanted(token, &asking)).await {
                return Ok(booked(world, connection, snapshot, fact).await);
            }
            (Reason::SlotTaken, SubmitOutcome::Filled)
        }
        BookOutcome::Limited { reset_seconds } => {
            let free_at = close(world, connection, ask.owner, reset_seconds).await;
            (Reason::RateLimited, SubmitOutcome::BudgetSpent(BudgetSpent { span: None, free_at }))
        }
        BookOutcome::Refused { reason, detail, parameters } => {
            (reason, SubmitOutcome::Refused { reason, detail, parameters })
        }
        BookOutcome::Unsent { detail } => (Reason::Unreachable, SubmitOutcome::Unavailable(detail)),
    };
    let state = RequestState::Refused { reason, at: world.clock().now() };
    write_down(world, snapshot, token, &asking, state, &settings).await;
    Ok(placed)
}

/// A request that is written down and has its place in the budget.
struct Reserved {
    /// The booking with the request.
    snapshot: Snapshot,
    /// The request.
    asking: CalendlyRequest,
    /// Whether there was one before under the same token.
    was_tried: bool,
}

/// Reserves the budget and writes the request down, or says what came of it.
async fn reserve<W: World>(
    world: &W,
    connection: &ConnectionName,
    fresh: NewRequest,
    wish: &Wish<'_>,
    settings: &Settings,
    deadline: Timestamp,
) -> Result<Result<Reserved, SubmitOutcome>, EngineError>
where
    W::Store: ApiStore,
{
    let (store, ask, token) = (world.store(), wish.ask, wish.ask.token);
    let now = world.clock().now();
    if now + LAST_START > deadline {
        return Ok(Err(too_late()));
    }
    // In another bucket, what was booked in the last one may have grown since it was read. The booking itself must be as it
    // was: else somebody else has asked for the same.
    let revision = fresh.request_snapshot.revision;
    let fresh = if buckets(now) == buckets(fresh.read_at) { fresh } else { look(world, connection, ask).await? };
    if fresh.request_snapshot.revision != revision {
        return Ok(Err(SubmitOutcome::Raced));
    }
    let caps = match fresh.room(wish.limits, now) {
        Ok(caps) => caps,
        Err(full) => return Ok(Err(SubmitOutcome::BudgetSpent(full))),
    };
    let RequestSnapshot { booking, spent, .. } = fresh.request_snapshot;
    let snapshot = if booking.legs().is_empty() {
        Snapshot { revision: fresh.request_snapshot.revision, ..Snapshot::new(booking) }
    } else {
        store.load(connection, ask.booking).await?
    };
    let is_as_it_was = snapshot.revision == revision;
    if !is_as_it_was || wish.replaces.is_some_and(|leg| !may_be_replaced(&snapshot.booking, leg, token)) {
        return Ok(Err(SubmitOutcome::Raced));
    }
    // Should we die from here on, whoever comes then asks Calendly.
    schedule_recheck(world, connection, ask.booking, now + ASKING + SignedDuration::from_secs(1)).await?;
    let asking = CalendlyRequest {
        at: now,
        digest: ask.digest.to_owned(),
        event_name: wish.form.event_name.clone(),
        start: wish.form.start,
        event_type: Some(wish.form.event_type.clone()),
        name: wish.form.person.name.clone(),
        email: wish.form.person.email.clone(),
        zone: wish.form.person.zone.clone(),
        replaces: wish.replaces.map(|leg| leg.invitee.clone()),
        state: RequestState::Asking { until: now + ASKING },
    };
    let decision = request(&snapshot, token, asking.clone(), wish.metadata.clone(), settings, now);
    match store.reserve(&decision, ask.owner, &caps).await {
        Ok(()) => {}
        Err(ReserveError::Spent(bucket)) => {
            let mut spent = spent;
            spent.extend(caps.into_iter().filter(|(capped, _)| *capped == bucket));
            let free_at = allowance(&spent, wish.limits, now).err().map_or(now + ASK_AGAIN, |it| it.free_at);
            return Ok(Err(SubmitOutcome::BudgetSpent(BudgetSpent { span: Some(bucket.span), free_at })));
        }
        Err(ReserveError::Commit(CommitError::Conflict)) => return Ok(Err(SubmitOutcome::Raced)),
        Err(ReserveError::Commit(CommitError::Unavailable(error))) => return Err(error.into()),
    }
    let was_tried = snapshot.booking.request_for(token).is_some();
    Ok(Ok(Reserved { snapshot: snapshot.after(&decision), asking, was_tried }))
}

const TOO_LATE: &str = "too little time is left to hear Calendly's answer";

fn too_late() -> SubmitOutcome {
    SubmitOutcome::Unavailable(TOO_LATE.to_owned())
}

/// Whether a leg may be given up for another: it is the one that the booking stands on, nobody has canceled it, and no
/// other request is under way. Two at once would leave a meeting that nobody knows of.
fn may_be_replaced(booking: &Booking, leg: &Leg, token: &Token) -> bool {
    let is_head = matches!(booking.state(), Some(BookingState::Active(head)) if head.invitee == leg.invitee);
    let is_alone = booking.open_requests().all(|(other, _)| other == token);
    is_head && is_alone && !booking.cancel_requests().contains_key(&leg.invitee)
}

fn wanted(token: &Token, requested: &CalendlyRequest) -> BookingQuery {
    BookingQuery { token: token.clone(), email: requested.email.clone(), start: requested.start }
}

/// How a request whose answer is missing ended.
pub(crate) enum Settlement {
    /// Calendly has booked it.
    Booked(Box<Fact>),
    /// Calendly has not, and will not any more.
    NotBooked,
    /// It is too early to say; at that instant it is not.
    Unsettled(Timestamp),
}

/// Asks Calendly about a request that nobody knows the end of, once whoever made it is done for.
pub(crate) async fn settle_request<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    token: &Token,
    requested: &CalendlyRequest,
) -> Result<Settlement, EngineError> {
    let now = world.clock().now();
    match requested.state {
        RequestState::Refused { .. } => return Ok(Settlement::NotBooked),
        RequestState::Asking { until } if until > now => return Ok(Settlement::Unsettled(until)),
        RequestState::Asking { .. } | RequestState::Doubtful => {}
    }
    if let Some(fact) = world.calendly().find(connection, &wanted(token, requested)).await? {
        return Ok(Settlement::Booked(Box::new(fact)));
    }
    if requested.at + DOUBT > now {
        return Ok(Settlement::Unsettled(now + ASK_AGAIN));
    }
    let settings = world.store().settings(connection).await?;
    for _ in 0..MOST_DECISIONS {
        let snapshot = world.store().load(connection, booking).await?;
        let still = snapshot.booking.request_for(token) == Some(requested) && snapshot.booking.leg_of(token).is_none();
        if !still {
            return Ok(Settlement::Unsettled(now + ASK_AGAIN));
        }
        let state = RequestState::Refused { reason: Reason::NotFound, at: now };
        let decision = request(&snapshot, token, CalendlyRequest { state, ..requested.clone() }, None, &settings, now);
        match world.store().commit(&decision, &[]).await {
            Ok(()) => return Ok(Settlement::NotBooked),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Unavailable(error)) => return Err(error.into()),
        }
    }
    Err(EngineError::Contended)
}

/// Takes in what Calendly has booked. It is booked whatever becomes of our own record: whoever looks at the booking next
/// finds it.
async fn booked<W: World>(world: &W, connection: &ConnectionName, snapshot: Snapshot, fact: Fact) -> SubmitOutcome {
    let fact = Fact { kind: FactKind::Booked, ..fact };
    let id = snapshot.booking.id.clone();
    let mut booking = snapshot.booking.clone();
    booking.apply_fact(&fact);
    let learned = match commit(world, connection, &snapshot, &fact).await {
        Ok(Some(decision)) => Ok(decision.booking),
        // Its webhook was quicker.
        Ok(None) => learn_fact(world, connection, &id, &fact).await,
        Err(error) => Err(error.into()),
    };
    match learned {
        Ok(learned) => booking = learned,
        Err(error) => tracing::warn!(booking.id = %id, error = %error, "a booking could not be written down yet"),
    }
    SubmitOutcome::Booked(Box::new(booking))
}

/// Calendly was not heard: it is asked at once, and if it does not know of the booking yet, that is written down.
async fn doubt<W: World>(
    world: &W,
    connection: &ConnectionName,
    snapshot: &Snapshot,
    token: &Token,
    asking: CalendlyRequest,
    deadline: Timestamp,
) -> SubmitOutcome {
    let now = world.clock().now();
    if now + LAST_START <= deadline
        && let Ok(Some(fact)) = world.calendly().find(connection, &wanted(token, &asking)).await
    {
        return booked(world, connection, snapshot.clone(), fact).await;
    }
    if let Ok(settings) = world.store().settings(connection).await {
        write_down(world, snapshot.clone(), token, &asking, RequestState::Doubtful, &settings).await;
    }
    SubmitOutcome::Doubtful(world.clock().now() + ASK_AGAIN)
}

/// Decides on a fact about a booking as it stands now, and commits.
async fn learn_fact<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    fact: &Fact,
) -> Result<Booking, EngineError> {
    for _ in 0..MOST_DECISIONS {
        let snapshot = world.store().load(connection, booking).await?;
        if let Some(decision) = commit(world, connection, &snapshot, fact).await? {
            return Ok(decision.booking);
        }
    }
    Err(EngineError::Contended)
}

/// Decides on a fact and commits; `None` when somebody else wrote first.
async fn commit<W: World>(
    world: &W,
    connection: &ConnectionName,
    snapshot: &Snapshot,
    fact: &Fact,
) -> Result<Option<Decision>, Unavailable> {
    let settings = world.store().settings(connection).await?;
    let now = world.clock().now();
    let facts = std::slice::from_ref(fact);
    let decision = decide(snapshot, facts, &settings, now);
    if decision.is_empty() {
        return Ok(Some(decision));
    }
    match world.store().commit(&decision, &stored_facts(&decision, facts, None, now)).await {
        Ok(()) => Ok(Some(decision)),
        Err(CommitError::Conflict) => Ok(None),
        Err(CommitError::Unavailable(error)) => Err(error),
    }
}

/// Writes down how a request ended without a booking, unless somebody has settled it meanwhile. If that fails, the request
/// stays open and is asked about later.
async fn write_down<W: World>(
    world: &W,
    mut snapshot: Snapshot,
    token: &Token,
    asking: &CalendlyRequest,
    state: RequestState,
    settings: &Settings,
) {
    let (connection, id) = (snapshot.booking.connection.clone(), snapshot.booking.id.clone());
    for _ in 0..MOST_DECISIONS {
        let is_open = snapshot.booking.leg_of(token).is_none() && snapshot.booking.request_for(token) == Some(asking);
        if !is_open {
            return;
        }
        let ended = CalendlyRequest { state, ..asking.clone() };
        let decision = request(&snapshot, token, ended, None, settings, world.clock().now());
        let written = match world.store().commit(&decision, &[]).await {
            Ok(()) => return,
            Err(CommitError::Conflict) => world.store().load(&connection, &id).await,
            Err(CommitError::Unavailable(error)) => Err(error),
        };
        match written {
            Ok(anew) => snapshot = anew,
            Err(error) => {
                tracing::warn!(booking.id = %id, error = %error, "how a request ended could not be written down");
                return;
            }
        }
    }
}

/// Remembers that Calendly takes no bookings of an owner's for a while; gives back until when.
async fn close<W: World>(world: &W, connection: &ConnectionName, owner: &str, seconds: u32) -> Timestamp
where
    W::Store: ApiStore,
{
    let until = world.clock().now() + SignedDuration::from_secs(i64::from(seconds));
    if let Err(error) = world.store().close(connection, owner, until).await {
        tracing::warn!(error = %error, "that Calendly takes no more bookings could not be written down");
    }
    until
}
