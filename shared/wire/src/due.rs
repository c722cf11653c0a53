//! The message of a due timer: the input of an EventBridge schedule, or a delayed message on the `due` queue. It holds
//! ids only, so that a schedule has no personal data. A code's message has its digits, and is never in a schedule.

use domain::{BookingId, CommandId, ConnectionName, EventUri, Private};
use events::EventType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is sent to the address of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EndpointMail {
    /// The link that confirms the address.
    Confirmation,
    /// The sample of an event.
    Test {
        /// The event's type.
        #[serde(rename = "type")]
        event: EventType,
    },
    /// A delivery.
    Delivery {
        /// The stream.
        stream: String,
        /// Its number in the endpoint's sequence of the stream.
        number: u64,
    },
}

/// Where an import is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImportPosition {
    /// When it began. It identifies the import.
    pub started_at: Timestamp,
    /// It reads meetings that begin at this instant or later.
    pub since: Timestamp,
    /// The only scheduled event that it reads, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventUri>,
    /// The next page, as Calendly named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The scheduled events that were read.
    pub events: u64,
    /// The invitees that were read.
    pub invitees: u64,
    /// The bookings that were new, or changed.
    pub changed: u64,
    /// The tries of this page that failed.
    pub tries: u32,
}

/// What is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Due {
    /// Resume all open commands of a booking, version 1. `commands` says which of them the timer was for.
    #[serde(rename = "due.v1")]
    V1 {
        /// The connection.
        connection: ConnectionName,
        /// The booking.
        booking: BookingId,
        /// The commands that are due; empty when the timer was for none in particular.
        commands: Vec<CommandId>,
        /// The version of the settings that it needs at least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settings: Option<u64>,
    },
    /// Plan the messages of booked meetings again, after a change of settings: one page of bookings.
    #[serde(rename = "replan.v1")]
    Replan {
        /// The connection.
        connection: ConnectionName,
        /// The version of the settings.
        version: u64,
        /// When it began.
        started_at: Timestamp,
        /// The number of bookings that were handed over before.
        bookings: u64,
        /// Where the page begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Import one page of meetings that exist at Calendly.
    #[serde(rename = "import.v1")]
    Import {
        /// The connection.
        connection: ConnectionName,
        /// Where it is.
        #[serde(flatten)]
        position: ImportPosition,
    },
    /// Send an e-mail to the address of a customer's endpoint.
    #[serde(rename = "email.v1")]
    Email {
        /// The connection.
        connection: ConnectionName,
        /// The endpoint's id.
        endpoint: String,
        /// Our own id of the e-mail: the same when this message is delivered again.
        key: CommandId,
        /// What is sent.
        mail: EndpointMail,
    },
    /// Send a one-time code.
    #[serde(rename = "code.v1")]
    Code {
        /// The connection.
        connection: ConnectionName,
        /// The id of its row, which says whom it is for.
        id: String,
        /// The digits: the row has only their HMAC.
        digits: Private<String>,
    },
}

impl Due {
    /// Returns whose message it is, for a fair queue: many e-mails of one endpoint must not delay what others are due.
    pub fn group(&self) -> String {
        match self {
            Self::V1 { connection, .. }
            | Self::Replan { connection, .. }
            | Self::Import { connection, .. }
            | Self::Code { connection, .. } => connection.as_str().to_owned(),
            Self::Email { connection, endpoint, .. } => format!("{connection}.{endpoint}"),
        }
    }

    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("a Due is always JSON: {never}"))
    }

    /// Parses a message's body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_serialized_form_is_fixed() {
        let due = Due::V1 {
            connection: ConnectionName::default(),
            booking: BookingId::new("bk-1"),
            commands: vec![CommandId::new("sms-reminder-60m-2")],
            settings: None,
        };
        let json = due.to_json();
        assert_eq!(json, r#"{"v":"due.v1","connection":"default","booking":"bk-1","commands":["sms-reminder-60m-2"]}"#);
        assert_eq!(Due::parse(&json), Ok(due));
        assert!(Due::parse(r#"{"v":"due.v9"}"#).is_err());
    }

    #[test]
    fn a_code_is_read_back_and_does_not_print() {
        let due = Due::Code { connection: ConnectionName::default(), id: "code-1".to_owned(), digits: "042137".into() };
        let json = due.to_json();
        assert_eq!(json, r#"{"v":"code.v1","connection":"default","id":"code-1","digits":"042137"}"#);
        assert!(!format!("{due:?}").contains("042137"));
        assert_eq!((Due::parse(&json), due.group()), (Ok(due.clone()), "default".to_owned()));
    }

    #[test]
    fn the_serialized_form_of_an_e_mail_is_fixed() {
        for (mail, expected) in [
            (EndpointMail::Confirmation, r#"{"kind":"confirmation"}"#),
            (EndpointMail::Test { event: EventType::WebhookTest }, r#"{"kind":"test","type":"webhook.test"}"#),
            (
                EndpointMail::Delivery { stream: "booking/bk-1".to_owned(), number: 2 },
                r#"{"kind":"delivery","stream":"booking/bk-1","number":2}"#,
            ),
        ] {
            let (connection, key) = (ConnectionName::default(), CommandId::new("mail-1"));
            let due = Due::Email { connection, endpoint: "ops".to_owned(), key, mail };
            let json = due.to_json();
            let start = r#"{"v":"email.v1","connection":"default","endpoint":"ops","key":"mail-1","mail":"#;
            assert_eq!(json, format!("{start}{expected}}}"));
            assert_eq!(Due::parse(&json), Ok(due));
        }
    }
}
