//! The message on the intake queue: a call as it was received. Its signature was verified; its body was not parsed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::ConnectionName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The sender of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Calendly.
    Calendly,
    /// EngageLab: receipts of SMS, and replies.
    Engagelab,
    /// Twilio: receipts of SMS, and replies.
    Twilio,
    /// Brevo: receipts of e-mails.
    Brevo,
    /// Amazon SES: receipts of e-mails, through EventBridge.
    Ses,
    /// A person who used the unsubscribe link.
    Unsubscribe,
}

impl Source {
    /// Returns the name in metrics and queue messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calendly => "calendly",
            Self::Engagelab => "engagelab",
            Self::Twilio => "twilio",
            Self::Brevo => "brevo",
            Self::Ses => "ses",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// The serialized form of an [`Envelope`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Intake {
    /// Version 1.
    #[serde(rename = "intake.v1")]
    V1 {
        /// The sender.
        source: Source,
        /// The connection.
        connection: ConnectionName,
        /// The time of receipt.
        received_at: Timestamp,
        /// The raw body in base 64: SQS refuses some characters, and a body need not be text.
        body: String,
        /// EngageLab's nonce. A second call with it is a replay, even with another body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
        /// The raw query, if the signature covers it. Twilio returns our ids in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
        /// What the whole body was, if it was too large for the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<Cut>,
    },
}

/// The body that was too large for the queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cut {
    /// Its size, in bytes.
    pub size: usize,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// The largest body that is queued whole, in bytes. A message of the queue has 1 MiB: this in base 64, the other
/// fields, and room for the reason with which it may be buried.
pub const LARGEST_WHOLE_BODY: usize = 720 * 1024;

/// How much of the beginning and of the end of a larger body is queued, in bytes.
const KEPT_PART: usize = 32 * 1024;

/// Stands between the two parts of a larger body.
const CUT_MARK: &[u8] = b"\n[...]\n";

/// A call on its way to the processor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The sender.
    pub source: Source,
    /// The connection.
    pub connection: ConnectionName,
    /// The time of receipt.
    pub received_at: Timestamp,
    /// The raw body.
    pub body: Vec<u8>,
    /// EngageLab's nonce. A second call with it is a replay, even with another body.
    pub nonce: Option<String>,
    /// The raw query, if the signature covers it. Twilio returns our ids in it.
    pub query: Option<String>,
    /// What the whole body was, if `body` is only its beginning and its end.
    pub cut: Option<Cut>,
}

impl Envelope {
    /// Makes an envelope without nonce and query.
    pub fn new(source: Source, connection: ConnectionName, received_at: Timestamp, body: Vec<u8>) -> Self {
        Self { source, connection, received_at, body, nonce: None, query: None, cut: None }
    }

    /// Returns the envelope as it fits on the queue: of a larger body the beginning and the end, its size and its hash.
    pub fn fitted(self) -> Self {
        let size = self.body.len();
        if size <= LARGEST_WHOLE_BODY {
            return self;
        }
        let cut = Some(Cut { size, sha256: hex::encode(Sha256::digest(&self.body)) });
        let (head, tail) = (&self.body[..KEPT_PART], &self.body[size - KEPT_PART..]);
        let body = [head, CUT_MARK, tail].concat();
        Self { body, cut, ..self }
    }

    /// Serializes it.
    pub fn to_json(&self) -> String {
        let intake = Intake::V1 {
            source: self.source,
            connection: self.connection.clone(),
            received_at: self.received_at,
            body: BASE64_STANDARD.encode(&self.body),
            nonce: self.nonce.clone(),
            query: self.query.clone(),
            cut: self.cut.clone(),
        };
        serde_json::to_string(&intake).unwrap_or_else(|never| unreachable!("an Intake is always JSON: {never}"))
    }

    /// Parses a message: our own, or an event of Amazon SES that an EventBridge rule put on the queue.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub fn parse(message: &str) -> Result<Self, String> {
        let parsed = serde_json::from_str(message);
        let Intake::V1 { source, connection, received_at, body, nonce, query, cut } = match parsed {
            Ok(intake) => intake,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return parse_ses_event(message)
                    .ok_or_else(|| format!("not an intake message (line {line}, column {column})"));
            }
        };
        let body = BASE64_STANDARD.decode(body).map_err(|_| "the body is not base 64".to_owned())?;
        Ok(Self { source, connection, received_at, body, nonce, query, cut })
    }
}

