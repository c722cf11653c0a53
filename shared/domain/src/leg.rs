//! A leg: one place of a booking in time, that is, one invitee URI at Calendly. A move ends a leg and begins the next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{EventTypeUri, EventUri, InviteeUri, Token};
use crate::personal::Private;

/// Where a phone number was found. The order is the order of preference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneSource {
    /// Calendly's own text reminder number.
    TextReminderNumber,
    /// The answer to a question that the settings name.
    Question,
    /// The number that the host is to call (location `outbound_call`).
    OutboundCall,
    /// The metadata that VAI wrote with the booking.
    Metadata,
    /// The settings, for a host.
    Settings,
}

impl PhoneSource {
    /// The source's name in the timeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextReminderNumber => "text_reminder_number",
            Self::Question => "a question",
            Self::OutboundCall => "the outbound call",
            Self::Metadata => "VAI",
            Self::Settings => "the settings",
        }
    }
}

/// A text that may be a phone number, and where it was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PhoneCandidate {
    /// Where it was found.
    pub source: PhoneSource,
    /// The question's text, for [`PhoneSource::Question`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The text, as the person wrote it.
    pub text: Private<String>,
}

/// Who canceled a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanceledBy {
    /// The person who had booked.
    Invitee,
    /// The host.
    Host,
    /// Calendly named somebody else, or nobody.
    Other,
}

/// The end of a leg: a cancellation, or the old half of a move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cancellation {
    /// When, by Calendly's clock.
    pub at: Timestamp,
    /// By whom.
    pub by: CanceledBy,
    /// The reason, in the person's own words.
    #[serde(default)]
    pub reason: Option<Private<String>>,
    /// Whether Calendly calls it a move rather than a cancellation.
    pub rescheduled: bool,
}

/// A host of the event: one of Calendly's event memberships.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventHost {
    /// The user's URI at Calendly.
    #[serde(default)]
    pub user: Option<String>,
    /// The host's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The address at Calendly.
    pub email: Private<String>,
}

/// What is known of a leg's meeting. A newer account replaces it whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Details {
    /// Calendly's `updated_at`: the newest account wins.
    pub as_of: Timestamp,
    /// The scheduled event.
    pub event: EventUri,
    /// The event type, where it still exists.
    pub event_type: Option<EventTypeUri>,
    /// The event's name, as the host gave it.
    pub event_name: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// The invitee's name.
    pub name: Private<String>,
    /// The invitee's first name, where Calendly has it separately.
    #[serde(default)]
    pub first_name: Option<Private<String>>,
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// The invitee's IANA time zone, if it is one that exists.
    pub zone: Option<String>,
    /// The link to join, if there is one already.
    #[serde(default)]
    pub join_url: Option<String>,
    /// The address, phone number or words, for a meeting without a link.
    #[serde(default, rename = "place")]
    pub location: Option<Private<String>>,
    /// Where the invitee cancels.
    #[serde(default)]
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    #[serde(default)]
    pub reschedule_url: Option<String>,
    /// Whether people meet in person. Such a meeting is told in the host's time zone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_person: bool,
    /// Whether people meet by video, on a link that Calendly makes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub online: bool,
    /// Whether the host calls the invitee.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_phone: bool,
    /// The first host's name.
    #[serde(default)]
    pub host: Option<String>,
    /// Every host whose address Calendly names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<EventHost>,
    /// The texts that may be phone numbers, in order of preference.
    #[serde(default)]
    pub phones: Vec<PhoneCandidate>,
    /// Calendly's request to confirm once more, and the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconfirmation: Option<Reconfirmation>,
    /// The routing form submission that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_form_submission: Option<String>,
    /// The payment, as Calendly sends it (JSON).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Private<String>>,
}

/// A request to confirm once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reconfirmation {
    /// When Calendly asked.
    pub asked_at: Timestamp,
    /// When the invitee confirmed.
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
}

