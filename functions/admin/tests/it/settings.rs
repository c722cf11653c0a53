//! The settings of a connection: written, checked, tried, listed and restored; and the re-planning that follows.

use domain::{BookingId, ConnectionName, Fact, Settings, Snapshot, decide};
use serde_json::{Value, json};
use wire::calendly::parse_looked_up;
use wire::due::Due;

use crate::world::{ADMIN, Instance, OPERATOR, Response};

fn instance() -> Instance {
    let instance = Instance::new();
    for name in ["default", "other"] {
        instance.http("POST", "/api/connections", Some(&json!({ "id": name })), Some(OPERATOR), None).ok();
    }
    instance
}

fn call(instance: &Instance, method: &str, path: &str, body: &Value) -> Response {
    let target = format!("/api/connections/default/settings{path}");
    instance.http(method, &target, Some(body).filter(|it| !it.is_null()), Some(ADMIN), None)
}

fn put(instance: &Instance, settings: Value) -> Response {
    call(instance, "PUT", "", &json!({ "settings": settings }))
}

fn replans(instance: &Instance) -> Vec<u64> {
    let sent = instance.outside.emails.borrow();
    let versions = sent.iter().filter_map(|due| match due {
        Due::Replan { version, .. } => Some(*version),
        Due::V1 { .. } | Due::Email { .. } | Due::Import { .. } | Due::Code { .. } => None,
    });
    versions.collect()
}

/// A booking with its plan by the default settings, in a week.
fn snapshot() -> Snapshot {
    let invitee = json!({"resource": {
        "uri": "https://api.calendly.com/scheduled_events/E/invitees/I", "email": "ana@example.com", "name": "Ana",
        "status": "active", "timezone": "Europe/Bucharest", "created_at": "2026-11-26T11:00:00Z",
        "updated_at": "2026-11-26T11:00:00Z", "text_reminder_number": "+40712345678", "rescheduled": false,
        "event": "https://api.calendly.com/scheduled_events/E",
    }});
    let event = json!({"resource": {
        "uri": "https://api.calendly.com/scheduled_events/E", "name": "Demo", "status": "active",
        "start_time": "2026-12-03T10:00:00Z", "end_time": "2026-12-03T10:30:00Z",
        "event_type": "https://api.calendly.com/event_types/D", "location": null, "event_memberships": [],
        "updated_at": "2026-11-26T11:00:00Z",
    }});
    let fact: Fact = parse_looked_up(invitee.to_string().as_bytes(), event.to_string().as_bytes()).expect("a fact");
    let empty = Snapshot::empty(BookingId::new("bk-1"), ConnectionName::default());
    let now = "2026-11-26T11:00:00Z".parse().expect("an instant");
    let decision = decide(&empty, &[fact], &templates(Settings::default()), now);
    empty.after(&decision)
}

fn templates(settings: Settings) -> Settings {
    let document = json!({"providers": {"sms": ["twilio"]}, "senders": {"twilio": "VAI"}, "sms_for": "all"});
    let Settings { providers, senders, sms_for, .. } = Settings::check(&document).expect("settings");
    Settings { providers, senders, sms_for, ..settings }
}

#[test]
fn settings_are_written_read_and_planned_again() {
    let instance = instance();
    let first = call(&instance, "GET", "", &Value::Null).ok();
    assert_eq!(first["version"], 0);
    assert_eq!(first["settings"]["reminder_minutes"], json!([1440, 60]));
    let written = put(&instance, json!("reminder_minutes: [60]\nsurvey_url: https://example.com/s\n")).ok();
    assert_eq!(written["version"], 1);
    let changes = json!([
        {"path": "reminder_minutes", "before": [1440, 60], "after": [60]},
        {"path": "survey_url", "after": "https://example.com/s"},
    ]);
    assert_eq!(written["changes"], changes);
    assert_eq!(written["replan"]["status"], "running");
    assert_eq!(replans(&instance), [1]);
    let read = call(&instance, "GET", "", &Value::Null).ok();
    assert_eq!((&read["version"], &read["settings"]["reminder_minutes"]), (&json!(1), &json!([60])));
    // What was read can be written.
    let again = put(&instance, read["settings"].clone()).ok();
    assert_eq!((&again["version"], &again["changes"]), (&json!(1), &json!([])));
    assert_eq!(replans(&instance), [1]);
}

#[test]
fn a_failure_after_the_write_is_made_good_by_the_same_call() {
    let mut step = 0;
    loop {
        let instance = instance();
        instance.outside.fails_after.set(Some(step));
        let first = put(&instance, json!({"reminder_minutes": [60]}));
        instance.outside.fails_after.set(None);
        if first.status == 200 {
            break;
        }
        put(&instance, json!({"reminder_minutes": [60]})).ok();
        assert!(replans(&instance).contains(&1), "{step}");
        let read = call(&instance, "GET", "", &Value::Null).ok();
        assert_eq!((&read["version"], &read["replan"]["version"]), (&json!(1), &json!(1)), "{step}");
        step += 1;
    }
    assert!(step >= 3, "{step}");
}

