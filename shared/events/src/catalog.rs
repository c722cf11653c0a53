//! The schemas of bodies, and the list of all types for documents and for the API.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::sample::{sample, sample_sequence};
use crate::{
    AgentMetricsData, BookingData, ConversationEndedData, ConversationStartedData, EndpointData, EventType,
    MessageReceivedData, MessageSentData, NotificationData, Sequence, UtcTime, WebhookTestData,
};

/// Returns every type with its name, description, schema and sample body.
pub fn catalog() -> Value {
    let entry = |kind: &EventType| {
        let event = sample(*kind);
        let body = event.body(Some(&sample_sequence(&event)));
        json!({
            "name": kind.name(),
            "description": kind.description(),
            "schema": schema(*kind),
            "sample": serde_json::from_str::<Value>(&body).unwrap_or_default(),
        })
    };
    EventType::ALL.iter().map(entry).collect()
}

/// Returns the JSON Schema (draft 2020-12) of the body of an event, without references.
///
/// Fields whose text strangers wrote have `"x-untrusted": true`.
pub fn schema(kind: EventType) -> Value {
    let name = |text: &str| json!({ "description": text, "const": kind.name() });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
        "description": kind.description(),
        "type": "object",
        "properties": {
            "event": name("The type of the event."),
            "type": name("The same as `event`."),
            "id": {
                "description": "The event's id, equal for each delivery. Use it to recognize repetitions.",
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{1,128}$",
            },
            "timestamp": describe(inline::<UtcTime>(), "When it happened."),
            "sequence": inline::<Sequence>(),
            "data": data_schema(kind),
        },
        "required": ["event", "type", "id", "timestamp", "data"],
    })
}

fn data_schema(kind: EventType) -> Value {
    match kind {
        EventType::ConversationStarted => inline::<ConversationStartedData>(),
        EventType::MessageReceived => inline::<MessageReceivedData>(),
        EventType::MessageSent => inline::<MessageSentData>(),
        EventType::ConversationEnded => inline::<ConversationEndedData>(),
        EventType::AgentMetrics => inline::<AgentMetricsData>(),
        EventType::WebhookTest => inline::<WebhookTestData>(),
        EventType::BookingCreated
        | EventType::BookingNoShow
        | EventType::BookingNoShowWithdrawn
        | EventType::BookingCompleted => narrow::<BookingData>(BOOKING_EXTRAS, &[], &[]),
        EventType::BookingRescheduled => narrow::<BookingData>(BOOKING_EXTRAS, &["previous"], &[]),
        EventType::BookingCanceled => narrow::<BookingData>(BOOKING_EXTRAS, &[], &["cancellation"]),
        EventType::BookingReminded => narrow::<BookingData>(BOOKING_EXTRAS, &[], &["reminder"]),
        EventType::NotificationDelivered => narrow::<NotificationData>(&["failure", "reply"], &[], &[]),
        EventType::NotificationFailed => narrow::<NotificationData>(&["failure", "reply"], &[], &["failure"]),
        EventType::NotificationReplied => narrow::<NotificationData>(&["failure", "reply"], &[], &["reply"]),
        EventType::EndpointFailing => narrow::<EndpointData>(ENDPOINT_EXTRAS, &[], &["willBeDisabledAt"]),
        EventType::EndpointDisabled => narrow::<EndpointData>(ENDPOINT_EXTRAS, &[], &["disabledAt"]),
    }
}

/// The fields that only some events about bookings have.
const BOOKING_EXTRAS: &[&str] = &["cancellation", "previous", "reminder"];
/// The fields that only one of the events about endpoints has.
const ENDPOINT_EXTRAS: &[&str] = &["disabledAt", "willBeDisabledAt"];

/// Returns a schema with only those of `extras` that are `optional` or `required`.
fn narrow<T: JsonSchema>(extras: &[&str], optional: &[&str], required: &[&str]) -> Value {
    let mut schema = inline::<T>();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let is_absent = |it: &str| extras.contains(&it) && !optional.contains(&it) && !required.contains(&it);
        properties.retain(|name, _| !is_absent(name));
    }
    if let Some(Value::Array(names)) = schema.get_mut("required") {
        names.extend(required.iter().map(|it| json!(it)));
    }
    schema
}

/// Returns the schema of a type as it is written, without references.
fn inline<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|it| it.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    if let Value::Object(schema) = &mut schema {
        schema.remove("$schema");
        schema.remove("title");
    }
    schema
}

fn describe(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// Removes `null` from the types of optional fields, which are left out instead, and line breaks from descriptions.
/// Turns a choice of constants into an enumeration, which more programs understand.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(schema) => {
            schema.values_mut().for_each(tidy);
            remove_null(schema);
            join_constants(schema);
            if let Some(Value::String(text)) = schema.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|it| it.get("type").is_none_or(|it| it != "null"));
        if let [Value::Object(only)] = forms.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            for (key, value) in only {
                schema.entry(key).or_insert(value);
            }
        }
    }
}

fn join_constants(schema: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = schema.get("oneOf") else { return };
    let constants: Vec<_> = forms.iter().filter_map(|it| it.get("const").cloned()).collect();
    if constants.len() != forms.len() {
        return;
    }
    let meanings: Vec<_> =
        forms.iter().filter_map(|it| Some((it["const"].as_str()?, it["description"].as_str()?))).collect();
    let mut text = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (constant, meaning) in meanings {
        text.push_str(&format!(" `{constant}`: {meaning}"));
    }
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), constants.into());
    schema.insert("description".to_owned(), text.into());
}
