//! Requests to book: how a repetition is recognized, and how the outcome is answered.

use api::answer::LocationView;
use api::request::BookRequest;
use api::{Refusal, When, Why};
use domain::scheduling::EventType;
use domain::scheduling::budget::Span;
use domain::{
    Booking, BookingId, BookingState, ConnectionName, InviteeUri, KeyOrigin, Private, SENDING_AGAIN_AFTER, Token,
    digest, email_key,
};
use engine::{BookingRequest, BudgetSpent, Complete, Identified, New, RequestDetails, RequestLookup, SubmitOutcome};
use front::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::links::NewLink;
use crate::resolve::invitee_invalid;
use crate::schedule::{Ports, Schedule};

/// How many bookings of one conversation for one time may be canceled before the caller needs its own idempotency key.
const MOST_ENDED: usize = 8;

/// The key by which a request is recognized.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Key {
    /// The caller's idempotency key.
    #[serde(rename = "Given")]
    Caller(String),
    /// The parts of the request that are equal in repetitions.
    #[serde(rename = "Of")]
    Derived(Vec<String>),
}

impl Key {
    /// Returns the caller's key, else a key derived from the conversation, the event type and the time.
    ///
    /// # Errors
    /// The caller names no conversation.
    pub(crate) fn new(context: &Context, event_type: &EventType, start: Timestamp) -> Result<Self, Refusal> {
        let conversation = context.conversation()?;
        Ok(match &context.caller.idempotency_key {
            Some(key) => Self::Caller(key.clone()),
            None => Self::Derived(vec![conversation.to_owned(), event_type.uri.to_string(), start.to_string()]),
        })
    }

    /// Returns the token of the key. After a booking has ended, another one can be made with the same derived key.
    pub(crate) fn token(&self, connection: &ConnectionName, ended: Option<&InviteeUri>) -> Token {
        let mut parts = match self {
            Self::Caller(key) => vec!["given", key],
            Self::Derived(parts) => std::iter::once("derived").chain(parts.iter().map(String::as_str)).collect(),
        };
        parts.extend(ended.map(InviteeUri::as_str));
        Token::from_key(connection, &digest(&parts))
    }

    fn origin(&self) -> KeyOrigin {
        match self {
            Self::Caller(_) => KeyOrigin::Caller,
            Self::Derived(_) => KeyOrigin::Request,
        }
    }
}

/// The parts of a request to book that identify it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: Key,
    pub(crate) digest: String,
    pub(crate) email: Private<String>,
    /// The owner whose budget it counts against.
    pub(crate) owner: String,
}

impl Identity {
    fn request(&self, connection: &ConnectionName, ended: Option<&InviteeUri>) -> BookingRequest<Identified> {
        let token = self.key.token(connection, ended);
        BookingRequest {
            booking: BookingId::from_token(connection, &token),
            token,
            digest: self.digest.clone(),
            email: self.email.clone(),
            owner: self.owner.clone(),
            key_origin: self.key.origin(),
            stage: Identified,
        }
    }
}

/// What is known of a request before Calendly is asked.
pub(crate) enum Started {
    /// The request was booked before.
    Booked(Box<Booking>),
    /// The request is new.
    New(Box<BookingRequest<New>>),
}

impl<P: Ports> Schedule<P> {
    /// Looks up a request. If its booking has ended and its key is derived, the request is new.
    pub(crate) async fn start_request(&self, context: &Context, identity: &Identity) -> Result<Started, Refusal> {
        let (connection, locale) = (&context.connection, &context.locale);
        let mut ended = None;
        for _ in 0..MOST_ENDED {
            let request = identity.request(connection, ended.as_ref());
            let booking = request.booking.to_string();
            match self.look_up_request(context, request).await? {
                RequestLookup::Booked(booking) => match ended_leg(&booking) {
                    Some(leg) if identity.key.origin() == KeyOrigin::Request => ended = Some(leg),
                    _ => return Ok(Started::Booked(booking)),
                },
                RequestLookup::New(request) => return Ok(Started::New(request)),
                RequestLookup::InProgress(until) => return Err(self.in_progress(context, until)),
                RequestLookup::KeyReused => {
                    return Err(locale.refuse(Why::KeyReused { booking: Some(booking), endpoint: None }));
                }
            }
        }
        // A caller that cancels and books the same time repeatedly needs its own idempotency key.
        let booking = identity.request(connection, ended.as_ref()).booking.to_string();
        Err(locale.refuse(Why::KeyReused { booking: Some(booking), endpoint: None }))
    }

    pub(crate) async fn look_up_request(
        &self,
        context: &Context,
        request: BookingRequest<Identified>,
    ) -> Result<RequestLookup, Refusal> {
        let known = self.invocation(context).look_up_request(request).await;
        known.map_err(|error| context.locale.unfinished(&error))
    }

    /// Returns the booking of the same request if it was booked concurrently, else the refusal.
    pub(crate) async fn booked_concurrently(
        &self,
        context: &Context,
        identity: &Identity,
        refusal: Refusal,
    ) -> Result<Box<Booking>, Refusal> {
        if !matches!(refusal.why, Why::SlotTaken { .. } | Why::NoSlot | Why::BudgetExhausted { .. }) {
            return Err(refusal);
        }
        match self.start_request(context, identity).await? {
            Started::Booked(booking) => Ok(booking),
            Started::New(_) => Err(refusal),
        }
    }

