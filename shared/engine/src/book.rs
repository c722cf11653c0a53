//! Booking at Calendly, which has no idempotency key. A request is stored before it is sent, and it is sent once. If
//! the answer is lost, the booking is looked up. A request is sent again only if it is certain that nothing was booked.
//!
//! A [`BookingRequest`] has stages: [`Identified`] by its token, [`New`] after the look-up, and [`Complete`] with a
//! form.

use domain::scheduling::Form;
use domain::scheduling::budget::{Bucket, Limits, Span, allowance, buckets};
use domain::{
    ASK_AGAIN_AFTER, Booking, BookingId, CalendlyRequest, CancellationRequest, Fact, FactKind, KeyOrigin, Leg,
    Metadata, Private, Reason, RequestState, RequestStatus, SENDING_AGAIN_AFTER, Settings, Snapshot, StrangerText,
    Token, decide, error_chain, hasten_cancellations, record_cancellation, record_request,
};
use jiff::{SignedDuration, Timestamp};

use crate::change::Write;
use crate::invocation::{EngineError, Invocation, LEASE};
use crate::ports::{
    ApiStore, BookOutcome, Calendly, CommitError, PortError, RequestSnapshot, ReserveError, Store, World,
};
use crate::requests::{Settlement, booking_query};

/// How long a request may be in the state `Asking`: longer than the schedule function runs.
const ASKING: SignedDuration = SignedDuration::from_secs(35);

/// A request to book, at one of its stages.
#[derive(Clone, Debug)]
pub struct BookingRequest<Stage> {
    /// Our booking.
    pub booking: BookingId,
    /// The token of the requested leg.
    pub token: Token,
    /// A hash of the request.
    pub digest: String,
    /// The invitee's address.
    pub email: Private<String>,
    /// The URI of the event type's owner: the request counts against that budget.
    pub owner: String,
    /// The origin of the token's key.
    pub key_origin: KeyOrigin,
    /// The stage.
    pub stage: Stage,
}

/// The stage of a request that is not looked up yet.
#[derive(Clone, Copy, Debug)]
pub struct Identified;

/// The stage of a request that was not made before, with the data of the look-up.
#[derive(Clone, Debug)]
pub struct New {
    /// The data of the look-up.
    pub snapshot: RequestSnapshot,
    /// When it was read.
    read_at: Timestamp,
}

/// The stage of a request with its form.
#[derive(Clone, Debug)]
pub struct Complete {
    new: New,
    details: RequestDetails,
}

/// The details of a request.
#[derive(Clone, Debug)]
pub struct RequestDetails {
    /// The form that is sent to Calendly.
    pub form: Form,
    /// VAI's metadata.
    pub metadata: Option<Metadata>,
    /// The leg that it replaces.
    pub replaces: Option<Leg>,
    /// The owner's budget.
    pub limits: Limits,
}

/// What is known of a request before Calendly is asked.
#[derive(Debug)]
pub enum RequestLookup {
    /// The request is new.
    New(Box<BookingRequest<New>>),
    /// The request was booked before.
    Booked(Box<Booking>),
    /// The request is in progress, or its outcome is unknown. Look it up again at this instant.
    InProgress(Timestamp),
    /// The key belongs to another request.
    KeyReused,
}

/// The budget is spent, so no booking can be made now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetSpent {
    /// The span whose limit is reached; `None` if Calendly reported it.
    pub span: Option<Span>,
    /// When another booking is possible, as far as known.
    pub free_at: Timestamp,
}

/// The outcome of a request.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// It is booked.
    Booked(Box<Booking>),
    /// The slot is no longer free.
    Filled,
    /// The budget is spent, or Calendly refuses more bookings at the moment.
    BudgetSpent(BudgetSpent),
    /// Calendly refused the request and would refuse it again.
    Refused {
        /// Why.
        reason: Reason,
        /// Calendly's codes, without personal data.
        detail: String,
        /// The fields of the form that are not valid, by Calendly's names.
        parameters: Vec<String>,
    },
    /// Nothing was booked, and it may be tried again.
    Unavailable(String),
    /// Calendly's answer was lost. Repeat the call with the same key at this instant.
    Doubtful(Timestamp),
    /// The booking was changed since it was read.
    Raced,
}