/// Whether the host marked the invitee as a no-show. The latest mark counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NoShow {
    /// When the mark was set or removed.
    pub at: Timestamp,
    /// Whether it was set.
    pub marked: bool,
}

/// One invitee URI of a booking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leg {
    /// The URI at Calendly.
    pub invitee: InviteeUri,
    /// Our tracking token, where it carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The leg that it was moved from.
    #[serde(default)]
    pub previous: Option<InviteeUri>,
    /// The leg that it was moved to.
    #[serde(default)]
    pub next: Option<InviteeUri>,
    /// What is known of the meeting.
    pub details: Details,
    /// How it ended, if it did.
    #[serde(default)]
    pub canceled: Option<Cancellation>,
    /// The host's latest no-show mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_show: Option<NoShow>,
    /// Whether `invitee.created` was received for it.
    #[serde(default)]
    pub heard_created: bool,
    /// Whether `invitee.canceled` was received for it.
    #[serde(default)]
    pub heard_canceled: bool,
}

impl Leg {
    /// A leg of which only the URI, the event's name and the time are known.
    pub fn bare(invitee: InviteeUri, event_name: &str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            invitee,
            token: None,
            previous: None,
            next: None,
            details: Details {
                as_of: start,
                event: EventUri::new(""),
                event_type: None,
                event_name: event_name.to_owned(),
                start,
                end,
                name: Private::default(),
                first_name: None,
                email: Private::default(),
                zone: None,
                join_url: None,
                location: None,
                cancel_url: None,
                reschedule_url: None,
                in_person: false,
                online: false,
                by_phone: false,
                host: None,
                hosts: Vec::new(),
                phones: Vec::new(),
                reconfirmation: None,
                routing_form_submission: None,
                payment: None,
            },
            canceled: None,
            no_show: None,
            heard_created: false,
            heard_canceled: false,
        }
    }

    /// Whether the invitee is marked as a no-show.
    pub fn is_no_show(&self) -> bool {
        self.no_show.is_some_and(|mark| mark.marked)
    }

    /// Whether the invitee has confirmed once more, as Calendly can ask for.
    pub fn is_reconfirmed(&self) -> bool {
        self.details.reconfirmation.is_some_and(|it| it.confirmed_at.is_some())
    }

    /// Joins another account of the same leg into this one. Links and ends are kept once known. Of details and
    /// cancellations the newest account wins. Ties are settled by content, so that the order of arrival never matters.
    pub(crate) fn join(&mut self, other: Self) {
        self.heard_created |= other.heard_created;
        self.heard_canceled |= other.heard_canceled;
        self.no_show = self.no_show.max(other.no_show);
        self.token = self.token.take().max(other.token);
        self.previous = self.previous.take().max(other.previous);
        self.next = self.next.take().max(other.next);
        self.canceled = match (self.canceled.take(), other.canceled) {
            (Some(a), Some(b)) => Some(if a.rank() >= b.rank() { a } else { b }),
            (a, b) => a.or(b),
        };
        if other.details.rank() > self.details.rank() {
            self.details = other.details;
        }
    }
}

impl Details {
    /// Of two accounts of the same instant the one that knows more ranks higher: a link that Calendly was still making
    /// is not lost again.
    fn rank(&self) -> (Timestamp, usize, String) {
        let links = [&self.join_url, &self.cancel_url, &self.reschedule_url, &self.host, &self.zone];
        let known =
            links.iter().filter(|it| it.is_some()).count() + usize::from(self.location.is_some()) + self.phones.len();
        (self.as_of, known, serialized(self))
    }
}

impl Cancellation {
    /// An account that names who canceled ranks above one that does not.
    fn rank(&self) -> (bool, Timestamp, String) {
        (self.by != CanceledBy::Other, self.at, serialized(self))
    }
}

/// A total order among accounts of the same instant: two that tie here are equal.
fn serialized(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