    /// Submits a request to Calendly.
    pub(crate) async fn submit_request(
        &self,
        context: &Context,
        event_type: &EventType,
        request: BookingRequest<Complete>,
    ) -> Result<Box<Booking>, Refusal> {
        let locale = &context.locale;
        let outcome = self.invocation(context).submit_request(request.clone()).await;
        match outcome.map_err(|error| locale.unfinished(&error))? {
            SubmitOutcome::Booked(booking) => Ok(booking),
            SubmitOutcome::Filled => Err(self.slot_taken(context, event_type, request.details().form.start).await),
            SubmitOutcome::BudgetSpent(spent) => {
                let link = self.link_instead(context, event_type, &request).await;
                Err(self.budget_exhausted(context, event_type, spent, link))
            }
            SubmitOutcome::Refused { reason, detail, parameters } => {
                tracing::error!(reason = reason.code(), detail, "booking refused by Calendly");
                Err(refused_form(context, event_type, &parameters))
            }
            SubmitOutcome::Unavailable(detail) => {
                tracing::warn!(detail, "booking not sent to Calendly");
                Err(locale.refuse(Why::CalendlyUnavailable).after(5))
            }
            SubmitOutcome::Doubtful(until) => Err(self.in_progress(context, until)),
            SubmitOutcome::Raced => Err(self.in_progress(context, self.now() + SENDING_AGAIN_AFTER)),
        }
    }

    /// Returns the link for a person when the budget is spent: for a move the invitee's own link, else a new one.
    async fn link_instead(
        &self,
        context: &Context,
        event_type: &EventType,
        request: &BookingRequest<Complete>,
    ) -> Option<String> {
        let RequestDetails { form, metadata, replaces, .. } = request.details();
        if let Some(leg) = replaces {
            return leg.details.reschedule_url.clone();
        }
        let (name, email) = (Some(&form.person.name), Some(&form.person.email));
        let new = NewLink { event_type, token: &request.token, metadata: metadata.as_ref()?, name, email };
        self.make_link(context, &new).await.ok()
    }

    /// Refuses because the budget is spent.
    pub(crate) fn budget_exhausted(
        &self,
        context: &Context,
        event_type: &EventType,
        spent: BudgetSpent,
        link: Option<String>,
    ) -> Refusal {
        let BudgetSpent { span, free_at } = spent;
        let seconds = u32::try_from(free_at.duration_since(self.now()).as_secs().max(1)).unwrap_or(u32::MAX);
        let window = span.map_or_else(|| window_for(seconds), Span::name);
        let message = context.locale.busy(&event_type.name, link.is_some());
        Refusal::new(Why::BudgetExhausted { link, available_at: free_at, window: window.to_owned() }, message)
            .after(seconds)
    }

    /// Refuses because the request is in progress until an instant.
    pub(crate) fn in_progress(&self, context: &Context, until: Timestamp) -> Refusal {
        let seconds = until.duration_since(self.now()).as_secs().clamp(1, 60);
        context.locale.refuse(Why::InProgress).after(u32::try_from(seconds).unwrap_or(1))
    }
}

/// Returns the refusal for a form that Calendly refused, according to the fields that Calendly names.
fn refused_form(context: &Context, event_type: &EventType, parameters: &[String]) -> Refusal {
    let names = |part: &str| parameters.iter().any(|it| it.contains(part));
    let fields = [("email", "inviteeEmail"), ("name", "inviteeName"), ("text_reminder_number", "phone")];
    if let Some((_, field)) = fields.into_iter().find(|(part, _)| names(&format!("invitee.{part}"))) {
        return invitee_invalid(field, context);
    }
    if names("location") {
        let offered = event_type.locations.iter().map(LocationView::from).collect();
        return Refusal::new(Why::LocationInvalid { offered, needs: None }, context.locale.location(None));
    }
    context.locale.refuse(Why::CalendlyRefused)
}

/// Returns the last leg of a booking that is canceled or being canceled.
pub(crate) fn ended_leg(booking: &Booking) -> Option<InviteeUri> {
    match booking.state()? {
        BookingState::Canceled(leg, _) => Some(leg.invitee.clone()),
        BookingState::Active(leg) => Some(leg.invitee.clone()).filter(|it| booking.cancel_requests().contains_key(it)),
        BookingState::Moving(_) => None,
    }
}

/// Returns the owner whose budget a booking counts against. An event type without an owner has its own budget.
pub(crate) fn owner(event_type: &EventType) -> &str {
    if event_type.owner.is_empty() { event_type.uri.as_str() } else { &event_type.owner }
}

/// Returns a hash that is equal for requests for the same booking. The agent's notes may differ between tries.
pub(crate) fn request_digest(request: &BookRequest, event_type: &EventType, start: Timestamp) -> String {
    let same = BookRequest {
        event_type: Some(event_type.uri.to_string()),
        topic: None,
        host: None,
        invitee_email: Private::new(email_key(request.invitee_email.expose())),
        preferred_time: When::Instant(start),
        // An empty text, as in the digests that are stored.
        conversation_id: Some(String::new()),
        user_id: None,
        agent_type: None,
        notes: None,
        timezone: None,
        language: None,
        qualification: std::collections::BTreeMap::new(),
        max_shift: None,
        ..request.clone()
    };
    digest(&[&serde_json::to_string(&same).unwrap_or_default()])
}

fn window_for(seconds: u32) -> &'static str {
    match seconds {
        0..=60 => "minute",
        61..=3_600 => "hour",
        _ => "day",
    }
}
