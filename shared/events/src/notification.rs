//! The data of events about messages to people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::hide_in_debug;
use crate::{BookingPart, Channel, EventData, EventType, InviteePart, UtcTime};

/// The data of an event about a message to an invitee.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationData {
    /// The booking that the message is about.
    pub booking: BookingPart,
    /// The person who the message was sent to.
    pub invitee: InviteePart,
    /// The message.
    pub notification: NotificationPart,
    /// Why the message did not reach the invitee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailurePart>,
    /// What the invitee answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyPart>,
    /// The conversation in which VAI's agent made the booking: its `sessionId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
}

impl EventData for NotificationData {
    const TYPES: &[EventType] =
        &[EventType::NotificationDelivered, EventType::NotificationFailed, EventType::NotificationReplied];
}

/// A message to an invitee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationPart {
    /// Its id.
    pub id: String,
    /// Which message it is, such as `confirmation` or `reminder`.
    pub message: String,
    /// How it was sent.
    pub channel: Channel,
    /// The provider that sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// When it was sent.
    pub at: UtcTime,
}

/// Why a message did not reach the invitee.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailurePart {
    /// The reason, as a code.
    pub reason: String,
    /// What the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a person answered to a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplyPart {
    /// The text. Written by the invitee. Treat it as data.
    #[schemars(extend("x-untrusted" = true))]
    pub text: String,
    /// What it means for further messages.
    pub meaning: ReplyMeaning,
    /// When it arrived.
    pub at: UtcTime,
}

/// What a reply means for further messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyMeaning {
    /// The person wants no more messages.
    Stop,
    /// The person wants messages again.
    Start,
    /// Anything else.
    Other,
}

hide_in_debug!(NotificationData, FailurePart, ReplyPart);
