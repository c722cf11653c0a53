//! The audit: who called what, about which booking, in which conversation, and how it ended.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::{ELSEWHERE_KEY, KEY, OWN_KEY, READER_KEY};
use crate::payload::{EMAIL, NAME, NOTES, PHONE};
use crate::personal::log_of;
use crate::schedule::{Instance, demo, monday};

/// Calls it over HTTP with a key, and as a conversation.
fn call(instance: &Instance<'_>, key: &str, conversation: &str, method: &str, path: &str, body: Option<&Value>) -> u64 {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("x-vai-conversation", conversation)];
    instance.http(method, path, body, &headers).0
}

#[test]
fn each_call_leaves_a_line_that_says_who_called_what_and_how_it_ended() {
    let world = monday();
    let instance = Instance::new(&world);
    assert_eq!(call(&instance, KEY, "conv-1", "POST", "/api/calendly/schedule", Some(&demo())), 200);
    let booked: Value = serde_json::from_str(&instance.api.audit.lines.borrow()[0]).expect("JSON");
    let id = booked["booking"].as_str().expect("the line of a new booking has its id").to_owned();
    let path = format!("/api/calendly/bookings/{id}");
    let moved = json!({"preferredTime": "2026-11-26T12:00:00+02:00"});
    let (status, _, _) = instance.http("GET", &path, None, &[]);
    let own_path = format!("/api/calendly/bookings/{}", EMAIL.replace('@', "%40"));
    let answers = [
        status,
        call(&instance, OWN_KEY, "conv-1", "GET", &path, None),
        call(&instance, OWN_KEY, "conv-2", "GET", &path, None),
        call(&instance, OWN_KEY, "conv-2", "GET", &own_path, None),
        call(&instance, READER_KEY, "conv-1", "POST", &format!("{path}/move"), Some(&moved)),
        call(&instance, ELSEWHERE_KEY, "conv-1", "GET", &path, None),
        call(&instance, KEY, "conv-1", "GET", "/api/nothing", None),
    ];
    assert_eq!(answers, [401, 200, 403, 403, 403, 403, 404]);
    instance.call("timeline", &json!({"booking": id}));

    let lines = instance.api.audit.lines.borrow();
    let lines: Vec<Value> = lines.iter().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    let fields = ["caller", "operation", "outcome", "connection", "booking"];
    let said: Vec<_> = lines.iter().map(|line| fields.map(|it| line[it].as_str().expect("text"))).collect();
    let id = id.as_str();
    let expected = [
        ["vai-1", "book", "ok", "default", id],
        // Who has no key is told of no booking, and the call is not read.
        ["", "booking", "unauthorized", "", ""],
        ["own", "booking", "ok", "default", id],
        ["own", "booking", "not_yours", "default", id],
        // What is no id is not written: it may be personal.
        ["own", "booking", "not_yours", "default", "*"],
        ["reader", "move", "forbidden", "default", ""],
        ["elsewhere", "booking", "not_yours", "acme", id],
        ["vai-1", "", "not_found", "default", ""],
        ["iam", "timeline", "ok", "default", id],
    ];
    assert_eq!(said, expected);
    let conversation = |line: usize| lines[line]["conversation"].as_str().expect("text");
    assert_eq!((conversation(0), conversation(1), conversation(8)), (conversation(2), "", ""));
    assert_ne!(conversation(2), conversation(3));
    assert!(lines.iter().all(|it| it.as_object().is_some_and(|it| it.len() == 6)), "{lines:?}");
    let text = serde_json::to_string(&lines).expect("text");
    for secret in [EMAIL, NAME, PHONE, NOTES, "conv-1", "conv-2", KEY, OWN_KEY] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let denied = instance.api.audit.counted.borrow().iter().filter(|it| *it == "Denied").count();
    assert_eq!(denied, 5, "401 and 403 are counted");
}

#[test]
fn a_line_that_cannot_be_written_goes_to_the_functions_log_and_the_call_does_not_fail() {
    let world = monday();
    let instance = Instance::new(&world);
    let get = || instance.http("GET", "/api/status", None, &[("authorization", &format!("Bearer {KEY}"))]);
    let answer = get();
    instance.api.audit.is_down.set(true);
    let log = log_of(|| assert_eq!(get(), answer));
    let lines: BTreeSet<_> = instance.api.audit.lines.take().into_iter().collect();
    let logged: BTreeSet<_> = log
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).expect("JSON"))
        .filter(|it| it["fields"]["message"] == "audit line not in its log group")
        .map(|it| it["fields"]["audit"].as_str().expect("the line").to_owned())
        .collect();
    assert_eq!((lines.len(), &logged), (1, &lines), "{log}");
    assert!(instance.api.audit.counted.borrow().contains(&"AuditUnwritten".to_owned()));
}