#[test]
fn every_error_is_listed_with_its_line_and_nothing_is_written() {
    let instance = instance();
    let refused = put(&instance, json!("default_language: xx\n\nreminder_minutes: [0]\n"));
    assert_eq!(refused.status, 400);
    let faults = refused.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("settings.default_language: line 1: must be one of"), "{faults:?}");
    assert!(faults[1].starts_with("settings.reminder_minutes[0]: line 3: must be a whole number"), "{faults:?}");
    instance.outside.crm_problems.borrow_mut().push("crm.lists: Brevo has no list 99".to_owned());
    let refused = put(&instance, json!({"crm": {"lists": [{"id": 99}]}}));
    assert_eq!(refused.faults(), ["settings: crm.lists: Brevo has no list 99"]);
    assert_eq!(put(&instance, json!(7)).code(), "invalid_request");
    assert_eq!(call(&instance, "GET", "", &Value::Null).ok()["version"], 0);
    assert_eq!(replans(&instance), [0; 0]);
}

fn with_reminders(document: &Value, minutes: Value) -> Value {
    let mut document = document.clone();
    document["reminder_minutes"] = minutes;
    document
}

#[test]
fn a_dry_run_says_what_would_change_and_writes_nothing() {
    let instance = instance();
    instance.outside.snapshots.borrow_mut().push(snapshot());
    let document = json!({
        "reminder_minutes": [60, 30, 20_160], "sms_price": "0.05 EUR", "providers": {"sms": ["twilio"]},
        "senders": {"twilio": "VAI"}, "sms_for": "all",
    });
    let answer = call(&instance, "PUT", "", &json!({"settings": &document, "dryRun": true})).ok();
    assert_eq!((&answer["version"], &answer["dryRun"]), (&json!(0), &json!(true)));
    let plan = &answer["plan"];
    let messages: Vec<_> = plan["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| format!("{} {} {}", it["change"], it["at"], it["message"]).replace('"', ""))
        .collect();
    let expected = [
        "past 2026-11-19T10:00:00Z reminder by SMS, 14 days before",
        "dropped 2026-12-02T10:00:00Z reminder by SMS, 24 h before",
        "new 2026-12-03T09:30:00Z reminder by SMS, 30 min before",
    ];
    assert_eq!(messages, expected);
    assert_eq!((&plan["bookings"], &plan["moreSms"], &plan["hasMore"]), (&json!(1), &json!(0), &json!(false)));
    let more = with_reminders(&document, json!([1440, 60, 30]));
    let answer = call(&instance, "PUT", "", &json!({"settings": more, "dryRun": true})).ok();
    let plan = &answer["plan"];
    // It is in Romanian, and longer than a segment.
    let segments = plan["moreSegments"].as_u64().expect("a number");
    assert!(segments > 1, "{plan}");
    assert_eq!(plan["moreSms"], 1);
    assert_eq!(plan["smsCost"], format!("{}.{:02} EUR", segments * 5 / 100, segments * 5 % 100));
    assert_eq!(call(&instance, "GET", "", &Value::Null).ok()["version"], 0);
    assert_eq!(replans(&instance), [0; 0]);

    put(&instance, with_reminders(&document, json!([1440, 60]))).ok();
    let fewer = with_reminders(&document, json!([60]));
    let answer = call(&instance, "PUT", "", &json!({"settings": fewer, "dryRun": true})).ok();
    assert_eq!(answer["plan"]["moreSegments"].as_i64().map(i64::signum), Some(-1), "{answer}");
    assert_eq!(answer["plan"]["smsCost"], Value::Null);
}

#[test]
fn versions_are_listed_and_restored() {
    let instance = instance();
    put(&instance, json!({"reminder_minutes": [60]})).ok();
    put(&instance, json!({"reminder_minutes": [30]})).ok();
    let versions = call(&instance, "GET", "/versions", &Value::Null).ok()["versions"].clone();
    let lines: Vec<_> = versions
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| format!("{}: {} -> {}", it["version"], it["changes"][0]["before"], it["changes"][0]["after"]))
        .collect();
    assert_eq!(lines, ["2: [60] -> [30]", "1: [1440,60] -> [60]"]);
    let restored = call(&instance, "POST", "/restore", &json!({"version": 1})).ok();
    assert_eq!(restored["version"], 3);
    let read = call(&instance, "GET", "", &Value::Null).ok();
    assert_eq!(read["settings"]["reminder_minutes"], json!([60]));
    assert_eq!(replans(&instance), [1, 2, 3]);
    let unknown = call(&instance, "POST", "/restore", &json!({"version": 9}));
    assert_eq!(unknown.faults(), ["version: is not stored: list them with settings_versions"]);
}
