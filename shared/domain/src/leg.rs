//! A leg: one invitee URI of a booking, with its meeting time. A move ends a leg and begins the next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

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
    /// The number that the host calls (location `outbound_call`).
    OutboundCall,
    /// VAI's metadata of the booking.
    Metadata,
    /// The settings, for a host.
    Settings,
}

impl PhoneSource {
    /// Returns the source's name in the timeline.
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

/// The person who canceled a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanceledBy {
    /// The person who booked.
    Invitee,
    /// The host.
    Host,
    /// Calendly names another person, or none.
    Other,
}

/// The end of a leg: a cancellation, or the old half of a move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cancellation {
    /// When, by Calendly's clock.
    pub at: Timestamp,
    /// The person who canceled.
    pub by: CanceledBy,
    /// The reason, in the person's own words.
    #[serde(default)]
    pub reason: Option<StrangerText>,
    /// Whether it is the old half of a move, according to Calendly.
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
    /// The e-mail address at Calendly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Private<String>>,
}

impl EventHost {
    /// Returns the e-mail address, if Calendly named it.
    pub fn address(&self) -> Option<&str> {
        self.email.as_ref().map(|it| it.expose().as_str())
    }
}

/// The invitee's answer to a question of the booking form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The question, as the host wrote it.
    pub question: String,
    /// The answer, in the person's own words.
    pub answer: StrangerText,
}

/// Where a booking came from: the tracking parameters of the booking page's link. Anybody can write them into a link.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Tracking {
    /// `utm_source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_source: Option<StrangerText>,
    /// `utm_medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_medium: Option<StrangerText>,
    /// `utm_campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_campaign: Option<StrangerText>,
    /// `utm_content`, unless it is our own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_content: Option<StrangerText>,
    /// `utm_term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_term: Option<StrangerText>,
    /// The id of a Salesforce record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_uuid: Option<StrangerText>,
}

impl Tracking {
    /// Returns whether no parameter is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The details of a leg's meeting. Newer details replace all of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Details {
    /// Calendly's `updated_at`, of the invitee or of the event, whichever is later. The newest details are kept.
    pub as_of: Timestamp,
    /// When Calendly was asked for them before a message, by our clock. Calendly does not always change `updated_at`,
    /// so of details with the same `as_of` those of the latest look are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// The scheduled event.
    pub event: EventUri,
    /// The event type, if it still exists.
    pub event_type: Option<EventTypeUri>,
    /// The event's name, as the host gave it.
    pub event_name: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// The invitee's name.
    pub name: StrangerText,
    /// The invitee's first name, if Calendly has it in a separate field.
    #[serde(default)]
    pub first_name: Option<StrangerText>,
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// The invitee's IANA time zone, if it exists.
    pub zone: Option<String>,
    /// The link to join, if there is one already.
    #[serde(default)]
    pub join_url: Option<String>,
    /// The host's address, phone number or text, for a meeting without a link.
    #[serde(default, rename = "place")]
    pub location: Option<Private<String>>,
    /// The place that the invitee named, where the event type asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitee_place: Option<StrangerText>,
    /// The page where the invitee cancels.
    #[serde(default)]
    pub cancel_url: Option<String>,
    /// The page where the invitee moves the meeting.
    #[serde(default)]
    pub reschedule_url: Option<String>,
    /// Whether people meet at a place that the host named. The times of such a meeting are in the host's time zone: the
    /// clocks there show them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_person: bool,
    /// Whether people meet by video, on a link that Calendly makes or has made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub online: bool,
    /// Whether the host calls the invitee.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_phone: bool,
    /// The first host's name.
    #[serde(default)]
    pub host: Option<String>,
    /// Every host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<EventHost>,
    /// The texts that may be phone numbers, in order of preference.
    #[serde(default)]
    pub phones: Vec<PhoneCandidate>,
    /// Calendly's request to reconfirm, and the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconfirmation: Option<Reconfirmation>,
    /// The routing form submission that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_form_submission: Option<String>,
    /// The payment, as Calendly sends it (JSON).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Private<String>>,
    /// The invitee's answers to the booking form, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// Where the booking came from.
    #[serde(default, skip_serializing_if = "Tracking::is_empty")]
    pub tracking: Tracking,
}

