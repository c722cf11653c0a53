//! The message of a due timer: the input of an EventBridge schedule, or a delayed message on the `due` queue. It holds
//! ids only, so that a schedule has no personal data.

use domain::{BookingId, CommandId, ConnectionName};
use serde::{Deserialize, Serialize};

/// A request to resume all open commands of a booking. `commands` says which of them the timer was for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Due {
    /// Version 1.
    #[serde(rename = "due.v1")]
    V1 {
        /// The connection.
        connection: ConnectionName,
        /// The booking.
        booking: BookingId,
        /// The commands that are due; empty when the timer was for none in particular.
        commands: Vec<CommandId>,
    },
}

impl Due {
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
        };
        let json = due.to_json();
        assert_eq!(json, r#"{"v":"due.v1","connection":"default","booking":"bk-1","commands":["sms-reminder-60m-2"]}"#);
        assert_eq!(Due::parse(&json), Ok(due));
        assert!(Due::parse(r#"{"v":"due.v9"}"#).is_err());
    }
}
