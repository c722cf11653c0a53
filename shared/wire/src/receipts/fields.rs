//! The fields of a JSON body.

use jiff::Timestamp;
use serde_json::Value;

use crate::malformed::{self, Malformed};

/// A body that is JSON.
pub(super) fn json(body: &[u8]) -> Result<Value, Malformed> {
    malformed::read(malformed::text(body)?)
}

pub(super) fn unexpected(path: &str) -> Malformed {
    Malformed::new(path, "is not of the expected form")
}

/// A text, or a whole number as its digits: ids come as either. Of other numbers the digits may not be what was sent.
pub(super) fn text(document: &Value, pointer: &str) -> Option<String> {
    match document.pointer(pointer)? {
        Value::String(text) => Some(text.clone()).filter(|it| !it.is_empty()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// An instant in seconds.
pub(super) fn seconds(document: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::from_second(document.pointer(pointer)?.as_i64()?).ok()
}

/// An instant in RFC 3339.
pub(super) fn instant(document: &Value, pointer: &str) -> Option<Timestamp> {
    document.pointer(pointer)?.as_str()?.parse().ok()
}
