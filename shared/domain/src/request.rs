//! VAI's requests: a booking's metadata, and the requests that are sent to Calendly.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

use crate::ids::{EventTypeUri, InviteeUri, Token};
use crate::leg::Leg;
use crate::personal::Private;
use crate::reason::Reason;

/// How an invitee's time zone became known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneSource {
    /// The request names it.
    Request,
    /// It is that of the invitee's latest booking.
    LatestBooking,
    /// It is that of the phone number's country.
    Phone,
    /// It is the host's.
    Host,
    /// It is the settings' fallback.
    Settings,
}

/// The metadata that VAI stored for a booking by one of its agents. Moves keep it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// The conversation in which the booking was made.
    pub conversation_id: String,
    /// VAI's user.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The kind of agent, for example `sales`.
    #[serde(default)]
    pub agent_type: Option<String>,
    /// The event type as VAI requested it. Calls to VAI use this name.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The source of the booking: `vai_agent`.
    #[serde(default)]
    pub source: Option<String>,
    /// The agent's notes of what the invitee said. They are used only in VAI's own e-mail template.
    #[serde(default)]
    pub notes: Option<StrangerText>,
    /// A phone number that VAI knows.
    #[serde(default)]
    pub phone: Option<Private<String>>,
    /// The language of the conversation, a BCP 47 tag.
    #[serde(default)]
    pub language: Option<String>,
    /// How the invitee's time zone became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_source: Option<ZoneSource>,
    /// The start that the agent asked for. The meeting may begin at another time near it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wished_start: Option<Timestamp>,
    /// What the invitee wants to talk about, if that selected the event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<StrangerText>,
    /// What the agent found out about the invitee, and answers without a question in the form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<StrangerText, StrangerText>,
    /// The place to meet, if it is no place of the host's: the words of the invitee or the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<StrangerText>,
    /// When the row was written.
    pub created_at: Timestamp,
}

/// A request to Calendly to book a leg. It is stored before it is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendlyRequest {
    /// The time of the last try, by our clock.
    pub at: Timestamp,
    /// A hash of the request. It differs for another request under the same key.
    pub digest: String,
    /// The event type's name.
    pub event_name: String,
    /// The requested start, UTC.
    pub start: Timestamp,
    /// The event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventTypeUri>,
    /// The invitee's name.
    #[serde(default)]
    pub name: StrangerText,
    /// The invitee's address. If Calendly's answer is lost, the booking is searched by it.
    pub email: Private<String>,
    /// The IANA time zone of the invitee.
    pub zone: String,
    /// The leg that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<InviteeUri>,
    /// Its state, as long as no leg has its token.
    #[serde(rename = "stands")]
    pub state: RequestState,
}

/// The state of a request that has not become a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// The request is being sent. If it is still in this state at `until`, the function was killed.
    Asking {
        /// When the function has certainly ended.
        until: Timestamp,
    },
    /// Calendly's answer was lost. It is not known whether the meeting is booked.
    Doubtful,
    /// Nothing was booked.
    Refused {
        /// Why.
        reason: Reason,
        /// When that became known.
        at: Timestamp,
    },
}

/// An agent's request to cancel a leg.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CancellationRequest {
    /// When, by our clock.
    pub at: Timestamp,
    /// The reason that Calendly gives to the people concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StrangerText>,
    /// Whether Calendly has refused it for good, so that the meeting stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// The time in which Calendly may still execute a request without an answer. Before that, a missing booking proves
/// nothing.
const DOUBT: SignedDuration = SignedDuration::from_secs(120);

/// The wait before another look at a request of the same person that is being sent: its answer comes soon.
pub const SENDING_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// The wait before another look-up of a request with an unknown outcome.
pub const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// How to find out the outcome of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestCheck {
    /// Nothing was booked, and that is stored.
    NotBooked,
    /// The function that sends the request may still be running. Check again at this instant.
    Wait(Timestamp),
    /// Calendly must be asked whether the meeting is booked.
    AskCalendly,
}

impl CalendlyRequest {
    /// Returns how to find out the outcome of the request.
    pub fn check(&self, now: Timestamp) -> RequestCheck {
        match self.state {
            RequestState::Refused { .. } => RequestCheck::NotBooked,
            RequestState::Asking { until } if until > now => RequestCheck::Wait(until),
            RequestState::Asking { .. } | RequestState::Doubtful => RequestCheck::AskCalendly,
        }
    }

    /// Returns whether Calendly can no longer execute the request, if it has no such booking at `now`.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        self.at + DOUBT <= now
    }

    /// Returns the request, ended without a booking.
    pub fn refused(self, reason: Reason, at: Timestamp) -> Self {
        Self { state: RequestState::Refused { reason, at }, ..self }
    }

    /// Returns whether nothing was booked.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, RequestState::Refused { .. })
    }

    /// Returns the requested meeting in the form of a leg.
    pub(crate) fn as_leg(&self, token: &Token) -> Leg {
        let mut leg = Leg::bare(InviteeUri::for_request(token), &self.event_name, self.start, self.start);
        leg.details.as_of = self.at;
        leg.details.event_type.clone_from(&self.event_type);
        leg.details.name = self.name.clone();
        leg.details.email = self.email.clone();
        leg.details.zone = Some(self.zone.clone());
        leg
    }
}

/// The origin of a request's idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyOrigin {
    /// The caller's key. It belongs to one request, also after a refusal.
    Caller,
    /// A key derived from the request. It belongs to no request until something is booked.
    Request,
}

/// What a booking knows of a request that is new or repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestStatus<'a> {
    /// The request is new.
    New,
    /// The request is booked.
    Booked,
    /// The request was made, and no booking of it is known.
    Unbooked(&'a CalendlyRequest),
    /// The key belongs to another request.
    KeyReused,
}
