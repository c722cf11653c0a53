//! The largest decision that settings and an event allow is one transaction, with 20 rows to spare.

use domain::{
    BookingId, ConnectionName, Decision, Fact, MOST_COMMANDS, Message, Metadata, Settings, Snapshot, State, decide,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use wire::calendly::{Webhook, parse_webhook};

use crate::payload::Meeting;

/// As many hosts, offsets and channels as the settings take: documents with more are refused.
fn largest_settings() -> Settings {
    let hours = |most: u32| (1..=most).map(|it| it * 60).collect::<Vec<_>>();
    let channels = Message::NAMES.map(|name| (name, ["sms", "email"]));
    let hosts = (0..20).map(|number| (host(number), json!({"phone": "+4520123456", "email": true})));
    let templates = Message::NAMES.map(|name| json!({"message": name, "provider": "engagelab", "id": "1"}));
    let document = |more: usize| {
        json!({
            "reminder_minutes": hours(6 + u32::try_from(more).unwrap_or(0)), "follow_up_minutes": hours(6),
            "reconfirm_minutes": hours(2), "no_show_minutes": 30, "sms_for": "all",
            "templates": templates, "channels": Value::from_iter(channels), "hosts": Value::from_iter(hosts.clone()),
        })
    };
    assert!(Settings::check(&document(1)).is_err(), "one reminder more is refused");
    Settings::check(&document(0)).expect("settings")
}

fn metadata() -> Metadata {
    let row = json!({"conversation_id": "conv-1", "created_at": "2026-11-20T09:00:00Z"});
    serde_json::from_value(row).expect("metadata")
}

fn host(number: usize) -> String {
    format!("host{number}@example.com")
}

fn fact_of(body: &[u8]) -> Fact {
    let mut body: Value = serde_json::from_slice(body).expect("JSON");
    let hosts: Vec<_> = (0..20).map(|number| json!({"user_email": host(number), "user_name": "A host"})).collect();
    body["payload"]["scheduled_event"]["event_memberships"] = json!(hosts);
    match parse_webhook(body.to_string().as_bytes()).expect("a webhook") {
        Webhook::Fact(fact) => *fact,
        Webhook::Other { .. } => panic!("a fact"),
    }
}

fn decide_and_apply(snapshot: &mut Snapshot, facts: &[Fact], settings: &Settings, now: Timestamp) -> Decision {
    let decision = decide(snapshot, facts, settings, now);
    *snapshot = snapshot.clone().after(&decision);
    decision
}

#[test]
fn the_largest_decision_leaves_20_rows_of_a_transaction_free() {
    // One booking and the 16 facts that the engine stores at most; aliases fill what is left of 80.
    const { assert!(MOST_COMMANDS + 1 + 16 < 80) };
    let settings = Settings { publishes: true, ..largest_settings() };
    let first = Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
    let second = first.moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z");
    let mut snapshot = Snapshot::empty(BookingId::new("bk-1"), ConnectionName::default());
    snapshot.metadata = Some(metadata());

    let booked = decide_and_apply(&mut snapshot, &[fact_of(&first.created())], &settings, first.booked);
    let rows = |decision: &Decision| decision.commands.len() + decision.events.len();
    assert!((40..=MOST_COMMANDS).contains(&rows(&booked)), "{} commands and events", rows(&booked));
    assert!(!booked.is_partial);

    // Nothing of the first meeting has been done yet, so all of it is to be withdrawn.
    let moved = decide_and_apply(&mut snapshot, &[fact_of(&second.created())], &settings, second.booked);
    assert_eq!(rows(&moved), MOST_COMMANDS);
    assert!(moved.is_partial);
    let mut decisions = 1;
    while decide_and_apply(&mut snapshot, &[], &settings, second.booked).is_partial {
        decisions += 1;
    }
    assert!(decisions < 4, "{decisions} decisions");

    let invitee = Meeting::invitee_uri(1);
    let pending = snapshot.commands.iter().filter(|it| {
        it.leg.as_str() == invitee && !it.state.is_final() && !matches!(it.state, State::Withdrawing { .. })
    });
    let left: Vec<_> = pending.map(|it| it.action.slug()).collect();
    assert_eq!(left, ["log-invitee-created", "publish"], "what happened is logged and told, whatever happens next");
    assert!(decide(&snapshot, &[], &settings, second.booked).is_empty());
}

#[test]
fn events_that_do_not_fit_follow_in_the_next_decision() {
    let settings = Settings { publishes: true, ..Settings::default() };
    let mut meetings = vec![Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")];
    for number in 2..=20 {
        let at = |hour: &str| format!("2026-11-{hour}:{number:02}:00Z");
        meetings.push(meetings[meetings.len() - 1].moved(number, &at("20T10"), &at("25T09")));
    }
    let facts: Vec<_> = meetings.iter().map(|it| fact_of(&it.created())).collect();
    let mut snapshot = Snapshot::empty(BookingId::new("bk-1"), ConnectionName::default());
    let now = meetings[19].booked;
    let first = decide_and_apply(&mut snapshot, &facts, &settings, now);
    assert_eq!((first.events.len(), first.is_partial), (16, true));
    let second = decide_and_apply(&mut snapshot, &[], &settings, now);
    assert_eq!((second.events.len(), second.is_partial), (4, false));
    let numbers: Vec<_> = first.events.iter().chain(&second.events).map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert!(decide(&snapshot, &[], &settings, now).is_empty());
}

#[test]
fn what_is_due_first_is_withdrawn_first() {
    let settings = largest_settings();
    let first = Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
    let second = first.moved(2, "2026-11-21T10:00:00Z", "2026-11-26T12:00:00Z");
    let mut snapshot = Snapshot::empty(BookingId::new("bk-1"), ConnectionName::default());
    decide_and_apply(&mut snapshot, &[fact_of(&first.created())], &settings, first.booked);
    let moved = decide(&snapshot, &[fact_of(&second.created())], &settings, second.booked);
    let hours: Vec<_> =
        moved.commands.iter().filter(|it| it.expected.is_some()).map(|it| it.command.not_before).collect();
    assert!(!hours.is_empty() && hours.is_sorted(), "{hours:?}");
}
