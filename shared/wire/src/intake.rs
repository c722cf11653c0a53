//! The intake queue's message: a signed call as it was received, and nothing read into it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::ConnectionName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who signed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Calendly.
    Calendly,
}

/// A signed call on its way to the processor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Intake {
    /// The first form.
    #[serde(rename = "intake.v1")]
    V1 {
        /// Who signed it.
        source: Source,
        /// Whose it is.
        connection: ConnectionName,
        /// When it was received.
        received_at: Timestamp,
        /// The raw body in base 64: SQS refuses some characters, and a body need not be text.
        body: String,
    },
}

/// An intake message, unpacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Who signed it.
    pub source: Source,
    /// Whose it is.
    pub connection: ConnectionName,
    /// When it was received.
    pub received_at: Timestamp,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Envelope {
    /// As it is queued.
    pub fn to_json(&self) -> String {
        let intake = Intake::V1 {
            source: self.source,
            connection: self.connection.clone(),
            received_at: self.received_at,
            body: BASE64_STANDARD.encode(&self.body),
        };
        serde_json::to_string(&intake).unwrap_or_else(|never| unreachable!("an Intake is always JSON: {never}"))
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub fn parse(message: &str) -> Result<Self, String> {
        let Intake::V1 { source, connection, received_at, body } = serde_json::from_str(message)
            .map_err(|error| format!("not an intake message (line {}, column {})", error.line(), error.column()))?;
        let body = BASE64_STANDARD.decode(body).map_err(|_| "the body is not base 64".to_owned())?;
        Ok(Self { source, connection, received_at, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_form_is_fixed_and_takes_any_bytes() {
        let envelope = Envelope {
            source: Source::Calendly,
            connection: ConnectionName::default(),
            received_at: "2026-11-20T15:00:00Z".parse().expect("an instant"),
            body: vec![0, 0xff, b'{'],
        };
        let json = envelope.to_json();
        assert_eq!(
            json,
            r#"{"v":"intake.v1","source":"calendly","connection":"default","received_at":"2026-11-20T15:00:00Z","body":"AP97"}"#
        );
        assert_eq!(Envelope::parse(&json), Ok(envelope));
        assert!(Envelope::parse("{}").is_err());
        assert!(Envelope::parse(&json.replace("AP97", "*")).is_err());
    }
}
