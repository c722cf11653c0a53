//! What can be wrong with a webhook that is signed: each has a clear outcome, none a panic, none a lost record.

use serde_json::{Value, json};
use wire::intake::{Envelope, Source};

use crate::payload::Meeting;
use crate::world::Fake;

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&first().created()).expect("JSON");
    change(&mut body);
    body.to_string().into_bytes()
}

fn buried(body: &[u8]) -> String {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(body);
    let state = world.state.borrow();
    assert_eq!((state.told.len(), state.bookings.len()), (0, 0));
    let [(message, reason)] = state.dead.as_slice() else { panic!("one dead letter: {:?}", state.dead) };
    assert_eq!(Envelope::parse(message).expect("the envelope is kept whole").body, body);
    assert_eq!(state.calls.iter().filter(|it| **it == "bury").count(), 1, "at first sight");
    reason.clone()
}

#[test]
fn a_body_that_is_not_understood_is_buried_whole_with_its_reason() {
    assert_eq!(buried(b""), "the body: is empty");
    assert_eq!(buried(&[0xff, 0x00]), "the body: is not UTF-8");
    assert_eq!(buried(b"[1,2]"), "the body: is not of the expected form");
    assert_eq!(buried(b"{\"event\":"), "the body: is not JSON (line 1, column 9)");
    assert_eq!(
        buried(&changed(|it| it["payload"]["scheduled_event"] = Value::Null)),
        "payload.scheduled_event: is missing"
    );
    let no_start = changed(|it| it["payload"]["scheduled_event"]["start_time"] = json!("soon"));
    assert_eq!(buried(&no_start), "payload.scheduled_event.start_time: is not of the expected form");
}

#[test]
fn a_message_that_is_no_envelope_is_buried_too() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    assert_eq!(world.try_once(&["nonsense"], true), Some(vec![]));
    assert_eq!(world.state.borrow().dead[0].1, "not an intake message (line 1, column 2)");
}

#[test]
fn unknown_events_are_kept_and_are_a_success() {
    let mut world = Fake::new("2026-11-20T09:00:02Z");
    world.twice = true;
    for name in ["event_type.updated", "routing_form_submission.created", "meeting.teleported"] {
        world.webhook(json!({"event": name, "payload": {"uri": "x"}}).to_string().as_bytes());
    }
    let state = world.state.borrow();
    assert_eq!((state.unknown.len(), state.dead.len(), state.bookings.len()), (3, 0, 0));
}

fn ledger(body: &[u8]) -> Vec<String> {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.webhook(body);
    assert!(world.state.borrow().dead.is_empty());
    world.ledger().into_iter().filter(|it| it.starts_with("sms-confirmation")).collect()
}

#[test]
fn a_missing_or_bad_phone_is_a_reason_in_the_ledger() {
    let no_phone = Meeting { phone: None, ..first() }.created();
    assert_eq!(ledger(&no_phone), ["sms-confirmation of invitee-1: skipped (no_phone)"]);
    let bad_phone = Meeting { phone: Some("0712 345 678"), ..first() }.created();
    assert_eq!(ledger(&bad_phone), ["sms-confirmation of invitee-1: skipped (phone_invalid)"]);
}

#[test]
fn a_missing_template_is_a_reason_in_the_ledger() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    world.state.borrow_mut().settings = domain::Settings::default();
    world.webhook(&first().created());
    assert!(world.ledger().contains(&"sms-confirmation of invitee-1: skipped (no_template)".to_owned()));
}

#[test]
fn a_zone_or_location_nobody_knows_does_not_stop_a_message() {
    for body in [
        changed(|it| it["payload"]["timezone"] = Value::Null),
        changed(|it| it["payload"]["timezone"] = json!("Mars/Olympus")),
        changed(|it| it["payload"]["scheduled_event"]["location"] = json!({"type": "hologram", "projector": 7})),
        changed(|it| it["payload"]["scheduled_event"]["location"] = Value::Null),
    ] {
        assert_eq!(ledger(&body), ["sms-confirmation of invitee-1: done"]);
    }
}

#[test]
fn a_start_in_the_past_sends_nothing_and_says_why() {
    let past = Meeting::new(1, "2026-11-19T09:00:00Z", "2026-11-20T09:00:00Z");
    let world = Fake::new("2026-11-20T12:00:00Z");
    world.webhook(&past.created());
    assert!(world.told().iter().all(|it| it.starts_with("analytics")), "{:?}", world.told());
    assert_eq!(
        world.ledger(),
        [
            "log-invitee-created of invitee-1: done",
            "mail-confirmation of invitee-1: skipped (not_vais)",
            "sms-confirmation of invitee-1: skipped (past_start)",
            "sms-follow-up-30m of invitee-1: skipped (past_offset)",
            "sms-reminder-1440m of invitee-1: skipped (past_offset)",
            "sms-reminder-60m of invitee-1: skipped (past_offset)",
        ]
    );
}

#[test]
fn one_bad_record_does_not_touch_its_neighbours() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let orphan = Meeting { number: 5, previous: Some(4), token: None, ..first() };
    let (good, bad, ugly) = (world.intake(&first().created()), world.intake(b"[]"), world.intake(&orphan.created()));
    // Calendly can't be asked about the orphan's past, so that record alone comes back.
    let calls_before_look_up = {
        let probe = Fake::new("2026-11-20T09:00:02Z");
        probe.try_once(&[&good, &bad, &ugly], true);
        let calls = probe.state.borrow().calls.clone();
        calls.iter().position(|it| *it == "look_up").expect("a look-up")
    };
    world.fail_at_call.set(Some(calls_before_look_up));
    assert_eq!(world.try_once(&[&good, &bad, &ugly], true), Some(vec![2]));
    assert_eq!(world.state.borrow().bookings.len(), 1);
    assert_eq!(world.state.borrow().dead.len(), 1);
    assert_eq!(world.try_once(&[&ugly], true), Some(vec![]), "later Calendly answers, and it is taken");
}

#[test]
fn no_call_is_begun_that_could_not_end_in_time() {
    let world = Fake::new("2026-11-20T09:00:02Z");
    let connection = domain::ConnectionName::default();
    let envelope = Envelope::new(Source::Calendly, connection, world.now.get(), first().created());
    let wire::calendly::Webhook::Fact(fact) = wire::calendly::parse_webhook(&envelope.body).expect("a fact") else {
        panic!()
    };
    let received = engine::ReceivedFact { fact: *fact, at: envelope.received_at, payload: envelope.body };
    let deadline = world.now.get() + jiff::SignedDuration::from_secs(9);
    let limiter = engine::CallLimiter::default();
    let connection = &envelope.connection;
    let invocation = engine::Invocation { world: &world, limiter: &limiter, connection, deadline };
    let result = futures_util::FutureExt::now_or_never(invocation.process_fact(&received));
    assert!(matches!(result, Some(Err(engine::EngineError::Unfinished(_)))), "{result:?}");
    assert_eq!(world.told(), Vec::<String>::new(), "but it is committed, and done when the record comes back");
    world.webhook(&received.payload);
    assert!(world.told().iter().any(|it| it.starts_with("SMS confirmation")));
}
