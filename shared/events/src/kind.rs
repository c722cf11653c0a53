//! The types of events.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! event_types {
    ($($variant:ident = $name:literal: $description:literal;)*) => {
        /// The type of an event.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventType {
            $(#[doc = concat!("`", $name, "`: ", $description)] $variant,)*
        }

        impl EventType {
            /// All types.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The names of all types.
            pub const NAMES: &[&str] = &[$($name,)*];

            /// Returns the name, as it stands in bodies and in filters. Names are a subset of what Standard Webhooks
            /// 1.0.0 permits: `[a-z_]`, in parts joined by dots.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns one sentence that says when the event happens.
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $description,)*
                }
            }
        }
    };
}

event_types! {
    ConversationStarted = "conversation.started": "A person began a conversation with one of VAI's agents.";
    MessageReceived = "message.received": "An agent received a message from a person.";
    MessageSent = "message.sent": "An agent answered a person.";
    ConversationEnded = "conversation.ended": "A conversation with an agent ended.";
    AgentMetrics = "agent.metrics": "VAI reports how an agent performed in a period.";
    WebhookTest = "webhook.test": "Somebody asked for a test of an endpoint.";
    BookingCreated = "booking.created": "A meeting was booked.";
    BookingRescheduled = "booking.rescheduled": "A meeting was moved to another time.";
    BookingCanceled = "booking.canceled": "A meeting was canceled.";
    BookingReminded = "booking.reminded": "The invitee was reminded of a meeting.";
    BookingNoShow = "booking.no_show": "The host marked the invitee as a no-show.";
    BookingNoShowWithdrawn = "booking.no_show_withdrawn": "The host withdrew the no-show mark.";
    BookingCompleted = "booking.completed": "A meeting ended that was neither canceled nor marked as a no-show.";
    NotificationDelivered = "notification.delivered": "A provider reported that a message reached the invitee.";
    NotificationFailed = "notification.failed": "A message did not reach the invitee.";
    NotificationReplied = "notification.replied": "The invitee answered a message.";
    EndpointFailing = "endpoint.failing": "Deliveries to an endpoint fail, and it will be disabled if that goes on.";
    EndpointDisabled = "endpoint.disabled": "An endpoint was disabled because its deliveries failed.";
}

impl EventType {
    /// Returns the type with a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.name() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("is not the name of an event type"))
    }
}

impl JsonSchema for EventType {
    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::NAMES, "description": "The type of an event." })
    }
}
