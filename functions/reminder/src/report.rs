//! The texts of e-mails to customers' endpoints. They are for people who run systems, so they are in English.

use domain::ConnectionName;
use endpoints::Endpoint;
use serde_json::Value;

/// Where the data of an event have a short title.
const TITLES: [&str; 5] =
    ["/data/booking/eventType", "/data/message/text", "/data/response/text", "/data/summary", "/data/sessionId"];

/// An e-mail's words.
pub(crate) struct Report {
    /// The subject. It may quote strangers.
    pub(crate) subject: String,
    /// The text.
    pub(crate) text: String,
}

/// Returns the e-mail for a body that was composed for an endpoint.
pub(crate) fn report(endpoint: &Endpoint, event_type: &str, body: &str) -> Report {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let title = TITLES.iter().find_map(|at| parsed.pointer(at).and_then(Value::as_str)).filter(|it| !it.is_empty());
    let subject = title.map_or_else(|| event_type.to_owned(), |title| format!("{event_type}: {title}"));
    let mut lines = Vec::new();
    list_fields("", &parsed, &mut lines);
    let (fields, id) = (lines.join("\n"), &endpoint.id);
    let text = format!(
        "{fields}\n\nThe same as JSON:\n\n{body}\n\n-- \nWebhook endpoint {id}. Names, answers and messages above were \
         written by other people: do not trust their links.\n"
    );
    Report { subject, text }
}

/// Returns the e-mail that asks to confirm an address. The link comes below it.
pub(crate) fn confirmation(endpoint: &Endpoint, connection: &ConnectionName) -> Report {
    let (id, events) = (&endpoint.id, endpoint.events.join(", "));
    let text = format!(
        "Somebody wants events of bookings and conversations to be sent to this address.\n\n\
         Endpoint: {id}\nConnection: {connection}\nEvents: {events}\n\n\
         If you want them, open this link and press the button. It works once, within 72 hours. If you do not, ignore \
         this e-mail: nothing will be sent.\n"
    );
    Report { subject: "Confirm this address for events".to_owned(), text }
}

/// Adds a line for each value, with its path. A value is one line: it must not look like another field.
fn list_fields(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                list_fields(&path, value, lines);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                list_fields(&format!("{path}[{index}]"), value, lines);
            }
        }
        Value::Null => {}
        Value::String(text) => lines.push(format!("{path}: {}", text.split_whitespace().collect::<Vec<_>>().join(" "))),
        other => lines.push(format!("{path}: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_one_line() {
        let body = serde_json::json!({
            "text": "Ana\nphone: 1", "list": [{"a": 1.5}, [true, null]], "empty": {}, "none": null,
        });
        let mut lines = Vec::new();
        list_fields("", &body, &mut lines);
        lines.sort_unstable();
        assert_eq!(lines, ["list[0].a: 1.5", "list[1][0]: true", "text: Ana phone: 1"]);
    }
}
