//! Booking at Calendly, which knows no idempotency key: written down before, asked once, and asked about when its answer
//! is lost. Nothing is ever sent twice blindly.

use domain::scheduling::Form;
use domain::scheduling::budget::{Limits, Span, allowance, buckets};
use domain::{
    Booking, BookingId, ConnectionName, Decision, Fact, FactKind, Leg, Metadata, Reason, RequestStands, Requested,
    Snapshot, Token, decide, request,
};
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Prospect, Records, ReserveError};
use crate::drive::{MOST_DECISIONS, Trouble, evidence, look_again};
use crate::execute::LAST_START;
use crate::ports::{Calendly, Clock, CommitError, Made, Store, Unavailable, Wanted, World};

/// How long somebody who asks Calendly may take: longer than the schedule function lives.
const ASKING: SignedDuration = SignedDuration::from_secs(35);

/// How long Calendly may take to carry out what it gave no answer to. Until then, not finding a booking means nothing.
const DOUBT: SignedDuration = SignedDuration::from_secs(120);

/// How soon it is worth asking again about a request in doubt.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// What is known of a request before anything is asked.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: it may be placed.
    Fresh(Box<Fresh>),
    /// It was booked before: the booking, and the leg that came of it.
    Booked(Box<Booking>, Box<Leg>),
    /// Somebody is at it, or Calendly has not been heard: to be asked again at that instant.
    InProgress(Timestamp),
    /// The key belongs to another request.
    Differs,
}

/// A request that nobody has made before, and what there was to know about it.
#[derive(Debug)]
pub struct Fresh {
    /// What was read.
    pub prospect: Prospect,
    /// When it was read.
    read_at: Timestamp,
}

/// A request with nothing left to be chosen.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Our booking.
    pub booking: &'a BookingId,
    /// What Calendly is told.
    pub form: &'a Form,
    /// What equals for the same request.
    pub digest: &'a str,
    /// What VAI knows of it.
    pub metadata: Option<Metadata>,
    /// The leg it takes the place of.
    pub replaces: Option<&'a Leg>,
    /// Whose budget it counts against: the URI of the event type's owner.
    pub owner: &'a str,
    /// That budget.
    pub limits: Limits,
}

/// What came of a request.
#[derive(Debug)]
pub enum Placed {
    /// It is booked.
    Booked(Box<Booking>, Box<Leg>),
    /// The slot is somebody else's.
    Filled,
    /// Calendly takes no more for now, or would not.
    Spent {
        /// Of which span the budget is spent; `None` when Calendly said so.
        span: Option<Span>,
        /// When it takes one again, as far as is known.
        free_at: Timestamp,
    },
    /// Calendly said no, and will say no again; nothing personal is in the text.
    Refused(Reason, String),
    /// Nothing was booked, and it may be tried again.
    Unavailable(String),
    /// Calendly was not heard: to be asked again, with the same key, at that instant.
    Doubtful(Timestamp),
    /// Somebody else began with the same key at the same time.
    Raced,
}

/// Looks a request up by its token, and settles what an earlier try left open. One read when it is new.
///
/// # Errors
/// When the table can't be read, or Calendly can't be asked about a request in doubt.
pub async fn begin<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    token: &Token,
    digest: &str,
    owner: &str,
) -> Result<Begun, Trouble>
where
    W::Store: Records,
{
    let fresh = look(world, connection, booking, owner).await?;
    let known = &fresh.prospect.booking;
    let Some(requested) = known.requested(token) else {
        return Ok(match known.leg_of(token) {
            // By a person, on a link that carried the token.
            Some(leg) => Begun::Booked(Box::new(known.clone()), Box::new(leg.clone())),
            None => Begun::Fresh(Box::new(fresh)),
        });
    };
    if requested.digest != digest {
        return Ok(Begun::Differs);
    }
    if let Some(leg) = known.leg_of(token) {
        return Ok(Begun::Booked(Box::new(known.clone()), Box::new(leg.clone())));
    }
    match settle(world, connection, booking, token, requested).await? {
        Settled::Booked(fact) => {
            let (booking, leg) = learn(world, connection, booking, &fact).await?;
            Ok(Begun::Booked(Box::new(booking), Box::new(leg)))
        }
        Settled::NotBooked => Ok(Begun::Fresh(Box::new(look(world, connection, booking, owner).await?))),
        Settled::Unsettled(at) => Ok(Begun::InProgress(at)),
    }
}

async fn look<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    owner: &str,
) -> Result<Fresh, Unavailable>
where
    W::Store: Records,
{
    let read_at = world.clock().now();
    let prospect = world.store().prospect(connection, booking, owner, &buckets(read_at)).await?;
    Ok(Fresh { prospect, read_at })
}

