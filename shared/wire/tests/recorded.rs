//! Parses every recorded and hand-made payload of `events/` and prints the typed event. Personal values print masked.

use std::fs;
use std::path::Path;

use domain::{Details, Unchanged};
use serde_json::json;
use wire::calendly::{Malformed, Webhook, parse_webhook};

#[test]
fn payloads_become_typed_events() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut seen = 0;
    for entry in fs::read_dir(&events).expect("events/") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        if path.extension().is_none_or(|it| it != "json") || name.starts_with("lambda_") {
            continue;
        }
        let body = fs::read(&path).expect("a payload");
        let event = parse_webhook(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        insta::assert_debug_snapshot!(name, event);
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} payloads");
}

fn with(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut body: serde_json::Value =
        serde_json::from_slice(include_bytes!("../../../events/invitee_created_vai.json")).expect("JSON");
    change(&mut body);
    serde_json::to_vec(&body).expect("JSON")
}

#[test]
fn an_error_names_the_path_and_quotes_no_value() {
    let remove = |pointer: &'static str, key: &'static str| {
        with(move |body| {
            body.pointer_mut(pointer).and_then(|it| it.as_object_mut()).expect("an object").remove(key);
        })
    };
    for (body, expected) in [
        (Vec::new(), "the body: is empty"),
        (vec![0xff, 0xfe], "the body: is not UTF-8"),
        (b"{".to_vec(), "the body: is not JSON (line 1, column 1)"),
        (b"[]".to_vec(), "the body: is not of the expected form"),
        (b"[{\"event\":\"invitee.created\"}]".to_vec(), "the body: is not of the expected form"),
        (b"{}".to_vec(), "the body: missing field `event`"),
        (remove("", "payload"), "the body: missing field `payload`"),
        (remove("/payload", "email"), "payload: missing field `email`"),
        (remove("/payload", "scheduled_event"), "payload.scheduled_event: is missing"),
        (remove("/payload/scheduled_event", "start_time"), "payload.scheduled_event: missing field `start_time`"),
        (
            with(|body| body["payload"]["scheduled_event"]["start_time"] = "ana@example.com".into()),
            "payload.scheduled_event.start_time: is not of the expected form",
        ),
    ] {
        let Malformed { path, problem } = parse_webhook(&body).expect_err(expected);
        assert_eq!(format!("{path}: {problem}"), expected);
    }
}

#[test]
fn odd_but_legal_payloads_are_facts() {
    for (name, body) in [
        ("no zone", with(|body| body["payload"]["timezone"] = serde_json::Value::Null)),
        ("a zone that doesn't exist", with(|body| body["payload"]["timezone"] = "Mars/Olympus".into())),
        (
            "a location never seen",
            with(|body| {
                body["payload"]["scheduled_event"]["location"] = serde_json::json!({"type": "hologram", "data": [1]})
            }),
        ),
        ("no location", with(|body| body["payload"]["scheduled_event"]["location"] = serde_json::Value::Null)),
        ("a new field", with(|body| body["payload"]["mood"] = serde_json::json!({"happy": true}))),
        (
            "answers that are no text",
            with(|body| {
                body["payload"]["questions_and_answers"] =
                    serde_json::json!([{"question": "Phone", "answer": ["a"]}, {}])
            }),
        ),
        ("no tracking", with(|body| body["payload"]["tracking"] = serde_json::Value::Null)),
    ] {
        assert!(parse_webhook(&body).is_ok(), "{name}");
    }
}

fn details(body: &[u8]) -> Details {
    match parse_webhook(body).expect("a webhook") {
        Webhook::Fact(fact) => fact.leg.details,
        Webhook::Other { .. } => panic!("a fact"),
    }
}

#[test]
fn answers_keep_their_order_and_their_length_is_limited() {
    let answers = |answers: serde_json::Value| {
        let details = details(&with(|body| body["payload"]["questions_and_answers"] = answers));
        let texts =
            details.answers.into_iter().map(|it| (it.question, it.answer.unchanged(Unchanged::Comparison).to_owned()));
        texts.collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>();
    assert_eq!(
        answers(json!([
            {"question": "Team size", "answer": 12}, {"question": " Company ", "answer": " Exemplu SRL\nCluj "},
            {"question": "Blank", "answer": "  "}, {"question": "None", "answer": null}, {"answer": "no question"},
            {"question": "List", "answer": ["a"]}, {"question": "Newsletter", "answer": true},
        ])),
        pairs(&[("Team size", "12"), ("Company", "Exemplu SRL\nCluj"), ("Newsletter", "true")])
    );
    let long = answers(json!(vec![json!({"question": "é".repeat(9_999), "answer": "é".repeat(9_999)}); 99]));
    assert_eq!(long.len(), 20);
    assert_eq!(long[0], ("é".repeat(250), "é".repeat(1_000)));
    assert_eq!(answers(serde_json::Value::Null), []);
}

#[test]
fn every_host_is_kept_and_its_address_is_in_ascii() {
    let hosts = |memberships: serde_json::Value| {
        let details = details(&with(|body| body["payload"]["scheduled_event"]["event_memberships"] = memberships));
        let hosts = details.hosts.into_iter().map(|it| (it.name.clone(), it.address().map(str::to_owned)));
        hosts.collect::<Vec<_>>()
    };
    let host = |name: Option<&str>, email: Option<&str>| (name.map(str::to_owned), email.map(str::to_owned));
    assert_eq!(
        hosts(json!([
            {"user": "u-1", "user_email": " maria@bücher.example ", "user_name": " Maria Popescu "},
            {"user": "u-2", "user_name": "Ion"}, {"user": "u-3", "user_email": " ", "user_name": ""},
            {"user_email": "no address"},
        ])),
        [
            host(Some("Maria Popescu"), Some("maria@xn--bcher-kva.example")),
            host(Some("Ion"), None),
            host(None, None),
            host(None, Some("no address")),
        ]
    );
    assert_eq!(hosts(serde_json::Value::Null), []);
}

#[test]
fn tracking_is_kept_without_our_own_token() {
    let tracking = |tracking: serde_json::Value| {
        let details = details(&with(|body| body["payload"]["tracking"] = tracking));
        serde_json::to_value(details.tracking).expect("JSON")
    };
    let all = json!({
        "utm_source": "news", "utm_medium": "e-mail", "utm_campaign": "May", "utm_content": "banner", "utm_term": "t",
        "salesforce_uuid": "003",
    });
    assert_eq!(tracking(all.clone()), all);
    let ours = json!({"utm_content": "vai1-abcdefghijklmnopqrstuvwxyz", "utm_source": " ", "utm_term": 7});
    assert_eq!(tracking(ours), json!({"utm_term": "7"}));
    assert_eq!(tracking(json!({"utm_source": {"nested": true}})), json!({}));
    assert_eq!(tracking(serde_json::Value::Null), json!({}));
}
