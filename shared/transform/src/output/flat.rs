//! Flat objects: a lead for a CRM, and a row for analytics. People open both in spreadsheets, so no text is a formula.

use serde_json::{Map, Value};
use stranger::StrangerText;

use super::read::{event_type, first_text, text};

/// Where the fields of a lead are in an event. The first place that has it counts.
const LEAD: [(&str, &[&str]); 30] = [
    ("event_id", &["/id"]),
    ("occurred_at", &["/timestamp"]),
    ("email", &["/data/invitee/email"]),
    ("name", &["/data/invitee/name"]),
    ("first_name", &["/data/invitee/firstName"]),
    ("phone", &["/data/invitee/phone"]),
    ("language", &["/data/booking/language"]),
    ("event_type", &["/data/booking/eventType"]),
    ("status", &["/data/booking/status"]),
    ("start_time", &["/data/booking/startTime"]),
    ("end_time", &["/data/booking/endTime"]),
    ("timezone", &["/data/booking/timezone"]),
    ("place", &["/data/booking/place"]),
    ("join_url", &["/data/booking/joinUrl"]),
    ("host_name", &["/data/booking/hosts/0/name"]),
    ("host_email", &["/data/booking/hosts/0/email"]),
    ("previous_start_time", &["/data/previous/startTime"]),
    ("canceled_by", &["/data/cancellation/by"]),
    ("cancel_reason", &["/data/cancellation/reason"]),
    ("booking_id", &["/data/booking/id"]),
    ("conversation_id", &["/data/conversationId", "/data/sessionId"]),
    ("agent", &["/data/agentType", "/data/agentId"]),
    ("user_id", &["/data/userId"]),
    ("topic", &["/data/topic"]),
    ("platform", &["/data/platform"]),
    ("intent", &["/data/intent"]),
    ("message", &["/data/message/text", "/data/response/text", "/data/reply/text", "/data/message"]),
    ("summary", &["/data/summary"]),
    ("notification", &["/data/notification/message"]),
    ("failure", &["/data/failure/reason"]),
];

/// Makes a lead of an event.
pub(super) fn make_lead(event: &Value) -> Value {
    let mut lead = Map::new();
    if let Some(event_type) = event_type(event) {
        lead.insert("event".to_owned(), Value::from(event_type));
    }
    for (name, pointers) in LEAD {
        if let Some(value) = first_text(event, pointers) {
            lead.insert(name.to_owned(), cell(value));
        }
    }
    if let Some(last) = last_name(event) {
        lead.insert("last_name".to_owned(), cell(last));
    }
    if let Some(answers) = answers(event) {
        lead.insert("answers".to_owned(), cell(&answers));
    }
    for (place, prefix) in [("/data/qualification", "qualification"), ("/data/tracking", "")] {
        let columns = event.pointer(place).map(|it| columns(it, prefix)).unwrap_or_default();
        for (name, value) in columns {
            add(&mut lead, name, value);
        }
    }
    Value::Object(lead)
}

/// Returns what follows the first name in the name. Nothing is guessed from the name alone.
fn last_name(event: &Value) -> Option<&str> {
    let rest = text(event, "/data/invitee/name")?.strip_prefix(text(event, "/data/invitee/firstName")?)?;
    rest.strip_prefix(' ').map(str::trim).filter(|it| !it.is_empty())
}

/// Returns the answers as one text, a line each.
fn answers(event: &Value) -> Option<String> {
    let answers = event.pointer("/data/answers")?.as_array()?;
    let lines = answers.iter().filter_map(|it| Some(format!("{}: {}", text(it, "/question")?, text(it, "/answer")?)));
    Some(lines.collect::<Vec<_>>().join("\n")).filter(|it| !it.is_empty())
}

/// Makes a row of an event.
pub(super) fn make_row(event: &Value) -> Value {
    let mut row = Map::new();
    let own = [
        ("event_id", event.get("id")),
        ("event_name", event.get("type").or_else(|| event.get("event"))),
        ("event_time", event.get("timestamp")),
        ("event_sequence", event.pointer("/sequence/number")),
    ];
    for (name, value) in own {
        if let Some(value) = value.filter(|it| !it.is_array() && !it.is_object()) {
            row.insert(name.to_owned(), value.clone());
        }
    }
    for (name, value) in event.get("data").map(|it| columns(it, "")).unwrap_or_default() {
        add(&mut row, name, value);
    }
    Value::Object(row)
}

/// Adds a column. When there is one of its name, it gets a number: nothing is lost.
fn add(row: &mut Map<String, Value>, name: String, value: Value) {
    let free = (2_u32..).map(|it| format!("{name}_{it}")).find(|it| !row.contains_key(it));
    let name = if row.contains_key(&name) { free.unwrap_or_default() } else { name };
    row.insert(name, value);
}

/// Returns the scalars inside a value, by the names on the way: `metrics.satisfactionScore` is
/// `metrics_satisfaction_score`. A list is one column of JSON.
pub(super) fn columns(value: &Value, prefix: &str) -> Vec<(String, Value)> {
    match value {
        Value::Object(object) => {
            let inner = object.iter().flat_map(|(key, value)| {
                let name = snake_case(key);
                columns(value, &if prefix.is_empty() { name } else { format!("{prefix}_{name}") })
            });
            inner.collect()
        }
        Value::Array(_) => vec![(column_name(prefix), Value::from(value.to_string()))],
        Value::String(text) => vec![(column_name(prefix), cell(text))],
        scalar => vec![(column_name(prefix), scalar.clone())],
    }
}

/// Returns a text that no spreadsheet takes for a formula.
fn cell(text: &str) -> Value {
    Value::from(StrangerText::from(text).as_cell(usize::MAX))
}

fn column_name(prefix: &str) -> String {
    if prefix.is_empty() { "value".to_owned() } else { prefix.to_owned() }
}

/// Returns a key as the name of a column: lower-case letters, digits and `_`, as every database takes them.
fn snake_case(key: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for c in key.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('_');
        }
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        before = c;
    }
    if name.is_empty() { "_".to_owned() } else { name }
}
