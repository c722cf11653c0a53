//! The texts of e-mails to customers' endpoints. They are for people who run systems, so they are in English.

use domain::{ConnectionName, StrangerText, parse_email};
use endpoints::Endpoint;
use serde_json::Value;

/// Where the data of an event have a short title.
const TITLES: [&str; 5] =
    ["/data/booking/eventType", "/data/message/text", "/data/response/text", "/data/summary", "/data/sessionId"];

/// The values of a body that have dots or links and that no stranger wrote, by their paths. With a template, the
/// customer decides what stands there.
const OURS: [&str; 5] =
    ["event", "type", "data.booking.joinUrl", "data.booking.cancelUrl", "data.booking.rescheduleUrl"];

/// The longest title in a subject, in characters.
const LONGEST_TITLE: usize = 80;

/// The longest value, and the longest path, in characters.
const LONGEST_VALUE: usize = 2_000;

/// An e-mail's words.
pub(crate) struct Report {
    /// The subject. It may quote strangers, without links.
    pub(crate) subject: String,
    /// The text.
    pub(crate) text: String,
}

/// Returns the e-mail for a body that was composed for an endpoint.
pub(crate) fn report(endpoint: &Endpoint, event_type: &str, body: &str) -> Report {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let title = TITLES.iter().find_map(|at| parsed.pointer(at).and_then(Value::as_str));
    let title = title.and_then(|it| StrangerText::from(it).as_line(LONGEST_TITLE));
    let subject = title.map_or_else(|| event_type.to_owned(), |title| format!("{event_type}: {title}"));
    let mut fields = Fields::default();
    fields.list("", &parsed);
    let body = if fields.have_links { escape_links(body) } else { body.to_owned() };
    let (fields, id) = (fields.lines.join("\n"), &endpoint.id);
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

/// The values of a body, a line each with its path.
#[derive(Default)]
struct Fields {
    lines: Vec<String>,
    /// Whether strangers wrote something that a mail program would make a link of.
    have_links: bool,
}

impl Fields {
    /// Adds a line for each value. A value is one line, so that it does not look like another field, and has no links.
    fn list(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = self.line(name);
                    self.list(&if path.is_empty() { name } else { format!("{path}.{name}") }, value);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.list(&format!("{path}[{index}]"), value);
                }
            }
            Value::Null => {}
            Value::String(text) if OURS.contains(&path) || parse_email(text).is_some() => {
                self.lines.push(format!("{path}: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            Value::String(text) => {
                let line = self.line(text);
                self.lines.push(format!("{path}: {line}"));
            }
            other => self.lines.push(format!("{path}: {other}")),
        }
    }

    /// Returns what may be a stranger's words in one line.
    fn line(&mut self, text: &str) -> String {
        let text = StrangerText::from(text);
        self.have_links |= text.has_link();
        text.as_line(LONGEST_VALUE).unwrap_or_else(|| if text.is_blank() { "" } else { "(left out)" }.to_owned())
    }
}

/// Writes JSON in another way, in which no mail program finds links: with `//`, `@` and the dots of domains escaped. It
/// says the same.
fn escape_links(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 64);
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' => escaped.push_str("\\/"),
            '@' => escaped.push_str("\\u0040"),
            // A dot of a number is followed by a digit.
            '.' if rest.peek().is_some_and(|next| next.is_alphabetic()) => escaped.push_str("\\u002e"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_one_line() {
        let body = serde_json::json!({
            "text": "Ana\nphone: 1", "list": [{"a": 1.5}, [true, null]], "empty": {}, "none": null,
        });
        let mut fields = Fields::default();
        fields.list("", &body);
        fields.lines.sort_unstable();
        assert_eq!(fields.lines, ["list[0].a: 1.5", "list[1][0]: true", "text: Ana phone: 1"]);
        assert!(!fields.have_links);
    }

    #[test]
    fn links_of_strangers_are_none_in_the_lines_and_escaped_in_the_json() {
        let body = serde_json::json!({
            "event": "booking.created",
            "data": {
                "booking": {"joinUrl": "https://meet.example.com/1"},
                "invitee": {"name": "Ana https://evil.example/x", "email": "ana@example.com"},
                "topic": "evil.example", "answers": [{"answer": "https://evil.example"}],
            },
        });
        let mut fields = Fields::default();
        fields.list("", &body);
        fields.lines.sort_unstable();
        assert_eq!(
            fields.lines,
            [
                "data.answers[0].answer: (left out)",
                "data.booking.joinUrl: https://meet.example.com/1",
                "data.invitee.email: ana@example.com",
                "data.invitee.name: Ana",
                "data.topic: evil. example",
                "event: booking.created",
            ]
        );
        assert!(fields.have_links);
        let escaped = escape_links(&body.to_string());
        assert!(!escaped.contains("//") && !escaped.contains('@') && !escaped.contains("evil.example"), "{escaped}");
        assert_eq!(serde_json::from_str::<Value>(&escaped).expect("JSON"), body);
    }
}