/// Parses an event of Amazon SES. It is genuine: only AWS can use an EventBridge source `aws.…`, and only we and our
/// rule may send to the queue.
fn parse_ses_event(message: &str) -> Option<Envelope> {
    #[derive(Deserialize)]
    struct Event {
        source: String,
        time: Timestamp,
        detail: Value,
    }
    let Event { source, time, detail } = serde_json::from_str(message).ok()?;
    if source != "aws.ses" {
        return None;
    }
    // Mail of another program has no such tag, or one with another meaning.
    let tag = detail.pointer("/mail/tags/connection/0").and_then(Value::as_str);
    let connection = tag.and_then(ConnectionName::parse).unwrap_or_default();
    Some(Envelope::new(Source::Ses, connection, time, detail.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn its_serialized_form_is_fixed_and_holds_any_bytes() {
        let received_at = at("2026-11-20T15:00:00Z");
        let envelope = Envelope::new(Source::Calendly, ConnectionName::default(), received_at, vec![0, 0xff, b'{']);
        let json = envelope.to_json();
        assert_eq!(
            json,
            r#"{"v":"intake.v1","source":"calendly","connection":"default","received_at":"2026-11-20T15:00:00Z","body":"AP97"}"#
        );
        assert_eq!(Envelope::parse(&json), Ok(envelope));
        assert!(Envelope::parse("{}").is_err());
        assert!(Envelope::parse(&json.replace("AP97", "*")).is_err());
    }

    #[test]
    fn a_body_that_is_too_large_is_cut_and_every_body_fits_on_the_queue() {
        for size in [0, 300 * 1024, LARGEST_WHOLE_BODY, LARGEST_WHOLE_BODY + 1, 6 << 20] {
            let body = vec![b'x'; size];
            let whole = Envelope::new(Source::Calendly, ConnectionName::default(), at("2026-11-20T15:00:00Z"), body);
            let fitted = whole.clone().fitted();
            let json = fitted.to_json();
            assert!(json.len() <= (1 << 20) - 4_096, "{size}: {}", json.len());
            assert_eq!(Envelope::parse(&json), Ok(fitted.clone()));
            assert_eq!(fitted.cut.as_ref().map(|it| it.size), (size > LARGEST_WHOLE_BODY).then_some(size));
            assert_eq!(fitted == whole, fitted.cut.is_none());
        }
    }

    #[test]
    fn a_nonce_and_a_query_are_optional() {
        let bare = Envelope::new(Source::Twilio, ConnectionName::default(), at("2026-11-20T15:00:00Z"), vec![]);
        let envelope = Envelope { nonce: Some("abc123".to_owned()), query: Some("booking=bk-1".to_owned()), ..bare };
        let json = envelope.to_json();
        assert_eq!(
            json,
            r#"{"v":"intake.v1","source":"twilio","connection":"default","received_at":"2026-11-20T15:00:00Z","body":"","nonce":"abc123","query":"booking=bk-1"}"#
        );
        assert_eq!(Envelope::parse(&json), Ok(envelope));
    }

    #[test]
    fn sources_are_queued_under_their_names() {
        use Source::{Brevo, Calendly, Engagelab, Ses, Twilio, Unsubscribe};
        for source in [Calendly, Engagelab, Twilio, Brevo, Ses, Unsubscribe] {
            assert_eq!(serde_json::to_value(source).expect("JSON"), source.name());
        }
    }

    #[test]
    fn an_event_of_amazon_ses_becomes_an_envelope() {
        let event = include_str!("../../../events/receipts/ses_bounce.json");
        let envelope = Envelope::parse(event).expect("an envelope");
        assert_eq!((envelope.source, envelope.connection.as_str()), (Source::Ses, "acme"));
        assert_eq!(envelope.received_at, at("2026-11-20T15:00:02Z"));
        let detail: Value = serde_json::from_slice(&envelope.body).expect("JSON");
        assert_eq!(detail, serde_json::from_str::<Value>(event).expect("JSON")["detail"]);

        let mut foreign: Value = serde_json::from_str(event).expect("JSON");
        for tags in
            [Value::Null, serde_json::json!({"connection": ["Not A Name"]}), serde_json::json!({"connection": 1})]
        {
            foreign["detail"]["mail"]["tags"] = tags;
            let envelope = Envelope::parse(&foreign.to_string()).expect("an envelope");
            assert_eq!(envelope.connection.as_str(), "default");
        }
        for other in [event.replace("aws.ses", "aws.s3"), event.replace("\"detail\"", "\"details\"")] {
            let error = Envelope::parse(&other).expect_err("not an intake message");
            assert!(error.starts_with("not an intake message"), "{error}");
        }
    }
}
