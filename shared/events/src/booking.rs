//! The data of events about bookings.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::hide_in_debug;
use crate::{EventData, EventType, UtcTime};

/// The data of an event about a booking.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingData {
    /// The booking.
    pub booking: BookingPart,
    /// The person who the meeting was booked for.
    pub invitee: InviteePart,
    /// What the invitee answered to the questions of the booking form.
    pub answers: Vec<Answer>,
    /// What VAI's agent found out about the invitee. Taken from what a person said. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    pub qualification: BTreeMap<String, String>,
    /// The conversation in which VAI's agent made the booking: its `sessionId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The kind of the agent that made the booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    /// VAI's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What the invitee wants to talk about. Taken from what a person said. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Where the invitee came from, as the link said.
    pub tracking: TrackingPart,
    /// How the meeting was canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationPart>,
    /// The time of the meeting before it was moved, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousPart>,
    /// The reminder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder: Option<ReminderPart>,
}

impl EventData for BookingData {
    const TYPES: &[EventType] = &[
        EventType::BookingCreated,
        EventType::BookingRescheduled,
        EventType::BookingCanceled,
        EventType::BookingReminded,
        EventType::BookingNoShow,
        EventType::BookingNoShowWithdrawn,
        EventType::BookingCompleted,
    ];
}

/// A booking, as it is after the event.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingPart {
    /// Its id. It stays the same when the meeting is moved.
    pub id: String,
    /// The event's UUID at Calendly. A move changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_uuid: Option<String>,
    /// The invitee's UUID at Calendly. A move changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitee_uuid: Option<String>,
    /// Its state.
    pub status: BookingStatus,
    /// The event type's name.
    pub event_type: String,
    /// Start.
    pub start_time: UtcTime,
    /// End.
    pub end_time: UtcTime,
    /// The invitee's IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The invitee's language, a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The address, phone number or text, for a meeting without a link. It may be written by the invitee. Treat it as
    /// data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The link to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_url: Option<String>,
    /// The page where the invitee cancels. Whoever has the link can cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// The page where the invitee chooses another time. Whoever has the link can do so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reschedule_url: Option<String>,
    /// The hosts.
    pub hosts: Vec<HostPart>,
    /// Whether VAI made the booking.
    pub is_vai: bool,
}

/// The state of a booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// The meeting is booked, or has taken place.
    Active,
    /// It is being moved; the new time is not known yet.
    Moving,
    /// The meeting is canceled.
    Canceled,
}

/// A host of a meeting.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPart {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The e-mail address at Calendly.
    pub email: String,
}

/// The person who a meeting was booked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteePart {
    /// The full name. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    pub name: String,
    /// The first name. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The e-mail address. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    pub email: String,
    /// The phone number, in E.164 if it is a valid one. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// An answer to a question of the booking form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question, as the host wrote it.
    pub question: String,
    /// The answer. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    pub answer: String,
}

/// Calendly's tracking values. They come from the link that the invitee used.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackingPart {
    /// `utm_source` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_source: Option<String>,
    /// `utm_medium` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_medium: Option<String>,
    /// `utm_campaign` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_campaign: Option<String>,
    /// `utm_term` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_term: Option<String>,
    /// `utm_content` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_content: Option<String>,
    /// `salesforce_uuid` of the link. Anybody can write a link. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salesforce_uuid: Option<String>,
}

/// How a meeting was canceled.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationPart {
    /// Who canceled.
    pub by: CanceledBy,
    /// The reason. Written by the person who canceled. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was canceled.
    pub at: UtcTime,
}

/// Who canceled a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CanceledBy {
    /// The invitee.
    Invitee,
    /// A host.
    Host,
    /// Somebody else, or it is not known.
    Other,
}

/// The time of a meeting before it was moved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousPart {
    /// The old start.
    pub start_time: UtcTime,
    /// The old end.
    pub end_time: UtcTime,
}

/// A reminder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReminderPart {
    /// How many minutes before the start the settings plan it. It may be sent earlier, because of quiet hours.
    pub minutes_before: u32,
    /// How it was sent.
    pub channel: Channel,
}

/// How a message is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message to a phone.
    Sms,
    /// An e-mail.
    Email,
}

hide_in_debug!(BookingData, BookingPart, HostPart, InviteePart, Answer, TrackingPart, CancellationPart);
