//! What VAI asked for: a booking's metadata, and the requests that were sent to Calendly.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{EventTypeUri, InviteeUri, Token};
use crate::leg::Leg;
use crate::personal::Private;
use crate::reason::Reason;

/// What VAI wrote down about a booking that one of its agents made. Kept through moves.
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
    /// The event type as VAI asked for it. VAI is given this name back.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Where the booking comes from: `vai_agent`.
    #[serde(default)]
    pub source: Option<String>,
    /// The agent's notes. They go to VAI's own e-mail template and nowhere else.
    #[serde(default)]
    pub notes: Option<Private<String>>,
    /// A phone number that VAI knows.
    #[serde(default)]
    pub phone: Option<Private<String>>,
    /// The language of the conversation, a BCP 47 tag.
    #[serde(default)]
    pub language: Option<String>,
    /// What the invitee wants to talk about, where that chose the event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What the agent found out about the invitee, and answers that the form has no question for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
    /// When the row was written.
    pub created_at: Timestamp,
}

/// A leg that Calendly was asked to book. Written before Calendly is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendlyRequest {
    /// When the last try was made, by our clock.
    pub at: Timestamp,
    /// Equal for the same request, different for another request under the same key.
    pub digest: String,
    /// The event type's name.
    pub event_name: String,
    /// The start that was asked for, UTC.
    pub start: Timestamp,
    /// The event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventTypeUri>,
    /// The invitee's name.
    #[serde(default)]
    pub name: Private<String>,
    /// The invitee's address. Calendly is asked by it when its answer was lost.
    pub email: Private<String>,
    /// The IANA time zone of the invitee.
    pub zone: String,
    /// The leg that it is to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<InviteeUri>,
    /// Its state, as long as no leg carries its token.
    #[serde(rename = "stands")]
    pub state: RequestState,
}

/// The state of a request that has not become a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Calendly is being asked. If it is still in this state at `until`, the function that asked was killed.
    Asking {
        /// When the function that asked has certainly ended.
        until: Timestamp,
    },
    /// Calendly gave no answer. It is not known whether it has booked.
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
    pub reason: Option<Private<String>>,
}

/// How long Calendly may take to carry out a request that it did not answer. Before that, not finding a booking proves
/// nothing.
const DOUBT: SignedDuration = SignedDuration::from_secs(120);

/// How soon it is worth asking again about a request in doubt.
pub const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// What to do about a request whose outcome is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestCheck {
    /// Nothing was booked, and that is written down.
    NotBooked,
    /// The function that asks Calendly may still be running. Look again at this instant.
    Wait(Timestamp),
    /// Calendly has to be asked whether it has booked.
    AskCalendly,
}

impl CalendlyRequest {
    /// Says what to do to learn how the request ended.
    pub fn check(&self, now: Timestamp) -> RequestCheck {
        match self.state {
            RequestState::Refused { .. } => RequestCheck::NotBooked,
            RequestState::Asking { until } if until > now => RequestCheck::Wait(until),
            RequestState::Asking { .. } | RequestState::Doubtful => RequestCheck::AskCalendly,
        }
    }

    /// Whether Calendly, which knows of no such booking at `now`, will not make it any more.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        self.at + DOUBT <= now
    }

    /// The request, ended without a booking.
    pub fn refused(self, reason: Reason, at: Timestamp) -> Self {
        Self { state: RequestState::Refused { reason, at }, ..self }
    }

    /// Whether nothing was booked.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, RequestState::Refused { .. })
    }

    /// The meeting that was asked for, in the form of a leg.
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

/// Where a request's idempotency key comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyOrigin {
    /// The caller gave it. It stands for one request, however that ended.
    Caller,
    /// It was derived from the request. It stands for nothing as long as nothing was booked.
    Request,
}

/// What a booking knows of a request that is made, perhaps again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestStatus<'a> {
    /// It was never made.
    New,
    /// It was made, and is booked.
    Booked,
    /// It was made, and no booking is known of it.
    Unbooked(&'a CalendlyRequest),
    /// The key belongs to another request.
    KeyReused,
}
