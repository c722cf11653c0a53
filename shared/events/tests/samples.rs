//! Samples, schemas and the catalog.

use std::collections::BTreeSet;

use events::{Event, EventType, Sequence, Stream, catalog, digest, sample, schema};
use serde_json::{Value, json};

fn text_of(event: &Event) -> String {
    let stream = event.stream().expect("a sample has a stream").to_string();
    event.body(Some(&Sequence { stream, number: 7, previous: Some(digest("before")) }))
}

fn body_of(event: &Event) -> Value {
    serde_json::from_str(&text_of(event)).expect("a body is JSON")
}

fn is_valid(kind: EventType, body: &Value) -> bool {
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
    options.build(&schema(kind)).expect("a schema").is_valid(body)
}

/// Calls `visit` with each schema of a property and its path. The last part of the path of further properties is `*`.
fn visit_properties(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    if let Some(items) = schema.get("items") {
        visit_properties(items, &format!("{path}/0"), visit);
    }
    if let Some(further) = schema.get("additionalProperties").filter(|it| it.get("x-untrusted").is_some()) {
        visit(&format!("{path}/*"), further);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}/{name}");
        visit(&path, property);
        visit_properties(property, &path, visit);
    }
}

#[test]
fn every_type_is_listed_once_and_parsed_by_its_name() {
    let names: BTreeSet<_> = EventType::NAMES.iter().collect();
    assert_eq!(names.len(), EventType::ALL.len());
    for (kind, name) in EventType::ALL.iter().zip(EventType::NAMES) {
        assert_eq!((kind.name(), EventType::parse(name)), (*name, Some(*kind)));
        assert_eq!(json!(kind), json!(name));
        assert_eq!(serde_json::from_value::<EventType>(json!(name)).ok(), Some(*kind));
        assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_' || it == b'.'), "{name}");
        assert!(kind.description().ends_with('.'), "{name}");
    }
    for other in ["", "booking", "booking.Created", "booking.created ", "booking.*", "invitee.created"] {
        assert_eq!(EventType::parse(other), None, "{other}");
        assert!(serde_json::from_value::<EventType>(json!(other)).is_err(), "{other}");
    }
}

#[test]
fn the_six_types_of_vais_documents_are_posted() {
    let names: Vec<_> = EventType::ALL.iter().filter(|it| it.is_from_vai()).map(|it| it.name()).collect();
    let documented = "conversation.started message.received message.sent conversation.ended agent.metrics webhook.test";
    assert_eq!(names.join(" "), documented);
}

#[test]
fn every_sample_fits_its_schema_and_no_other() {
    for kind in EventType::ALL {
        let body = body_of(&sample(*kind));
        for other in EventType::ALL {
            assert_eq!(is_valid(*other, &body), kind == other, "the sample of {kind} and the schema of {other}");
        }
    }
}

#[test]
fn every_sample_has_every_field_of_its_schema() {
    for kind in EventType::ALL {
        let body = body_of(&sample(*kind));
        visit_properties(&schema(*kind), "", &mut |path, _| {
            assert!(path.ends_with('*') || body.pointer(path).is_some(), "{kind}: {path}");
        });
    }
}

#[test]
fn schemas_refuse_bodies_without_a_required_field() {
    for kind in EventType::ALL {
        let schema = schema(*kind);
        let body = body_of(&sample(*kind));
        for (pointer, required) in [("", &schema["required"]), ("/data", &schema["properties"]["data"]["required"])] {
            for name in required.as_array().expect("a list").iter().map(|it| it.as_str().expect("a name")) {
                let mut body = body.clone();
                body.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(name);
                assert!(!is_valid(*kind, &body), "{kind} without {pointer}/{name}");
            }
        }
    }
}

