//! What providers tell of our messages, and people through them: one module for each provider.
//!
//! Providers add fields and kinds without notice, so nothing is asked of a body but that it is JSON, or a form: what isn't
//! known is [`Feedback::Other`]. What a provider says in words is never taken over, for it may quote the person.

pub mod brevo;
pub mod engagelab;
pub mod ses;
pub mod twilio;
pub mod unsubscribe;

use domain::{BookingId, CommandId, ConsentSource, Delivery, Feedback, Objection, Receipt};
use jiff::Timestamp;
use serde_json::Value;

use crate::intake::{Envelope, Source};
use crate::malformed::{self, Malformed};

/// Reads what an envelope brings, whoever it is of; of Calendly's, nothing is heard here.
///
/// # Errors
/// The first thing in it that can't be understood.
pub fn parse(envelope: &Envelope) -> Result<Vec<Feedback>, Malformed> {
    let Envelope { source, received_at, body, query, .. } = envelope;
    match source {
        Source::Calendly => Ok(Vec::new()),
        Source::Engagelab => engagelab::parse(body, *received_at),
        Source::Twilio => twilio::parse(body, query.as_deref(), *received_at),
        Source::Brevo => brevo::parse(body, *received_at),
        Source::Ses => ses::parse(body, *received_at),
        Source::Unsubscribe => unsubscribe::parse(body),
    }
}

/// Whether a text can be an id of a booking's or a command's: 1 to 64 of `A-Z`, `a-z`, `0-9` and `-`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The message of ours that a receipt is about: the provider was told it, and tells it back.
type Ours = (BookingId, CommandId);

fn ours(booking: Option<&str>, command: Option<&str>) -> Option<Ours> {
    let [booking, command] = [booking, command].map(|it| it.filter(|text| is_id(text)));
    Some((BookingId::new(booking?), CommandId::new(command?)))
}

/// What a status means for its message.
#[derive(Default)]
struct Meaning {
    delivery: Option<Delivery>,
    code: Option<String>,
    objection: Option<(Objection, ConsentSource)>,
}

impl Meaning {
    fn came(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), ..Self::default() }
    }

    fn failed(code: Option<String>) -> Self {
        Self { code: code.as_deref().map(word), ..Self::came(Delivery::Failed) }
    }

    fn objecting(self, to: Objection, source: ConsentSource) -> Self {
        Self { objection: Some((to, source)), ..self }
    }
}

/// A receipt, or what it is called when it has no meaning, or is not about a message of ours.
fn receipt(
    name: &str,
    meaning: Option<Meaning>,
    ours: Option<Ours>,
    provider_id: Option<String>,
    at: Timestamp,
) -> Feedback {
    match (meaning, ours) {
        (None, _) => other(name),
        (Some(_), None) => other(&format!("{name}_without_our_ids")),
        (Some(Meaning { delivery, code, objection }), Some((booking, command))) => {
            Feedback::Receipt(Receipt { booking, command, provider_id, delivery, at, code, objection })
        }
    }
}

fn other(name: &str) -> Feedback {
    Feedback::Other(word(name))
}

/// A provider's word, fit to be counted and logged under: short, and of letters, digits, dots and dashes only.
fn word(text: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    text.chars().take(64).map(tame).collect()
}

/// A body that is JSON.
fn json(body: &[u8]) -> Result<Value, Malformed> {
    malformed::read(malformed::text(body)?)
}

fn unexpected(path: &str) -> Malformed {
    Malformed::new(path, "is not of the expected form")
}

/// A text, or a whole number as its digits: ids come as either. Of other numbers the digits may not be what was sent.
fn text(document: &Value, pointer: &str) -> Option<String> {
    match document.pointer(pointer)? {
        Value::String(text) => Some(text.clone()).filter(|it| !it.is_empty()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// An instant in seconds.
fn seconds(document: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::from_second(document.pointer(pointer)?.as_i64()?).ok()
}

/// An instant in RFC 3339.
fn instant(document: &Value, pointer: &str) -> Option<Timestamp> {
    document.pointer(pointer)?.as_str()?.parse().ok()
}
