//! The fields of the events that VAI posts: one table from which they are checked and described.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::stream::is_stream_id;
use crate::{EventType, Fault, UtcTime};

/// A field of an object.
pub(crate) struct Field {
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
pub(crate) enum Rule {
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

    pub(crate) const fn optional(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, presence: Presence::Optional }
    }

    const fn with_default(name: &'static str, rule: Rule, default: fn() -> Value) -> Self {
        Self { name, rule, presence: Presence::Default(default) }
    }
}

/// The earliest timestamp in milliseconds: 9 September 2001. Smaller numbers are seconds.
const FIRST_MILLISECOND: i64 = 1_000_000_000_000;
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
pub(crate) fn posted_fields(kind: EventType) -> Option<&'static [Field]> {
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
pub(crate) fn check_fields(object: &mut Map<String, Value>, prefix: &str, fields: &[Field], faults: &mut Vec<Fault>) {
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
pub(crate) fn read_time(value: &Value) -> Option<UtcTime> {
    let at = match value {
        Value::String(text) => text.parse().ok()?,
        // Some programs post milliseconds with a fraction.
        value => Timestamp::from_millisecond(value.as_i64().or_else(|| value.as_f64().map(|it| it as i64))?).ok()?,
    };
    (at.as_millisecond() >= FIRST_MILLISECOND).then(|| at.into())
}

/// Returns the JSON Schema (draft 2020-12) of an event as VAI posts it. `None` for events that VAI does not post.
///
/// Beyond it, sizes are limited.
pub fn incoming_schema(kind: EventType) -> Option<Value> {
    let name = json!({
        "description": "The type of the event. One of `event` and `type` is enough.",
        "enum": [kind.name(), null],
    });
    let has_name = |key: &str| json!({ "properties": { key: { "const": kind.name() } }, "required": [key] });
    let fields = posted_fields(kind)?;
    let mut data = Rule::Fields(fields).schema();
    data["description"] = "The data. Further fields are sent on as they are.".into();
    let mut timestamp = Rule::Time.schema();
    timestamp["description"] = "When it happened. Without it, it is the data's timestamp, or else the present.".into();
    Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
        "description": kind.description(),
        "type": "object",
        "properties": {
            "event": name,
            "type": name,
            "id": {
                "description": "The event's id. An event with an id that was posted before is ignored. Without it, it is \
                    made from the event.",
                "type": ["string", "null"],
                "pattern": "^[A-Za-z0-9_-]{1,128}$",
            },
            "timestamp": or_null(timestamp),
            "data": data,
        },
        "required": ["data"],
        "anyOf": [has_name("event"), has_name("type")],
    }))
}

impl Rule {
    /// Returns the JSON Schema of the values that [`check_value`] accepts.
    fn schema(&self) -> Value {
        match self {
            Self::StreamId => {
                json!({ "type": ["string", "integer"], "pattern": r#"^[!"$-.0-~]{1,128}$"#, "minimum": 0 })
            }
            Self::Id => json!({ "type": ["string", "integer"], "maxLength": SHORT, "minimum": 0 }),
            Self::Text(most) => json!({ "type": "string", "maxLength": most }),
            Self::Amount => json!({ "type": "number", "minimum": 0 }),
            Self::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            Self::Count => json!({ "type": "integer", "minimum": 0, "maximum": MOST_COUNT }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::NumberOrText => json!({ "type": ["number", "string"], "maxLength": SHORT }),
            Self::TextOrObject => json!({ "type": ["string", "object"], "maxLength": SHORT }),
            Self::List(most) => json!({ "type": "array", "maxItems": most }),
            Self::Object => json!({ "type": "object" }),
            Self::Time => json!({
                "description": "ISO 8601 with Z or an offset, or milliseconds since 1970.",
                "type": ["string", "number"],
                "pattern": r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}",
                "minimum": FIRST_MILLISECOND,
            }),
            Self::Fields(fields) => {
                let is_required = |it: &&Field| matches!(it.presence, Presence::Required);
                let required: Vec<_> = fields.iter().filter(is_required).map(|it| it.name).collect();
                let properties = fields.iter().map(|it| (it.name.to_owned(), it.schema())).collect();
                json!({ "type": "object", "properties": Value::Object(properties), "required": required })
            }
            Self::Message(fields) => {
                let mut schema = Self::Fields(fields).schema();
                schema["type"] = json!(["string", "object"]);
                schema["maxLength"] = LONG.into();
                schema
            }
        }
    }
}

impl Field {
    fn schema(&self) -> Value {
        let schema = self.rule.schema();
        match self.presence {
            Presence::Required => schema,
            Presence::Optional => or_null(schema),
            Presence::Default(value) => {
                let mut schema = or_null(schema);
                schema["default"] = value();
                schema
            }
        }
    }
}

/// Adds `null` to the types of a schema.
fn or_null(mut schema: Value) -> Value {
    match &mut schema["type"] {
        Value::Array(types) => types.push("null".into()),
        only => *only = json!([only, "null"]),
    }
    schema
}