/// A request to reconfirm.
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
    /// Our tracking token, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The leg from which it was moved.
    #[serde(default)]
    pub previous: Option<InviteeUri>,
    /// The leg to which it was moved.
    #[serde(default)]
    pub next: Option<InviteeUri>,
    /// When it was booked, by Calendly's clock; `None` for one that was stored before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<Timestamp>,
    /// The details of the meeting.
    pub details: Details,
    /// Its end, if it has ended.
    #[serde(default)]
    pub canceled: Option<Cancellation>,
    /// The host's latest no-show mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_show: Option<NoShow>,
    /// Whether the webhook `invitee.created` was received for it.
    #[serde(default, rename = "heard_created")]
    pub created_received: bool,
    /// Whether the webhook `invitee.canceled` was received for it.
    #[serde(default, rename = "heard_canceled")]
    pub canceled_received: bool,
}

impl Leg {
    /// Returns a leg with only the URI, the event's name and the time.
    pub fn bare(invitee: InviteeUri, event_name: &str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            invitee,
            token: None,
            previous: None,
            next: None,
            booked_at: None,
            details: Details {
                as_of: start,
                looked_at: None,
                event: EventUri::new(""),
                event_type: None,
                event_name: event_name.to_owned(),
                start,
                end,
                name: StrangerText::default(),
                first_name: None,
                email: Private::default(),
                zone: None,
                join_url: None,
                location: None,
                invitee_place: None,
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
                answers: Vec::new(),
                tracking: Tracking::default(),
            },
            canceled: None,
            no_show: None,
            created_received: false,
            canceled_received: false,
        }
    }

    /// Returns whether the invitee is marked as a no-show.
    pub fn is_no_show(&self) -> bool {
        self.no_show.is_some_and(|mark| mark.marked)
    }

    /// Returns whether the invitee has answered Calendly's request to reconfirm.
    pub fn is_reconfirmed(&self) -> bool {
        self.details.reconfirmation.is_some_and(|it| it.confirmed_at.is_some())
    }

    /// Joins other data of the same leg into this one. Known links and ends are kept. The newest details and
    /// cancellation are kept. Ties are decided by content, so that the order of arrival does not matter.
    pub(crate) fn join(&mut self, other: Self) {
        self.created_received |= other.created_received;
        self.canceled_received |= other.canceled_received;
        self.no_show = self.no_show.max(other.no_show);
        self.token = self.token.take().max(other.token);
        self.previous = self.previous.take().max(other.previous);
        self.next = self.next.take().max(other.next);
        self.booked_at = self.booked_at.max(other.booked_at);
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
    /// Returns the rank. Of two details with the same time, those of the latest look rank higher, also if they have
    /// fewer values. Without a look, those with more values do, so that a link that was added later is not lost.
    fn rank(&self) -> (Timestamp, Option<Timestamp>, usize, String) {
        let links = [&self.join_url, &self.cancel_url, &self.reschedule_url, &self.host, &self.zone];
        // Details that were stored by an earlier version have no answers and no tracking.
        let known = links.iter().filter(|it| it.is_some()).count()
            + usize::from(self.location.is_some() || self.invitee_place.is_some())
            + self.phones.len()
            + self.answers.len()
            + usize::from(!self.tracking.is_empty());
        (self.as_of, self.looked_at, known, serialized(self))
    }
}

impl Cancellation {
    /// Returns the rank. A cancellation that names the person ranks above one that does not.
    fn rank(&self) -> (bool, Timestamp, String) {
        (self.by != CanceledBy::Other, self.at, serialized(self))
    }
}

/// Serializes a value, to order data with the same time.
fn serialized(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