impl<Stage> BookingRequest<Stage> {
    fn at<Next>(self, stage: Next) -> BookingRequest<Next> {
        let Self { booking, token, digest, email, owner, key_origin, .. } = self;
        BookingRequest { booking, token, digest, email, owner, key_origin, stage }
    }
}

impl BookingRequest<New> {
    /// Returns the present buckets of the budget, with their caps.
    ///
    /// # Errors
    /// The budget is spent.
    pub fn room(&self, limits: Limits, now: Timestamp) -> Result<[(Bucket, u32); 3], BudgetSpent> {
        self.stage.room(limits, now)
    }

    /// Completes the request.
    pub fn complete(self, details: RequestDetails) -> BookingRequest<Complete> {
        let stage = Complete { new: self.stage.clone(), details };
        self.at(stage)
    }
}

impl BookingRequest<Complete> {
    /// Returns its details.
    pub fn details(&self) -> &RequestDetails {
        &self.stage.details
    }
}

impl New {
    fn room(&self, limits: Limits, now: Timestamp) -> Result<[(Bucket, u32); 3], BudgetSpent> {
        match self.snapshot.closed_until.filter(|until| *until > now) {
            Some(free_at) => Err(BudgetSpent { span: None, free_at }),
            None => allowance(&self.snapshot.spent, limits, now)
                .map_err(|spent| BudgetSpent { span: Some(spent.span), free_at: spent.free_at }),
        }
    }
}

/// A request that is stored and counted in the budget.
struct Reserved {
    /// The booking with the request.
    snapshot: Snapshot,
    /// The request.
    asking: CalendlyRequest,
    /// Whether there was an earlier try with the same token.
    was_tried: bool,
}

const TOO_LATE: &str = "too little time is left to hear Calendly's answer";

