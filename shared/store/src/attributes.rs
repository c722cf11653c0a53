//! A row's attributes: typed values to `DynamoDB`'s and back. Pure.
//!
//! A row that can't be read is [`PortError::Unreadable`]: a later try finds the same row.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine::PortError;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// A row's attributes by their names.
pub(crate) type Row = HashMap<String, AttributeValue>;

/// Returns a row's key.
pub(crate) fn key(partition: String, sort: &str) -> Row {
    HashMap::from([("pk".to_owned(), string(partition)), ("sk".to_owned(), string(sort))])
}

/// Returns a text attribute.
pub(crate) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Returns a number attribute.
pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns an instant in epoch seconds, as the table's time to live needs it.
pub(crate) fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

/// Returns an instant to the nanosecond, in fixed width, so that text sorts as time.
pub(crate) fn instant_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// Returns a document as it is stored.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|never| unreachable!("its keys are strings: {never}"))
}

/// The most bytes of a compressed payload. DynamoDB takes rows of 400 KB.
const LARGEST_PAYLOAD: usize = 300 * 1024;

/// How much of the beginning and of the end of a larger payload is stored, in bytes.
const KEPT_PART: usize = 64 * 1024;

/// Returns a compressed payload. Of one that is too large for a row, it is a JSON document with the beginning, the end,
/// the size and the SHA-256.
pub(crate) fn compress(payload: &[u8]) -> AttributeValue {
    let compressed = gzip(payload);
    if compressed.len() <= LARGEST_PAYLOAD {
        return AttributeValue::B(Blob::new(compressed));
    }
    let size = payload.len();
    let (head, tail) = (&payload[..KEPT_PART.min(size)], &payload[size.saturating_sub(KEPT_PART)..]);
    let parts = [head, tail].map(String::from_utf8_lossy);
    let cut = serde_json::json!({"size": size, "sha256": hex::encode(Sha256::digest(payload)), "parts": parts});
    AttributeValue::B(Blob::new(gzip(cut.to_string().as_bytes())))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    compressed.unwrap_or_else(|never| unreachable!("memory takes every byte: {never}"))
}

/// Reads a text attribute.
pub(crate) fn text<'a>(row: &'a Row, name: &str) -> Result<&'a str, PortError> {
    let text = row.get(name).and_then(|value| value.as_s().ok());
    text.map(String::as_str).ok_or_else(|| PortError::unreadable(format!("a row has no text {name}")))
}

/// Reads a row's revision.
pub(crate) fn revision(row: &Row) -> Result<u64, PortError> {
    count(row, "rev")
}

/// Reads how much of a counted row is used.
pub(crate) fn used(row: &Row) -> Result<u32, PortError> {
    count(row, "used")
}

/// Reads the number of an event in a log, or how many a log has.
pub(crate) fn place(row: &Row) -> Result<u64, PortError> {
    count(row, "used")
}

/// Reads a counter; 0 if the row has none.
pub(crate) fn counter(row: &Row, name: &str) -> Result<u64, PortError> {
    if row.contains_key(name) { count(row, name) } else { Ok(0) }
}

fn count<T: FromStr>(row: &Row, name: &str) -> Result<T, PortError> {
    let number = row.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| PortError::unreadable(format!("a row has no number {name}")))
}

/// Reads the instant of a row that says when something was, or ends.
pub(crate) fn instant(row: &Row) -> Result<Timestamp, PortError> {
    text(row, "instant")?.parse().map_err(|_| PortError::unreadable("a row's instant is malformed"))
}

/// Reads a row's document. The error says where the document is wrong; it does not quote it, because it may be
/// personal.
pub(crate) fn read<T: DeserializeOwned>(row: &Row) -> Result<T, PortError> {
    serde_json::from_str(text(row, "doc")?).map_err(|error| {
        let kind = text(row, "kind").unwrap_or("row");
        PortError::unreadable(format!("the doc of a {kind} is malformed at column {}", error.column()))
    })
}

/// Reads the compressed payload in a row.
pub(crate) fn payload(row: &Row) -> Result<Vec<u8>, PortError> {
    let compressed = row.get("gz").and_then(|value| value.as_b().ok());
    let compressed = compressed.ok_or_else(|| PortError::unreadable("a row has no payload"))?;
    let mut payload = Vec::new();
    GzDecoder::new(compressed.as_ref())
        .read_to_end(&mut payload)
        .map_err(|error| PortError::unreadable_because("a payload can't be decompressed", error))?;
    Ok(payload)
}

/// Verifies that a row is of the kind and version that is expected.
pub(crate) fn check_kind(row: &Row, kind: &str) -> Result<(), PortError> {
    if text(row, "kind")? == kind { Ok(()) } else { Err(unknown_kind(row)) }
}

/// Returns the error for a row that this version does not know. It must not be skipped: an action could be done twice.
pub(crate) fn unknown_kind(row: &Row) -> PortError {
    let kind = text(row, "kind").unwrap_or("(none)");
    PortError::unreadable(format!("this version can't read a row of kind {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_text_sorts_as_time() {
        let text = |text: &str| instant_text(text.parse().expect("an instant"));
        assert_eq!(text("2026-11-20T18:00:00Z"), "2026-11-20T18:00:00.000000000Z");
        assert!(text("2026-11-20T18:00:00Z") < text("2026-11-20T18:00:00.25Z"));
    }
}
