//! The committed documents equal the generated ones; `UPDATE_OPENAPI=1 cargo test -p api` writes them.

use std::collections::BTreeSet;
use std::path::Path;

use api::{Call, Code, Function, ROUTES, openapi, tools};
use jsonschema::Validator;
use serde_json::{Value, json};

/// Compared as values: the order of keys depends on a feature that any crate of the workspace may switch on.
#[track_caller]
fn assert_committed(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let text = serde_json::to_string_pretty(&sorted(document)).expect("a document");
        std::fs::write(&path, text + "\n").expect("it can be written");
    }
    let committed: Value = serde_json::from_slice(&std::fs::read(&path).expect("it is there")).expect("it is JSON");
    assert!(committed == *document, "{name} is stale: UPDATE_OPENAPI=1 cargo test -p api");
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_openapi_document_is_committed() {
    assert_committed("openapi.json", &openapi::document());
}

#[test]
fn the_tools_are_committed() {
    assert_committed("tools.json", &tools::tools());
}

/// Returns the values of a key, at every depth.
fn collect_values<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|it| collect_values(it, key, found));
        }
        Value::Array(items) => items.iter().for_each(|it| collect_values(it, key, found)),
        _ => {}
    }
}

#[test]
fn every_reference_has_its_schema_and_every_schema_is_referenced() {
    let document = openapi::document();
    let mut found = Vec::new();
    collect_values(&document, "$ref", &mut found);
    let found: BTreeSet<_> = found.into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let defined: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(found, defined);
}

#[test]
fn the_document_has_every_operation_and_every_code() {
    let document = openapi::document();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.name().to_lowercase()];
        assert_eq!(operation["operationId"], route.name);
        let has_key = operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == openapi::KEY_HEADER);
        assert_eq!(has_key, route.takes_key(), "{}", route.name);
    }
    let refusals = document["components"]["schemas"]["Refusal"]["oneOf"].as_array().unwrap();
    let documented: Vec<_> = refusals.iter().map(|it| it["properties"]["code"]["const"].as_str().unwrap()).collect();
    assert_eq!(documented, Code::ALL.iter().map(|it| it.name()).collect::<Vec<_>>());
}

/// Linters and client generators refuse a schema that is `true`.
#[test]
fn every_body_and_parameter_has_a_real_schema() {
    let document = openapi::document();
    let mut found = Vec::new();
    collect_values(&document["paths"], "schema", &mut found);
    assert!(found.len() > 2 * ROUTES.len());
    for schema in found {
        let keywords = ["$ref", "type", "oneOf"];
        assert!(keywords.iter().any(|it| schema.get(it).is_some()), "{schema}");
    }
}