impl<W: World> Invocation<'_, W>
where
    W::Store: ApiStore,
{
    /// Looks up a request by its token, and settles an open earlier try. One read if it is new.
    ///
    /// # Errors
    /// The table cannot be read, or Calendly cannot be asked about a request with an unknown outcome.
    pub async fn look_up_request(&self, request: BookingRequest<Identified>) -> Result<RequestLookup, EngineError> {
        let new = self.load_new(&request).await?;
        let booking = &new.snapshot.booking;
        let BookingRequest { token, digest, email, key_origin, .. } = &request;
        let unbooked = match booking.request_status(token, digest, email, *key_origin) {
            RequestStatus::New => return Ok(RequestLookup::New(Box::new(request.at(new)))),
            RequestStatus::Booked => return Ok(RequestLookup::Booked(Box::new(booking.clone()))),
            RequestStatus::KeyReused => return Ok(RequestLookup::KeyReused),
            RequestStatus::Unbooked(unbooked) => unbooked,
        };
        match self.settle_request(&request.booking, token, unbooked).await? {
            Settlement::Booked(fact) => {
                // The recheck executes the commands of the booking.
                self.schedule_recheck(&request.booking, self.now() + ASK_AGAIN_AFTER).await?;
                Ok(RequestLookup::Booked(Box::new(self.commit_fact(&request.booking, None, &fact).await?)))
            }
            Settlement::NotBooked => {
                let new = self.load_new(&request).await?;
                let booking = &new.snapshot.booking;
                // The same request may have been sent again since it was read.
                match booking.request_status(token, digest, email, *key_origin) {
                    RequestStatus::Unbooked(sent) if !sent.is_refused() => {
                        Ok(RequestLookup::InProgress(self.now() + SENDING_AGAIN_AFTER))
                    }
                    RequestStatus::New | RequestStatus::Unbooked(_) => {
                        Ok(RequestLookup::New(Box::new(request.at(new))))
                    }
                    RequestStatus::Booked => Ok(RequestLookup::Booked(Box::new(booking.clone()))),
                    RequestStatus::KeyReused => Ok(RequestLookup::KeyReused),
                }
            }
            Settlement::Unsettled(at) => Ok(RequestLookup::InProgress(at)),
        }
    }

    async fn load_new<Stage>(&self, request: &BookingRequest<Stage>) -> Result<New, PortError> {
        let read_at = self.now();
        let BookingRequest { booking, owner, .. } = request;
        let snapshot = self.world.store().load_request(self.connection, booking, owner, &buckets(read_at)).await?;
        Ok(New { snapshot, read_at })
    }

    /// Books: reserves the budget and stores the request, sends it to Calendly, and stores the outcome. Two writes,
    /// unless a bucket of the budget ends during the first.
    ///
    /// # Errors
    /// The table cannot be written before the request is sent. Later failures are outcomes.
    pub async fn submit_request(&self, request: BookingRequest<Complete>) -> Result<SubmitOutcome, EngineError> {
        let (token, details) = (&request.token, &request.stage.details);
        let settings = self.world.store().load_settings(self.connection).await?;
        let mut new = request.stage.new.clone();
        let Reserved { snapshot, asking, was_tried } = loop {
            let reserved = match self.reserve(&request, new, &settings).await? {
                Ok(reserved) => reserved,
                Err(outcome) => return Ok(outcome),
            };
            // A bucket that is read after its end must have all its bookings. This reservation may have been written
            // after its end.
            if buckets(self.now()) == buckets(reserved.asking.at) {
                break reserved;
            }
            let Reserved { snapshot, asking, .. } = reserved;
            let ended = asking.clone().refused(Reason::RateLimited, self.now());
            self.end_request(snapshot, token, &asking, ended.state).await;
            new = self.load_new(&request).await?;
            // The same request may have been made concurrently.
            if new.snapshot.booking.request_for(token) != Some(&ended) {
                return Ok(SubmitOutcome::Raced);
            }
        };

        let booked = if self.has_time_for_call() {
            self.world.calendly().create_booking(self.connection, &details.form).await
        } else {
            BookOutcome::Unsent { detail: TOO_LATE.to_owned() }
        };
        let (reason, outcome) = match booked {
            BookOutcome::Booking { fact, closed_for_seconds } => {
                if let Some(seconds) = closed_for_seconds {
                    self.close_budget(&request.owner, seconds).await;
                }
                return Ok(self.record_booking(snapshot, *fact).await);
            }
            BookOutcome::Unknown { detail } => {
                tracing::warn!(error = detail, "no answer to a booking, looking it up");
                return Ok(self.resolve_doubt(&snapshot, token, asking).await);
            }
            BookOutcome::Filled => {
                // Our own earlier try may have booked the slot: Calendly may have executed it late.
                let query = booking_query(token, &asking);
                if was_tried && let Ok(Some(fact)) = self.world.calendly().find_booking(self.connection, &query).await {
                    return Ok(self.record_booking(snapshot, fact).await);
                }
                (Reason::SlotTaken, SubmitOutcome::Filled)
            }
            BookOutcome::Limited { reset_seconds } => {
                let free_at = self.close_budget(&request.owner, reset_seconds).await;
                (Reason::RateLimited, SubmitOutcome::BudgetSpent(BudgetSpent { span: None, free_at }))
            }
            BookOutcome::Refused { reason, detail, parameters } => {
                (reason, SubmitOutcome::Refused { reason, detail, parameters })
            }
            BookOutcome::Unsent { detail } => (Reason::Unreachable, SubmitOutcome::Unavailable(detail)),
        };
        self.end_request(snapshot, token, &asking, RequestState::Refused { reason, at: self.now() }).await;
        Ok(outcome)
    }

    /// Reserves the budget and stores the request, or returns why that is not possible.
    async fn reserve(
        &self,
        request: &BookingRequest<Complete>,
        new: New,
        settings: &Settings,
    ) -> Result<Result<Reserved, SubmitOutcome>, EngineError> {
        let BookingRequest { booking: id, token, digest, owner, .. } = request;
        let RequestDetails { form, metadata, replaces, limits } = &request.stage.details;
        let (store, now) = (self.world.store(), self.now());
        if !self.has_time_for_call() {
            return Ok(Err(SubmitOutcome::Unavailable(TOO_LATE.to_owned())));
        }
        // If a new bucket has begun, the previous bucket may have more bookings than were read. If the booking itself
        // has changed, the same request was made concurrently.
        let revision = new.snapshot.revision;
        let new = if buckets(now) == buckets(new.read_at) { new } else { self.load_new(request).await? };
        if new.snapshot.revision != revision {
            return Ok(Err(SubmitOutcome::Raced));
        }
        let caps = match new.room(*limits, now) {
            Ok(caps) => caps,
            Err(spent) => return Ok(Err(SubmitOutcome::BudgetSpent(spent))),
        };
        let RequestSnapshot { booking, events, kept_until, spent, .. } = new.snapshot;
        let snapshot = if booking.legs().is_empty() {
            Snapshot { revision, events, kept_until, ..Snapshot::new(booking) }
        } else {
            store.load_booking(self.connection, id).await?
        };
        let is_unchanged = snapshot.revision == revision;
        if !is_unchanged || replaces.as_ref().is_some_and(|leg| !snapshot.booking.may_replace(leg, token)) {
            return Ok(Err(SubmitOutcome::Raced));
        }
        // If this function is killed after this, the recheck asks Calendly.
        self.schedule_recheck(id, now + ASKING + SignedDuration::from_secs(1)).await?;
        let asking = CalendlyRequest {
            at: now,
            digest: digest.clone(),
            event_name: form.event_name.clone(),
            start: form.start,
            event_type: Some(form.event_type.clone()),
            name: form.person.name.clone(),
            email: form.person.email.clone(),
            zone: form.person.zone.clone(),
            replaces: replaces.as_ref().map(|leg| leg.invitee.clone()),
            state: RequestState::Asking { until: now + ASKING },
        };
        let decision = record_request(&snapshot, token, asking.clone(), metadata.clone(), settings, now);
        match store.reserve_budget(&decision, owner, &caps).await {
            Ok(()) => {}
            Err(ReserveError::Spent(bucket)) => {
                let mut spent = spent;
                spent.extend(caps.into_iter().filter(|(capped, _)| *capped == bucket));
                let free_at = allowance(&spent, *limits, now).err().map_or(now + ASK_AGAIN_AFTER, |it| it.free_at);
                return Ok(Err(SubmitOutcome::BudgetSpent(BudgetSpent { span: Some(bucket.span), free_at })));
            }
            Err(ReserveError::Commit(CommitError::Conflict)) => return Ok(Err(SubmitOutcome::Raced)),
            Err(ReserveError::Commit(CommitError::Port(error))) => return Err(error.into()),
        }
        let was_tried = snapshot.booking.request_for(token).is_some();
        Ok(Ok(Reserved { snapshot: snapshot.after(&decision), asking, was_tried }))
    }

    /// Commits a booking that Calendly has made. If that fails, the recheck finds the booking.
    async fn record_booking(&self, snapshot: Snapshot, fact: Fact) -> SubmitOutcome {
        let fact = Fact { kind: FactKind::Booked, ..fact };
        let id = snapshot.booking.id.clone();
        let mut booking = snapshot.booking.clone();
        booking.apply_fact(&fact);
        match self.commit_fact(&id, Some(snapshot), &fact).await {
            Ok(committed) => booking = committed,
            Err(error) => {
                tracing::warn!(booking.id = %id, error = error_chain(&error), "booking not stored yet");
            }
        }
        SubmitOutcome::Booked(Box::new(booking))
    }

    /// Looks up a booking whose answer was lost. If it is not found yet, the request is stored as doubtful.
    async fn resolve_doubt(&self, snapshot: &Snapshot, token: &Token, asking: CalendlyRequest) -> SubmitOutcome {
        let query = booking_query(token, &asking);
        if self.has_time_for_call()
            && let Ok(Some(fact)) = self.world.calendly().find_booking(self.connection, &query).await
        {
            return self.record_booking(snapshot.clone(), fact).await;
        }
        self.end_request(snapshot.clone(), token, &asking, RequestState::Doubtful).await;
        SubmitOutcome::Doubtful(self.now() + ASK_AGAIN_AFTER)
    }

    /// Decides on a fact about a booking and commits; on the snapshot, if one is given, as long as nobody writes first.
    async fn commit_fact(
        &self,
        id: &BookingId,
        mut snapshot: Option<Snapshot>,
        fact: &Fact,
    ) -> Result<Booking, EngineError> {
        let load = async || self.snapshot_or_load(&mut snapshot, id).await;
        let facts = std::slice::from_ref(fact);
        self.change(load, |snapshot, settings, now| {
            let decision = decide(&snapshot, facts, &settings, now);
            let booking = decision.booking.clone();
            (Write::decision(decision, facts, now), booking)
        })
        .await
    }

    /// Stores the state of a request that was not booked, unless it was settled concurrently. If that fails, the
    /// request stays open, and the recheck looks it up.
    async fn end_request(&self, snapshot: Snapshot, token: &Token, asking: &CalendlyRequest, state: RequestState) {
        let id = snapshot.booking.id.clone();
        let mut first = Some(snapshot);
        let load = async || self.snapshot_or_load(&mut first, &id).await;
        let written = self
            .change(load, |snapshot, settings, now| {
                if !snapshot.booking.is_open(token, asking) {
                    return (Write::Nothing, ());
                }
                let ended = CalendlyRequest { state, ..asking.clone() };
                let decision = record_request(&snapshot, token, ended, None, &settings, now);
                (Write::decision(decision, &[], now), ())
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(booking.id = %id, error = error_chain(&error), "outcome of a request not stored");
        }
    }

    /// Stores that Calendly refuses bookings of an owner for some seconds. Returns the end of that time.
    async fn close_budget(&self, owner: &str, seconds: u32) -> Timestamp {
        let until = self.now() + SignedDuration::from_secs(i64::from(seconds));
        if let Err(error) = self.world.store().close_budget(self.connection, owner, until).await {
            tracing::warn!(error = error_chain(&error), "closed budget not stored");
        }
        until
    }

    /// Tries cancellations of a booking at Calendly now that wait for their next try.
    ///
    /// # Errors
    /// A port gave no result, or other functions repeatedly changed the same booking.
    pub async fn hasten_cancellations(&self, booking: &BookingId) -> Result<(), EngineError> {
        let load = async || Ok(self.world.store().load_booking(self.connection, booking).await?);
        self.change(load, |snapshot, settings, now| match hasten_cancellations(&snapshot, &settings, now) {
            Some(decision) => (Write::decision(decision, &[], now), ()),
            None => (Write::Nothing, ()),
        })
        .await
    }

    /// Stores an agent's request to cancel the active meeting. After that, the cancellation is a command. Returns
    /// whether it was stored: `false` if there is no active meeting or a request is open.
    ///
    /// # Errors
    /// A port gave no result, or other functions repeatedly changed the same booking.
    pub async fn request_cancellation(
        &self,
        booking: &BookingId,
        reason: Option<StrangerText>,
    ) -> Result<bool, EngineError> {
        self.schedule_recheck(booking, self.now() + LEASE).await?;
        let load = async || Ok(self.world.store().load_booking(self.connection, booking).await?);
        self.change(load, |snapshot, settings, now| {
            let request = CancellationRequest { at: now, reason: reason.clone(), refused: false };
            match record_cancellation(&snapshot, request, &settings, now) {
                Some(decision) => (Write::decision(decision, &[], now), true),
                None => (Write::Nothing, false),
            }
        })
        .await
    }
}