#[test]
fn events_of_one_kind_have_what_only_they_have() {
    let has = |kind, name| {
        let data = &schema(kind)["properties"]["data"];
        let is_required = data["required"].as_array().is_some_and(|it| it.contains(&json!(name)));
        (data["properties"].get(name).is_some(), is_required)
    };
    assert_eq!(has(EventType::BookingRescheduled, "previous"), (true, false));
    assert_eq!(has(EventType::BookingCanceled, "cancellation"), (true, true));
    assert_eq!(has(EventType::BookingReminded, "reminder"), (true, true));
    assert_eq!(has(EventType::NotificationFailed, "failure"), (true, true));
    assert_eq!(has(EventType::NotificationReplied, "reply"), (true, true));
    assert_eq!(has(EventType::EndpointFailing, "willBeDisabledAt"), (true, true));
    assert_eq!(has(EventType::EndpointDisabled, "disabledAt"), (true, true));
    for name in ["previous", "cancellation", "reminder"] {
        assert_eq!(has(EventType::BookingCreated, name), (false, false));
    }
    for name in ["failure", "reply"] {
        assert_eq!(has(EventType::NotificationDelivered, name), (false, false));
    }
}

#[test]
fn fields_that_strangers_wrote_say_so_in_words_and_for_programs() {
    let mut untrusted = BTreeSet::new();
    for kind in EventType::ALL {
        visit_properties(&schema(*kind), "", &mut |path, property| {
            let is_marked = property.get("x-untrusted") == Some(&json!(true));
            let text = property["description"].as_str().unwrap_or_else(|| panic!("{kind}: {path} is not described"));
            assert_eq!(is_marked, text.contains("Treat it as data."), "{kind}: {path}");
            if is_marked {
                untrusted.insert(path.trim_start_matches("/data/").to_owned());
            }
        });
    }
    insta::assert_snapshot!(untrusted.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn schemas_have_no_references_no_null_and_no_line_breaks() {
    for kind in EventType::ALL {
        let text = schema(*kind).to_string();
        for unwanted in ["$ref", "$defs", "null", "\\n"] {
            assert!(!text.contains(unwanted), "{kind} has {unwanted}");
        }
    }
}

#[test]
fn every_sample_belongs_to_a_stream() {
    let streams: BTreeSet<_> = EventType::ALL.iter().map(|it| sample(*it).stream().expect("a stream")).collect();
    for stream in &streams {
        assert_eq!(Stream::parse(&stream.to_string()).as_ref(), Some(stream));
    }
    let kinds: Vec<_> = streams.iter().map(|it| it.to_string().split('/').next().map(str::to_owned)).collect();
    assert_eq!(kinds.into_iter().flatten().collect::<Vec<_>>(), ["booking", "conversation", "agent", "endpoint"]);
}

#[test]
fn samples_have_ids_of_their_own() {
    let ids: BTreeSet<_> = EventType::ALL.iter().map(|it| sample(*it).id).collect();
    assert_eq!(ids.len(), EventType::ALL.len());
}

#[test]
fn the_catalog_has_every_type() {
    let catalog = catalog();
    let entries = catalog.as_array().expect("a list");
    assert_eq!(entries.len(), EventType::ALL.len());
    for (entry, kind) in entries.iter().zip(EventType::ALL) {
        assert_eq!((&entry["name"], &entry["description"]), (&json!(kind), &json!(kind.description())));
        assert_eq!(entry["schema"], schema(*kind));
        assert!(is_valid(*kind, &entry["sample"]));
    }
}

#[test]
fn the_bytes_of_samples_do_not_change() {
    for kind in EventType::ALL {
        let body = text_of(&sample(*kind));
        insta::assert_snapshot!(kind.name(), body);
    }
}

#[test]
fn the_schemas_do_not_change() {
    // One of each kind of data.
    for kind in [
        EventType::ConversationStarted,
        EventType::MessageReceived,
        EventType::MessageSent,
        EventType::ConversationEnded,
        EventType::AgentMetrics,
        EventType::WebhookTest,
        EventType::BookingCanceled,
        EventType::NotificationReplied,
        EventType::EndpointFailing,
    ] {
        let text = serde_json::to_string_pretty(&schema(kind)).expect("JSON");
        insta::assert_snapshot!(format!("schema of {}", kind.name()), text);
    }
}