/// Books: reserves the budget and writes the request down, asks Calendly, writes down what it said. Two writes.
///
/// # Errors
/// When the table can't be written before Calendly was asked; afterwards every trouble has an answer of its own.
pub async fn place<W: World>(
    world: &W,
    connection: &ConnectionName,
    fresh: Fresh,
    wish: &Wish<'_>,
    deadline: Timestamp,
) -> Result<Placed, Trouble>
where
    W::Store: Records,
{
    let (store, token) = (world.store(), &wish.form.tracking.token);
    let settings = store.settings(connection).await?;
    let now = world.clock().now();
    if now + LAST_START > deadline {
        return Ok(Placed::Unavailable("too little time is left to hear Calendly's answer".to_owned()));
    }
    // In another bucket, what was booked in the last one may have grown since it was read.
    let prospect = if buckets(now) == buckets(fresh.read_at) {
        fresh.prospect
    } else {
        look(world, connection, wish.booking, wish.owner).await?.prospect
    };
    if let Some(until) = prospect.closed_until.filter(|until| *until > now) {
        return Ok(Placed::Spent { span: None, free_at: until });
    }
    let caps = match allowance(&prospect.spent, wish.limits, now) {
        Ok(caps) => caps,
        Err(spent) => return Ok(Placed::Spent { span: Some(spent.span), free_at: spent.free_at }),
    };
    let mut snapshot = Snapshot { revision: prospect.revision, ..Snapshot::of(prospect.booking) };
    if !snapshot.booking.legs().is_empty() {
        snapshot = store.load(connection, wish.booking).await?;
    }
    // Should we die from here on, whoever comes then asks Calendly.
    look_again(world, connection, wish.booking, now + ASKING + SignedDuration::from_secs(1)).await?;
    let asking = Requested {
        at: now,
        digest: wish.digest.to_owned(),
        event_name: wish.form.event_name.clone(),
        start: wish.form.start,
        email: wish.form.person.email.clone(),
        zone: wish.form.person.zone.clone(),
        replaces: wish.replaces.map(|leg| leg.invitee.clone()),
        stands: RequestStands::Asking { until: now + ASKING },
    };
    let decision = request(&snapshot, token, asking.clone(), wish.metadata.clone(), &settings, now);
    match store.reserve(&decision, wish.owner, &caps).await {
        Ok(()) => {}
        Err(ReserveError::Spent(bucket)) => {
            let mut spent = prospect.spent;
            spent.extend(caps.into_iter().filter(|(capped, _)| *capped == bucket));
            let free_at = allowance(&spent, wish.limits, now).err().map_or(now + ASK_AGAIN, |it| it.free_at);
            return Ok(Placed::Spent { span: Some(bucket.span), free_at });
        }
        Err(ReserveError::Commit(CommitError::Conflict)) => return Ok(Placed::Raced),
        Err(ReserveError::Commit(CommitError::Unavailable(error))) => return Err(error.into()),
    }
    let snapshot = snapshot.after(&decision);

    let made = world.calendly().book(connection, wish.form).await;
    let (reason, placed) = match made {
        Made::Booking { fact, closed_for_seconds } => {
            if let Some(seconds) = closed_for_seconds {
                close(world, connection, wish.owner, seconds).await;
            }
            return Ok(booked(world, connection, snapshot, *fact).await);
        }
        Made::Unknown { detail } => {
            tracing::warn!(error = detail, "Calendly was not heard; it is asked whether it has booked");
            return Ok(doubt(world, connection, &snapshot, token, asking, deadline).await);
        }
        Made::Filled => (Reason::SlotTaken, Placed::Filled),
        Made::Limited { reset_seconds } => {
            let free_at = close(world, connection, wish.owner, reset_seconds).await;
            (Reason::RateLimited, Placed::Spent { span: None, free_at })
        }
        Made::Refused { reason, detail } => (reason, Placed::Refused(reason, detail)),
        Made::Unsent { detail } => (Reason::Unreachable, Placed::Unavailable(detail)),
    };
    let now = world.clock().now();
    let refused = Requested { stands: RequestStands::Refused { reason, at: now }, ..asking };
    write_down(world, &request(&snapshot, token, refused, None, &settings, now)).await;
    Ok(placed)
}

/// How a request whose answer is missing ended.
pub(crate) enum Settled {
    /// Calendly has booked it.
    Booked(Box<Fact>),
    /// Calendly has not, and will not any more.
    NotBooked,
    /// It is too early to say; at that instant it is not.
    Unsettled(Timestamp),
}

