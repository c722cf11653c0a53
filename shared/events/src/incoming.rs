//! Checks the events that VAI posts, and brings them into the form that receivers get.

use std::fmt;
use std::io;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::stream::is_stream_id;
use crate::{Event, EventType, Stream, UtcTime, derive_id};

/// An event of VAI, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Incoming {
    /// The event, in the form that receivers get.
    pub event: Event,
    /// The stream that it belongs to.
    pub stream: Stream,
}

/// Something wrong with an event. It never quotes what was sent, because that may be personal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// The path of the value, such as `data.message.text`; `body` for the whole event.
    pub path: String,
    /// What is wrong with it, and what it must be.
    pub problem: String,
}

impl Fault {
    fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}

/// The largest event, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// The largest data, in bytes.
const MOST_DATA_BYTES: usize = 100 * 1024;
/// How deep objects and arrays may be nested in data.
const MOST_LEVELS: usize = 32;
/// The most events of a batch.
const MOST_EVENTS: usize = 100;
/// The earliest timestamp in milliseconds: 9 September 2001. Smaller numbers are seconds.
const FIRST_MILLISECOND: i64 = 1_000_000_000_000;

/// Checks an event, or a batch `{"events": […]}` of at most 100. Each event has a result of its own.
///
/// # Errors
/// What is wrong with the batch as a whole.
pub fn parse_batch(value: Value, now: Timestamp) -> Result<Vec<Result<Incoming, Vec<Fault>>>, Vec<Fault>> {
    let Value::Object(mut body) = value else { return Ok(vec![parse_incoming(value, now)]) };
    match body.remove("events").filter(|it| !it.is_null()) {
        None => Ok(vec![parse_incoming(Value::Object(body), now)]),
        Some(_) if body.contains_key("event") || body.contains_key("type") => {
            Err(vec![Fault::new("body", "must be one event or a list under \"events\", not both")])
        }
        Some(Value::Array(events)) if (1..=MOST_EVENTS).contains(&events.len()) => {
            Ok(events.into_iter().map(|it| parse_incoming(it, now)).collect())
        }
        Some(_) => Err(vec![Fault::new("events", format!("must be a list of 1 to {MOST_EVENTS} events"))]),
    }
}

