//! CloudEvents 1.0, JSON format, structured mode.

use serde_json::{Map, Value};

use super::read::{event_type, first_text, text};
use crate::TransformError;

/// Makes a CloudEvent. The subject is what the event is about: a booking, a conversation or an agent.
pub(super) fn make(event: &Value, source: &str) -> Result<Value, TransformError> {
    let subjects = [
        "/data/booking/id",
        "/data/sessionId",
        "/data/conversationId",
        "/data/agentId",
        "/data/endpointId",
        "/data/webhookId",
    ];
    let mut made = Map::new();
    let mut put = |name: &str, value: &str| made.insert(name.to_owned(), Value::from(value));
    put("specversion", "1.0");
    put("id", text(event, "/id").ok_or(TransformError::Lacks("id"))?);
    put("source", source);
    put("type", event_type(event).ok_or(TransformError::Lacks("type"))?);
    if let Some(time) = text(event, "/timestamp") {
        put("time", time);
    }
    if let Some(subject) = first_text(event, &subjects) {
        put("subject", subject);
    }
    // The Sequence extension wants texts whose alphabetical order is the order of the events.
    if let Some(number) = event.pointer("/sequence/number").and_then(Value::as_u64) {
        put("sequence", &format!("{number:010}"));
    }
    // Names of attributes are lower-case letters and digits.
    for (name, place) in [("sequencestream", "/sequence/stream"), ("previousdigest", "/sequence/previous")] {
        if let Some(value) = text(event, place) {
            put(name, value);
        }
    }
    if let Some(data) = event.get("data") {
        put("datacontenttype", "application/json");
        made.insert("data".to_owned(), data.clone());
    }
    Ok(Value::Object(made))
}