/// Asks Calendly about a request that nobody knows the end of, once whoever made it is done for.
pub(crate) async fn settle<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    token: &Token,
    requested: &Requested,
) -> Result<Settled, Trouble> {
    let now = world.clock().now();
    match requested.stands {
        RequestStands::Refused { .. } => return Ok(Settled::NotBooked),
        RequestStands::Asking { until } if until > now => return Ok(Settled::Unsettled(until)),
        RequestStands::Asking { .. } | RequestStands::Doubtful => {}
    }
    let wanted = Wanted { token: token.clone(), email: requested.email.clone(), start: requested.start };
    if let Some(fact) = world.calendly().find(connection, &wanted).await? {
        return Ok(Settled::Booked(Box::new(fact)));
    }
    if requested.at + DOUBT > now {
        return Ok(Settled::Unsettled(now + ASK_AGAIN));
    }
    let settings = world.store().settings(connection).await?;
    for _ in 0..MOST_DECISIONS {
        let snapshot = world.store().load(connection, booking).await?;
        let still = snapshot.booking.requested(token) == Some(requested) && snapshot.booking.leg_of(token).is_none();
        if !still {
            return Ok(Settled::Unsettled(now + ASK_AGAIN));
        }
        let stands = RequestStands::Refused { reason: Reason::NotFound, at: now };
        let decision = request(&snapshot, token, Requested { stands, ..requested.clone() }, None, &settings, now);
        match world.store().commit(&decision, &[]).await {
            Ok(()) => return Ok(Settled::NotBooked),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Unavailable(error)) => return Err(error.into()),
        }
    }
    Err(Trouble::Contended)
}

/// Takes in what Calendly has booked. It is booked whatever becomes of our own record: whoever looks at the booking next
/// finds it.
async fn booked<W: World>(world: &W, connection: &ConnectionName, snapshot: Snapshot, fact: Fact) -> Placed {
    let fact = Fact { kind: FactKind::Booked, ..fact };
    let id = snapshot.booking.id.clone();
    let (mut booking, leg) = (snapshot.booking.clone(), fact.leg.clone());
    booking.learn(&fact);
    let learned = match commit(world, connection, &snapshot, &fact).await {
        Ok(Some(decision)) => Ok(decision.booking),
        // Its webhook was quicker.
        Ok(None) => learn(world, connection, &id, &fact).await.map(|(booking, _)| booking),
        Err(error) => Err(error.into()),
    };
    match learned {
        Ok(learned) => booking = learned,
        Err(error) => tracing::warn!(booking.id = %id, error = %error, "a booking could not be written down yet"),
    }
    let leg = booking.leg(&leg.invitee).cloned().unwrap_or(leg);
    Placed::Booked(Box::new(booking), Box::new(leg))
}

/// Calendly was not heard: it is asked at once, and if it does not know of the booking yet, that is written down.
async fn doubt<W: World>(
    world: &W,
    connection: &ConnectionName,
    snapshot: &Snapshot,
    token: &Token,
    asking: Requested,
    deadline: Timestamp,
) -> Placed {
    let now = world.clock().now();
    if now + LAST_START <= deadline {
        let wanted = Wanted { token: token.clone(), email: asking.email.clone(), start: asking.start };
        if let Ok(Some(fact)) = world.calendly().find(connection, &wanted).await {
            return booked(world, connection, snapshot.clone(), fact).await;
        }
    }
    if let Ok(settings) = world.store().settings(connection).await {
        let doubtful = Requested { stands: RequestStands::Doubtful, ..asking };
        write_down(world, &request(snapshot, token, doubtful, None, &settings, now)).await;
    }
    Placed::Doubtful(world.clock().now() + ASK_AGAIN)
}

/// Decides on a fact about a booking as it stands now, and commits.
async fn learn<W: World>(
    world: &W,
    connection: &ConnectionName,
    booking: &BookingId,
    fact: &Fact,
) -> Result<(Booking, Leg), Trouble> {
    for _ in 0..MOST_DECISIONS {
        let snapshot = world.store().load(connection, booking).await?;
        if let Some(decision) = commit(world, connection, &snapshot, fact).await? {
            let leg = decision.booking.leg(&fact.leg.invitee).unwrap_or(&fact.leg).clone();
            return Ok((decision.booking, leg));
        }
    }
    Err(Trouble::Contended)
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
    match world.store().commit(&decision, &evidence(&decision, facts, None, now)).await {
        Ok(()) => Ok(Some(decision)),
        Err(CommitError::Conflict) => Ok(None),
        Err(CommitError::Unavailable(error)) => Err(error),
    }
}

/// Writes down how a request ended without a booking. If that fails, the request stays open and is asked about later.
async fn write_down<W: World>(world: &W, decision: &Decision) {
    if let Err(error) = world.store().commit(decision, &[]).await {
        tracing::warn!(booking.id = %decision.booking.id, error = %error, "how a request ended could not be written down");
    }
}

/// Remembers that Calendly takes no bookings of an owner's for a while; gives back until when.
async fn close<W: World>(world: &W, connection: &ConnectionName, owner: &str, seconds: u32) -> Timestamp
where
    W::Store: Records,
{
    let until = world.clock().now() + SignedDuration::from_secs(i64::from(seconds));
    if let Err(error) = world.store().close(connection, owner, until).await {
        tracing::warn!(error = %error, "that Calendly takes no more bookings could not be written down");
    }
    until
}