/// Checks an event as VAI posts it: `{id?, event | type, timestamp?, data}`. Defaults are filled in, as VAI's documents
/// have them. Other keys beside `data` are ignored; fields of the data that the documents do not name are kept.
///
/// An event without an id gets one that is a hash of what was posted, so that a repetition is the same event. What is
/// posted without an id and without a timestamp is the same event whenever it is posted.
///
/// # Errors
/// Everything that is wrong with the event.
pub fn parse_incoming(value: Value, now: Timestamp) -> Result<Incoming, Vec<Fault>> {
    let one = |path: &str, problem: String| Err(vec![Fault::new(path, problem)]);
    if !fits(&value, MOST_BYTES) {
        return one("body", format!("must have at most {MOST_BYTES} bytes"));
    }
    let Value::Object(mut body) = value else { return one("body", "must be an object".to_owned()) };
    let (kind, fields) = read_kind(&body).map_err(|it| vec![it])?;
    let mut faults = Vec::new();
    let id = read_id(&body, &mut faults);
    check_fields(&mut body, "", &[Field::optional("timestamp", Rule::Time)], &mut faults);
    let mut data = match body.remove("data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) => {
            faults.push(Fault::new("data", "is missing"));
            Map::new()
        }
        Some(_) => {
            faults.push(Fault::new("data", "must be an object"));
            Map::new()
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    check_fields(&mut data, "data.", fields, &mut faults);
    let posted_at = [body.get("timestamp"), data.get("timestamp")].into_iter().flatten().find_map(read_time);
    if let Some(at) = posted_at {
        data.entry("timestamp").or_insert_with(|| json!(at));
    }
    let id = id.unwrap_or_else(|| derive_id(&canonical_text(json!([kind, posted_at, data]))));
    let at = posted_at.unwrap_or_else(|| now.into());
    data.entry("timestamp").or_insert_with(|| json!(at));
    // Checked in the form that receivers get, so that what is sent could be posted again.
    if !fits(&data, MOST_DATA_BYTES) {
        return one("data", format!("must have at most {MOST_DATA_BYTES} bytes"));
    }
    if !data.values().all(|it| is_shallow(it, MOST_LEVELS - 1)) {
        return one("data", format!("must have at most {MOST_LEVELS} levels"));
    }
    let event = Event { id, kind, at: at.timestamp(), data: Value::Object(data) };
    match event.stream() {
        Some(stream) if faults.is_empty() => Ok(Incoming { event, stream }),
        _ => Err(faults),
    }
}

/// Reads the type, which stands under `event` or `type`, or under both.
fn read_kind(body: &Map<String, Value>) -> Result<(EventType, &'static [Field]), Fault> {
    let given = ["event", "type"].into_iter().filter_map(|key| body.get_key_value(key));
    let given: Vec<_> = given.filter(|(_, name)| !name.is_null()).collect();
    let accepted = || {
        let names: Vec<_> = EventType::ALL.iter().filter(|it| it.is_from_vai()).map(|it| it.name()).collect();
        format!("must be one of {}", names.join(", "))
    };
    let (path, name) = match given.as_slice() {
        [] => return Err(Fault::new("event", format!("is missing; it {}", accepted()))),
        [(_, first), (_, second)] if first != second => {
            return Err(Fault::new("event", "must be the same as \"type\", if both are given"));
        }
        [(path, name), ..] => (path.as_str(), name),
    };
    let Some(kind) = name.as_str().and_then(EventType::parse) else { return Err(Fault::new(path, accepted())) };
    match posted_fields(kind) {
        Some(fields) => Ok((kind, fields)),
        None => Err(Fault::new(path, format!("{kind} is made by this service only; it {}", accepted()))),
    }
}

fn read_id(body: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<String> {
    let id = body.get("id").filter(|it| !it.is_null())?;
    let fits = |it: &&str| {
        (1..=128).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-')
    };
    let id = id.as_str().filter(fits).map(str::to_owned);
    if id.is_none() {
        let problem = "must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -, because receivers get it as webhook-id; \
            leave it out, and one is made from the event";
        faults.push(Fault::new("id", problem));
    }
    id
}

/// A field of an object.
struct Field {
    name: &'static str,
    rule: Rule,
    presence: Presence,
}

enum Presence {
    Required,
    Optional,
    /// Filled in, if it is missing or `null`.
    Default(fn() -> Value),
}

/// What a value must be.
enum Rule {
    /// An id that names a stream. A whole number becomes a text.
    StreamId,
    /// An id. A whole number becomes a text.
    Id,
    /// A text of at most so many characters.
    Text(usize),
    /// A number of at least 0.
    Amount,
    /// A number from 0 to 1.
    Share,
    /// A whole number.
    Count,
    /// True or false.
    Flag,
    /// A number or a text.
    NumberOrText,
    /// A text or an object.
    TextOrObject,
    /// A list of at most so many values.
    List(usize),
    /// An object.
    Object,
    /// An object with these fields.
    Fields(&'static [Field]),
    /// A message: an object with these fields, or only its text.
    Message(&'static [Field]),
    /// An instant.
    Time,
}

impl Field {
    const fn required(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, presence: Presence::Required }
    }

    const fn optional(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, presence: Presence::Optional }
    }

    const fn with_default(name: &'static str, rule: Rule, default: fn() -> Value) -> Self {
        Self { name, rule, presence: Presence::Default(default) }
    }
}

/// The largest whole number that every JSON parser reads exactly (RFC 8259, section 6).
const MOST_COUNT: u64 = (1 << 53) - 1;
/// The most characters of a message or a summary.
const LONG: usize = 32_000;
/// The most characters of a name or an id.
const SHORT: usize = 500;

const SESSION: Field = Field::required("sessionId", Rule::StreamId);
const AGENT: Field = Field::optional("agentId", Rule::Id);
const USER: Field = Field::optional("userId", Rule::Id);
const PLATFORM: Field = Field::optional("platform", Rule::Text(SHORT));
const TIMESTAMP: Field = Field::optional("timestamp", Rule::Time);

const MESSAGE: &[Field] = &[
    Field::required("text", Rule::Text(LONG)),
    Field::with_default("type", Rule::Text(SHORT), || json!("text")),
    Field::with_default("metadata", Rule::Object, || json!({})),
];

const METRICS: &[Field] = &[
    Field::optional("totalConversations", Rule::Count),
    Field::optional("averageResponseTime", Rule::Amount),
    Field::optional("satisfactionScore", Rule::Share),
    Field::optional("resolutionRate", Rule::Amount),
];

const CONVERSATION_STARTED: &[Field] =
    &[SESSION, AGENT, USER, PLATFORM, Field::optional("userAgent", Rule::Text(2_000)), TIMESTAMP];

const MESSAGE_RECEIVED: &[Field] = &[
    SESSION,
    Field::required("message", Rule::Message(MESSAGE)),
    USER,
    PLATFORM,
    Field::optional("intent", Rule::Text(SHORT)),
    Field::with_default("entities", Rule::List(1_000), || json!([])),
    TIMESTAMP,
];

const MESSAGE_SENT: &[Field] = &[
    SESSION,
    Field::required("response", Rule::Message(MESSAGE)),
    AGENT,
    Field::optional("confidence", Rule::Share),
    Field::optional("processingTime", Rule::Amount),
    TIMESTAMP,
];

const CONVERSATION_ENDED: &[Field] = &[
    SESSION,
    Field::optional("duration", Rule::Amount),
    Field::optional("messageCount", Rule::Count),
    Field::optional("summary", Rule::Text(LONG)),
    Field::optional("satisfaction", Rule::NumberOrText),
    Field::optional("resolved", Rule::Flag),
    TIMESTAMP,
];

const AGENT_METRICS: &[Field] = &[
    Field::required("agentId", Rule::StreamId),
    Field::required("metrics", Rule::Fields(METRICS)),
    Field::optional("period", Rule::TextOrObject),
    TIMESTAMP,
];

const WEBHOOK_TEST: &[Field] = &[
    Field::with_default("test", Rule::Flag, || json!(true)),
    Field::required("webhookId", Rule::StreamId),
    Field::optional("message", Rule::Text(SHORT)),
    TIMESTAMP,
];

/// Returns the fields of an event's data that VAI's documents name. `None` for events that VAI does not post.
fn posted_fields(kind: EventType) -> Option<&'static [Field]> {
    match kind {
        EventType::ConversationStarted => Some(CONVERSATION_STARTED),
        EventType::MessageReceived => Some(MESSAGE_RECEIVED),
        EventType::MessageSent => Some(MESSAGE_SENT),
        EventType::ConversationEnded => Some(CONVERSATION_ENDED),
        EventType::AgentMetrics => Some(AGENT_METRICS),
        EventType::WebhookTest => Some(WEBHOOK_TEST),
        EventType::BookingCreated
        | EventType::BookingRescheduled
        | EventType::BookingCanceled
        | EventType::BookingReminded
        | EventType::BookingNoShow
        | EventType::BookingNoShowWithdrawn
        | EventType::BookingCompleted
        | EventType::NotificationDelivered
        | EventType::NotificationFailed
        | EventType::NotificationReplied
        | EventType::EndpointFailing
        | EventType::EndpointDisabled => None,
    }
}

impl EventType {
    /// Returns whether VAI posts events of this type to us. We make all others.
    pub fn is_from_vai(self) -> bool {
        posted_fields(self).is_some()
    }
}

/// Checks the fields of an object and fills in defaults. `null` is the same as a missing field. Other fields stay as
/// they are.
fn check_fields(object: &mut Map<String, Value>, prefix: &str, fields: &[Field], faults: &mut Vec<Fault>) {
    for Field { name, rule, presence } in fields {
        match object.get_mut(*name).filter(|it| !it.is_null()) {
            Some(value) => check_value(value, &format!("{prefix}{name}"), rule, faults),
            None => {
                object.remove(*name);
                match presence {
                    Presence::Required => faults.push(Fault::new(format!("{prefix}{name}"), "is missing")),
                    Presence::Optional => {}
                    Presence::Default(value) => {
                        object.insert((*name).to_owned(), value());
                    }
                }
            }
        }
    }
}

/// Checks a value and brings it into the form that receivers get.
fn check_value(value: &mut Value, path: &str, rule: &Rule, faults: &mut Vec<Fault>) {
    match (rule, &*value) {
        (Rule::Message(_), Value::String(_)) => *value = json!({ "text": value.take() }),
        (Rule::StreamId | Rule::Id, Value::Number(number)) if number.is_u64() => *value = json!(number.to_string()),
        _ => {}
    }
    let is_text = |most: usize| value.as_str().is_some_and(|it| it.chars().count() <= most);
    let is_number_up_to = |most: f64| value.as_f64().is_some_and(|it| (0.0..=most).contains(&it));
    let (fits, form) = match rule {
        Rule::StreamId => (
            value.as_str().is_some_and(is_stream_id),
            "a text of 1 to 128 visible ASCII characters without / and #, or a whole number".to_owned(),
        ),
        Rule::Id => (is_text(SHORT), format!("a text of at most {SHORT} characters, or a whole number")),
        Rule::Text(most) => (is_text(*most), format!("a text of at most {most} characters")),
        Rule::Amount => (is_number_up_to(f64::MAX), "a number of at least 0".to_owned()),
        Rule::Share => (is_number_up_to(1.0), "a number from 0 to 1".to_owned()),
        Rule::Count => {
            (value.as_u64().is_some_and(|it| it <= MOST_COUNT), format!("a whole number from 0 to {MOST_COUNT}"))
        }
        Rule::Flag => (value.is_boolean(), "true or false".to_owned()),
        Rule::NumberOrText => {
            (value.is_number() || is_text(SHORT), format!("a number, or a text of at most {SHORT} characters"))
        }
        Rule::TextOrObject => {
            (value.is_object() || is_text(SHORT), format!("an object, or a text of at most {SHORT} characters"))
        }
        Rule::List(most) => {
            (value.as_array().is_some_and(|it| it.len() <= *most), format!("a list of at most {most} values"))
        }
        Rule::Object | Rule::Fields(_) => (value.is_object(), "an object".to_owned()),
        Rule::Message(_) => (value.is_object(), "a text, or an object {text, type, metadata}".to_owned()),
        Rule::Time => (
            read_time(value).is_some(),
            "a time from 2001 to 9999: ISO 8601 with Z or an offset, or milliseconds since 1970".to_owned(),
        ),
    };
    if !fits {
        return faults.push(Fault::new(path, format!("must be {form}")));
    }
    match (rule, value) {
        (Rule::Fields(fields) | Rule::Message(fields), Value::Object(object)) => {
            check_fields(object, &format!("{path}."), fields, faults);
        }
        (Rule::Time, value) => *value = json!(read_time(value)),
        _ => {}
    }
}

/// Reads a time: ISO 8601 with an offset, or milliseconds since 1970.
fn read_time(value: &Value) -> Option<UtcTime> {
    let at = match value {
        Value::String(text) => text.parse().ok()?,
        // Some programs post milliseconds with a fraction.
        value => Timestamp::from_millisecond(value.as_i64().or_else(|| value.as_f64().map(|it| it as i64))?).ok()?,
    };
    (at.as_millisecond() >= FIRST_MILLISECOND).then(|| at.into())
}

/// Returns whether arrays and objects are nested at most so deep.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|it| is_shallow(it, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|it| is_shallow(it, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn canonical_text(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// Returns whether a value has at most so many bytes as JSON.
fn fits(value: &impl Serialize, most: usize) -> bool {
    struct Room(usize);

    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    serde_json::to_writer(Room(most), value).is_ok()
}