#[test]
fn every_operation_has_one_of_the_declared_tags() {
    let document = openapi::document();
    let declared: Vec<_> = document["tags"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let mut used = BTreeSet::new();
    for route in ROUTES {
        let tags = &document["paths"][route.path][route.method.name().to_lowercase()]["tags"];
        let [tag] = tags.as_array().unwrap().as_slice() else { panic!("{}: {tags}", route.name) };
        assert!(declared.contains(&tag), "{}: {tag}", route.name);
        used.insert(tag.as_str().unwrap());
    }
    assert_eq!(used.len(), declared.len());
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
}

/// Returns a validator of an operation's body, as a caller builds it from the document.
fn body_validator(document: &Value, name: &str) -> Validator {
    let route = ROUTES.iter().find(|it| it.name == name).expect("an operation");
    let operation = &document["paths"][route.path][route.method.name().to_lowercase()];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = json!({ "allOf": [body], "components": document["components"] });
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn what_the_document_says_of_bodies_is_what_is_accepted() {
    let document = openapi::document();
    let base = json!({
        "inviteeEmail": "ana@example.com", "inviteeName": "Ana", "preferredTime": "2027-01-11T09:00:00+02:00",
        "conversationId": "conv-1", "eventType": "Sales Demo",
    });
    let booking = |change: Value| {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let hook = "https://crm.example.com/hook";
    let cases = [
        ("book", booking(json!({})), true),
        ("book", booking(json!({ "eventType": null })), false),
        ("book", booking(json!({ "eventType": null, "topic": "pricing" })), true),
        ("book", booking(json!({ "customAnswers": { "Company?": "Acme" }, "location": null, "guests": null })), true),
        ("book", booking(json!({ "location": { "kind": "physical", "location": null } })), true),
        ("book", booking(json!({ "inviteeName": null })), false),
        ("book", booking(json!({ "preferredTime": "tomorrow at nine" })), false),
        ("book", booking(json!({ "preferredTime": "2027-01-11T09:00", "timezone": "Europe/Bucharest" })), true),
        ("book", booking(json!({ "maxShift": null, "notes": null, "language": null })), true),
        (
            "book",
            booking(
                json!({ "topic": "", "phone": "", "language": "", "location": { "kind": "zoom", "location": "" } }),
            ),
            true,
        ),
        ("book", booking(json!({ "eventType": "", "topic": " " })), false),
        ("book", booking(json!({ "language": "r" })), false),
        ("book", booking(json!({ "userId": {} })), false),
        ("book", booking(json!({ "inviteeName": "" })), false),
        ("link", json!({ "conversationId": "conv-1" }), false),
        ("link", json!({ "conversationId": "conv-1", "topic": "" }), false),
        ("link", json!({ "conversationId": "conv-1", "topic": "pricing" }), true),
        ("move", json!({}), false),
        ("move", json!({ "preferredTime": "" }), false),
        ("move", json!({ "preferredTime": "", "by": "link" }), true),
        ("move", json!({ "by": "link" }), true),
        ("move", json!({ "by": null, "preferredTime": "2027-01-12T09:00" }), true),
        ("preview_templates", json!({ "wording": { "message": "reminder", "language": "ro" } }), true),
        ("preview_templates", json!({ "wording": { "message": "reminder", "language": null } }), true),
        ("preview_templates", json!({ "wording": { "message": "reminder", "language": "fr" } }), false),
        ("preview_templates", json!({ "languages": ["zh-Hant"], "channels": ["sms"] }), true),
        ("preview_templates", json!({ "languages": ["fr"] }), false),
        ("create_endpoint", json!({ "url": hook, "events": ["*"], "retryConfig": { "maxAttempts": null } }), true),
        ("create_endpoint", json!({ "events": ["*"] }), false),
        ("create_endpoint", json!({ "events": ["*"], "delivery": "poll", "url": null }), true),
        ("create_endpoint", json!({ "events": ["*"], "delivery": "poll", "url": hook }), false),
        ("create_endpoint", json!({ "events": ["*"], "delivery": "email" }), false),
        ("create_endpoint", json!({ "events": ["*"], "delivery": "email", "email": "a@example.com" }), true),
        ("replay", json!({}), false),
        ("replay", json!({ "since": "2027-01-11T09:00:00Z" }), true),
        ("replay", json!({ "since": "2027-01-11T09:00" }), false),
        ("replay", json!({ "since": "2027-01-11T09:00:00Z", "delivery": "d" }), false),
        ("recover", json!({ "since": "2027-01-11T09:00" }), false),
        ("import_bookings", json!({ "since": "2027-01-11T09:00:00Z", "event": null }), true),
        ("import_bookings", json!({ "since": "yesterday" }), false),
        ("import_bookings", json!({ "event": "E", "booking": "bk-1" }), false),
        ("put_settings", json!({ "settings": "enabled: true", "format": "yaml" }), true),
        ("put_settings", json!({ "settings": { "enabled": true }, "format": null, "dryRun": null }), true),
        ("put_settings", json!({ "settings": 7 }), false),
        ("put_settings", json!({ "settings": "", "format": "xml" }), false),
        ("create_connection", json!({ "id": "acme", "credentials": null }), true),
        ("create_connection", json!({ "id": "Acme!" }), false),
        ("create_connection", json!({ "id": "acme", "signingKey": "a key with spaces that is long enough" }), false),
    ];
    for (name, body, is_accepted) in cases {
        let route = ROUTES.iter().find(|it| it.name == name).unwrap();
        let path = match route.path_parameter() {
            Some(parameter) => route.path.replace(&format!("{{{parameter}}}"), "acme"),
            None => route.path.to_owned(),
        };
        let read = Call::from_http(route.function, route.method.name(), &path, "", body.to_string().as_bytes());
        assert_eq!(read.is_ok(), is_accepted, "{name} {body}: {read:?}");
        assert_eq!(body_validator(&document, name).is_valid(&body), is_accepted, "{name} {body}");
    }
}

/// Asserts that there is no keyword that models refuse or misread.
fn assert_no_keyword(value: &Value, refused: &[&str], path: &str) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let is_property = path.ends_with("/properties");
                assert!(is_property || !refused.contains(&key.as_str()), "{key} at {path}");
                assert_no_keyword(inner, refused, &format!("{path}/{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|it| assert_no_keyword(it, refused, path)),
        Value::Null => panic!("null at {path}"),
        _ => {}
    }
}

#[test]
fn tools_have_no_references_and_no_keyword_that_models_refuse() {
    let tools = tools::tools();
    let tools = tools.as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|it| it["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["event_types", "available_times", "alternatives", "book", "hold", "confirm", "upcoming", "cancel", "move"]
    );
    for tool in tools {
        let function = &tool["function"];
        // Gemini's types refuse `propertyNames`.
        let refused =
            ["$ref", "$schema", "$defs", "title", "format", "default", "oneOf", "anyOf", "allOf", "propertyNames"];
        assert_no_keyword(&function["parameters"], &refused, "");
        assert_eq!(function["parameters"]["type"], "object");
        assert_eq!(function["parameters"]["additionalProperties"], false);
        for (name, property) in function["parameters"]["properties"].as_object().unwrap() {
            assert!(property["type"].is_string(), "{name} has one type");
            assert!(property["description"].as_str().is_some_and(|it| it.len() > 20), "{name} is described");
        }
        // OpenAI refuses longer ones.
        let length = function["description"].as_str().unwrap().chars().count();
        assert!(length <= 1_024, "{} is described in {length} characters", function["name"]);
    }
}

#[test]
fn every_parameter_of_every_tool_is_accepted() {
    let full = json!({
        "eventType": "Sales Demo", "topic": "pricing", "host": "Ioana Pop", "inviteeEmail": "ana@example.com",
        "inviteeName": "Ana", "preferredTime": "2027-01-11T09:00", "conversationId": "conv-1", "userId": "u-1",
        "agentType": "sales", "customAnswers": [{"question": "Company?", "answer": "Acme"}], "notes": "Wants to see prices.",
        "timezone": "Europe/Bucharest", "language": "ro", "maxShift": 90, "guests": ["dan@example.com"],
        "phone": "+40712345678", "location": {"kind": "outbound_call", "location": "+40712345678"},
        "qualification": {"team size": "5"},
    });
    let minimal = json!({
        "topic": "pricing", "inviteeEmail": "ana@example.com", "inviteeName": "Ana",
        "preferredTime": "2027-01-11T09:00:00+02:00", "conversationId": "conv-1",
    });
    let samples = [
        ("event_types", json!({})),
        ("event_types", json!({"query": "demo"})),
        ("available_times", json!({"eventType": "Sales Demo"})),
        (
            "available_times",
            json!({
                "eventType": "sales-demo", "from": "2027-01-11T00:00", "until": "2027-01-18T00:00", "timezone": "Europe/Bucharest",
                "host": "Ioana Pop", "language": "ro",
            }),
        ),
        ("alternatives", json!({"topic": "pricing"})),
        (
            "alternatives",
            json!({
                "eventType": "Sales Demo", "topic": "pricing", "preferredTime": "2027-01-11T09:00Z", "timezone": "Asia/Taipei",
                "language": "zh-Hant", "inviteeEmail": "ana@example.com", "days": 31, "host": "Ioana Pop",
            }),
        ),
        ("book", full.clone()),
        ("book", minimal.clone()),
        ("hold", full.clone()),
        ("hold", minimal.clone()),
        ("confirm", json!({"hold": "hold-1"})),
        ("upcoming", json!({"userEmail": "ana@example.com"})),
        ("upcoming", json!({"userEmail": "ana@example.com", "days": 60, "language": "ro"})),
        ("cancel", json!({"booking": "bk-1"})),
        ("cancel", json!({"booking": "bk-1", "reason": "No time.", "language": "ro"})),
        ("move", json!({"booking": "bk-1", "preferredTime": "2027-01-12T09:00"})),
        (
            "move",
            json!({
                "booking": "bk-1", "preferredTime": "2027-01-12T09:00", "maxShift": 0, "by": "link",
                "timezone": "Europe/Bucharest", "language": "da",
            }),
        ),
    ];
    let tools = tools::tools();
    for tool in tools.as_array().unwrap() {
        let name = tool["function"]["name"].as_str().unwrap();
        let known: BTreeSet<_> =
            tool["function"]["parameters"]["properties"].as_object().unwrap().keys().cloned().collect();
        let given: BTreeSet<_> = samples
            .iter()
            .filter(|(tool, _)| *tool == name)
            .flat_map(|(_, sample)| sample.as_object().unwrap().keys().cloned())
            .collect();
        assert_eq!(given, known, "the samples of {name} have every parameter");
    }
    for (name, sample) in samples {
        let call = Call::from_direct(Function::Schedule, name, sample.clone())
            .unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        assert_eq!(call.operation().name(), name);
    }
}
