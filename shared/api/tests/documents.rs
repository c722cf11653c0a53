//! The committed documents equal the generated ones; `UPDATE_OPENAPI=1 cargo test -p api` writes them.

use std::collections::BTreeSet;
use std::path::Path;

use api::{Call, Code, Function, ROUTES, openapi, tools};
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

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|it| collect_references(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| collect_references(it, found)),
        _ => {}
    }
}

#[test]
fn every_reference_has_its_schema_and_every_schema_is_referenced() {
    let document = openapi::document();
    let mut found = BTreeSet::new();
    collect_references(&document, &mut found);
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
        let refused = ["$ref", "$schema", "$defs", "title", "format", "default", "oneOf", "anyOf", "allOf"];
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
