//! An event, and the bytes that are sent.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{EventType, Stream, UtcTime};

/// The typed data of an event.
pub trait EventData: Serialize {
    /// The types of events that have this data.
    const TYPES: &[EventType];
}

/// Something that happened.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its id, equal for each delivery to each endpoint. 1 to 128 characters of `[A-Za-z0-9_-]`.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// Its data, in the form of its schema.
    pub data: Value,
}

impl Event {
    /// Returns an event. `data` must be of the event's type. What is finer than a millisecond is dropped from `at`.
    pub fn new<T: EventData>(id: impl Into<String>, kind: EventType, at: Timestamp, data: &T) -> Self {
        debug_assert!(T::TYPES.contains(&kind), "{kind} has other data");
        let data = serde_json::to_value(data).expect("data has no key that is not text");
        Self { id: id.into(), kind, at: UtcTime::from(at).timestamp(), data }
    }

    /// Returns the stream that the event belongs to. `None` if its data does not name one.
    pub fn stream(&self) -> Option<Stream> {
        let id = |pointer| self.data.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        match self.kind {
            EventType::ConversationStarted
            | EventType::MessageReceived
            | EventType::MessageSent
            | EventType::ConversationEnded => id("/sessionId").map(Stream::Conversation),
            EventType::AgentMetrics => id("/agentId").map(Stream::Agent),
            EventType::WebhookTest => id("/webhookId").map(Stream::Endpoint),
            EventType::BookingCreated
            | EventType::BookingRescheduled
            | EventType::BookingCanceled
            | EventType::BookingReminded
            | EventType::BookingNoShow
            | EventType::BookingNoShowWithdrawn
            | EventType::BookingCompleted
            | EventType::NotificationDelivered
            | EventType::NotificationFailed
            | EventType::NotificationReplied => id("/booking/id").map(Stream::Booking),
            EventType::EndpointFailing | EventType::EndpointDisabled => id("/endpointId").map(Stream::Endpoint),
        }
    }

    /// Returns the body of a delivery. The same event at the same place of a sequence has the same bytes.
    pub fn body(&self, sequence: Option<&Sequence>) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            event: EventType,
            r#type: EventType,
            id: &'a str,
            timestamp: UtcTime,
            #[serde(skip_serializing_if = "Option::is_none")]
            sequence: Option<&'a Sequence>,
            data: &'a Value,
        }

        let mut data = self.data.clone();
        // The order must not depend on whether a crate of the same program turns on `preserve_order` of serde_json.
        data.sort_all_objects();
        let (kind, timestamp) = (self.kind, self.at.into());
        let body = Body { event: kind, r#type: kind, id: &self.id, timestamp, sequence, data: &data };
        serde_json::to_string(&body).expect("a body has no key that is not text")
    }
}

impl fmt::Debug for Event {
    /// Leaves the data out, which may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, at, data: _ } = self;
        f.debug_struct("Event").field("id", id).field("kind", kind).field("at", at).finish_non_exhaustive()
    }
}

/// The place of an event among those of its stream that an endpoint gets.
///
/// A receiver that misses a number can fetch what it lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sequence {
    /// What the event is about, such as `booking/bk-1f2e` or `conversation/7c3a`.
    pub stream: String,
    /// The number of the event, counted from 1 for each stream and endpoint.
    #[schemars(range(min = 1))]
    pub number: u64,
    /// The digest of the previous body's bytes: `sha256:` and 64 hexadecimal digits. The first event has none.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// Returns the digest of a body: `sha256:` and hexadecimal digits.
pub fn digest(body: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body.as_bytes())))
}

/// Returns the event id that belongs to a text which is equal for each repetition of the event.
pub fn derive_id(identity: &str) -> String {
    format!("evt_{}", hex::encode(&Sha256::digest(identity.as_bytes())[..16]))
}

/// Writes `Debug` without values, because they may be personal.
macro_rules! hide_in_debug {
    ($($name:ident),+ $(,)?) => {
        $(impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(•••)"))
            }
        })+
    };
}
pub(crate) use hide_in_debug;
