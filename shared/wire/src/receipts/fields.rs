//! The fields of a JSON body.

use jiff::Timestamp;
use serde_json::Value;

use crate::malformed::{self, Malformed};

/// Parses a JSON body.
pub(super) fn parse_json(body: &[u8]) -> Result<Value, Malformed> {
    malformed::parse_json(malformed::decode_text(body)?)
}

pub(super) fn unexpected(path: &str) -> Malformed {
    Malformed::new(path, "is not of the expected form")
}

/// Returns a text, or the digits of a whole number: ids are either. Other numbers may lose digits when parsed.
pub(super) fn get_text(document: &Value, pointer: &str) -> Option<String> {
    match document.pointer(pointer)? {
        Value::String(text) => Some(text.clone()).filter(|it| !it.is_empty()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// Returns an instant in Unix seconds.
pub(super) fn get_seconds(document: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::from_second(document.pointer(pointer)?.as_i64()?).ok()
}

/// Returns an instant in RFC 3339.
pub(super) fn get_instant(document: &Value, pointer: &str) -> Option<Timestamp> {
    document.pointer(pointer)?.as_str()?.parse().ok()
}
