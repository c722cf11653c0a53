//! The events that customers' systems receive.
//!
//! [`EventType`] names them. Each has typed data ([`EventData`]), a JSON Schema ([`schema`]) and a sample
//! ([`sample()`]).
//! [`Event::body`] writes the bytes that are signed and sent. [`parse_incoming`] checks the events that VAI posts.

#![warn(missing_docs)]

mod booking;
mod catalog;
mod conversation;
mod endpoint;
mod event;
mod fault;
mod incoming;
mod kind;
mod notification;
mod posted;
mod sample;
mod stream;
mod time;

pub use booking::{
    Answer, BookingData, BookingPart, BookingStatus, CanceledBy, CancellationPart, Channel, HostPart, InviteePart,
    PreviousPart, ReminderPart, TrackingPart,
};
pub use catalog::{catalog, schema};
pub use conversation::{
    AgentMetricsData, ConversationEndedData, ConversationStartedData, MessagePart, MessageReceivedData,
    MessageSentData, MetricsPart, WebhookTestData,
};
pub use endpoint::EndpointData;
pub use event::{Event, EventData, Sequence, derive_id, digest};
pub use fault::Fault;
pub use incoming::{Incoming, parse_batch, parse_incoming};
pub use kind::EventType;
pub use notification::{FailurePart, NotificationData, NotificationPart, ReplyMeaning, ReplyPart};
pub use posted::incoming_schema;
pub use sample::{sample, test_event};
pub use stream::Stream;
pub use time::UtcTime;
