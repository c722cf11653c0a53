//! What can be wrong with a webhook that is signed. Each has a defined outcome; none panics, and no record is lost.

use fakes::{Call, Fault};
use jiff::SignedDuration;
use serde_json::{Value, json};
use wire::intake::Envelope;

use crate::payload::Meeting;
use crate::world::{Queue, TestWorld};

fn first() -> Meeting {
    Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z")
}

/// Returns a world a moment after the first meeting was booked.
fn world() -> TestWorld {
    TestWorld::new("2026-11-20T09:00:02Z")
}

fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&first().created()).expect("JSON");
    change(&mut body);
    body.to_string().into_bytes()
}

/// Returns the reason with which a webhook becomes a dead letter.
fn reason_of_dead_letter(body: &[u8]) -> String {
    let world = world();
    world.receive_webhook(body);
    let state = world.state.borrow();
    assert_eq!((state.effects.len(), state.bookings.len()), (0, 0));
    let [(message, reason)] = state.dead_letters.as_slice() else { panic!("one: {:?}", state.dead_letters) };
    assert_eq!(Envelope::parse(message).expect("the envelope is kept whole").body, body);
    assert_eq!(world.count_calls(Call::Bury), 1, "without a second try");
    reason.clone()
}

#[test]
fn a_body_that_is_not_understood_is_a_dead_letter_with_its_reason() {
    assert_eq!(reason_of_dead_letter(b""), "the body: is empty");
    assert_eq!(reason_of_dead_letter(&[0xff, 0x00]), "the body: is not UTF-8");
    assert_eq!(reason_of_dead_letter(b"[1,2]"), "the body: is not of the expected form");
    assert_eq!(reason_of_dead_letter(b"{\"event\":"), "the body: is not JSON (line 1, column 9)");
    let no_event = changed(|it| it["payload"]["scheduled_event"] = Value::Null);
    assert_eq!(reason_of_dead_letter(&no_event), "payload.scheduled_event: is missing");
    let no_start = changed(|it| it["payload"]["scheduled_event"]["start_time"] = json!("soon"));
    assert_eq!(reason_of_dead_letter(&no_start), "payload.scheduled_event.start_time: is not of the expected form");
}

#[test]
fn a_webhook_of_another_customers_subscription_is_a_dead_letter() {
    let by = |user: &str| changed(|it| it["created_by"] = json!(user));
    let receive = |body: &[u8]| {
        let world = world();
        world.state.borrow_mut().settings.webhook_creators = Some(vec!["U2".to_owned(), "U1".to_owned()]);
        world.receive_webhook(body);
        let state = world.state.borrow();
        (state.bookings.len(), state.dead_letters.iter().map(|(_, reason)| reason.clone()).collect::<Vec<_>>())
    };
    assert_eq!(receive(&by("U2")), (1, vec![]));
    assert_eq!(receive(&by("U1")), (1, vec![]), "of the user who connected before");
    let reason = "the webhook's created_by is not a user who connected this connection";
    assert_eq!(receive(&by("U3")), (0, vec![reason.to_owned()]), "after five tries");
}

#[test]
fn a_webhook_about_an_unreadable_row_is_a_dead_letter_at_once() {
    let good = world();
    good.receive_webhook(&first().created());
    let reads = [Call::Aliases, Call::LoadBooking];
    let numbers = good.calls_from(0).into_iter().enumerate().filter(|(_, call)| reads.contains(call));
    let mut count = 0;
    for (number, call) in numbers {
        let world = world();
        world.faults.at_call(number, Fault::Unreadable);
        world.receive_webhook(&first().created());
        let state = world.state.borrow();
        let reasons: Vec<_> = state.dead_letters.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(reasons, ["the row can't be read, as the test asks"], "{call:?}");
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn a_message_that_is_no_envelope_is_a_dead_letter() {
    let world = world();
    assert_eq!(world.invoke(Queue::Intake, &["nonsense"]), Some(vec![]));
    assert_eq!(world.state.borrow().dead_letters[0].1, "not an intake message (line 1, column 2)");
}

#[test]
fn unknown_events_are_stored_once() {
    let mut world = world();
    world.delivers_twice = true;
    for name in ["event_type.updated", "routing_form_submission.created", "meeting.teleported"] {
        world.receive_webhook(json!({"event": name, "payload": {"uri": "x"}}).to_string().as_bytes());
    }
    let state = world.state.borrow();
    assert_eq!((state.unhandled_events.len(), state.dead_letters.len(), state.bookings.len()), (3, 0, 0));
}

/// Its queue takes no more than 1 MiB, so only its beginning and its end arrive.
#[test]
fn a_booking_whose_webhook_is_too_large_is_read_from_calendly() {
    let body = String::from_utf8(first().created()).expect("text");
    // A person who writes a megabyte, and who imitates Calendly's own key.
    let written =
        format!("{}\\\"uri\\\":\\\"https://api.calendly.com/scheduled_events/x/invitees/y\\\"", "x".repeat(1 << 20));
    let body = body.replace("Exemplu SRL", &written);
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
    for is_known in [true, false] {
        let world = world();
        if is_known {
            world.add_to_calendly(first().looked_up(None));
        }
        world.receive_webhook(body.as_bytes());
        let state = world.state.borrow();
        assert_eq!((state.bookings.len(), state.dead_letters.len()), (usize::from(is_known), 0));
        let [event] = state.unhandled_events.values().collect::<Vec<_>>()[..] else { panic!("the parts are listed") };
        assert_eq!(event.name, "too_large");
        assert!(event.payload.len() < 100_000);
        let parts: serde_json::Value = serde_json::from_slice(&event.payload).expect("JSON");
        assert_eq!(parts["size"], body.len());
    }
}

/// Each text has a longest form, so that a booking with many moves fits into its row.
#[test]
fn very_long_texts_of_a_webhook_are_cut() {
    let mut body: serde_json::Value = serde_json::from_slice(&first().created()).expect("JSON");
    let (long, longer) = ("ă".repeat(250), "ă".repeat(30_000));
    let payload = &mut body["payload"];
    for key in ["name", "first_name", "last_name", "cancel_url", "payment"] {
        payload[key] = json!(longer);
    }
    payload["questions_and_answers"] = json!(vec![json!({"question": long, "answer": "x", "position": 0}); 100]);
    let event = &mut payload["scheduled_event"];
    event["name"] = json!(longer);
    event["location"] = json!({"type": "physical", "location": longer, "join_url": longer});
    let host = json!({"user_email": "maria@example.com", "user_name": long});
    event["event_memberships"] = json!(vec![host; 100]);
    let world = world();
    world.receive_webhook(body.to_string().as_bytes());
    assert!(world.state.borrow().dead_letters.is_empty());
    let stored = serde_json::to_string(&world.booking()).expect("JSON");
    assert!(stored.len() < 60_000, "{}", stored.len());
}

/// Returns the state of the confirmation that a webhook leads to.
fn confirmation(body: &[u8]) -> Vec<String> {
    let world = world();
    world.receive_webhook(body);
    assert!(world.state.borrow().dead_letters.is_empty());
    world.command_lines().into_iter().filter(|it| it.starts_with("sms-confirmation")).collect()
}

#[test]
fn a_missing_or_invalid_phone_is_stored_as_the_reason() {
    let no_phone = Meeting { phone: None, ..first() }.created();
    assert_eq!(confirmation(&no_phone), ["sms-confirmation of invitee-1: skipped (no_phone)"]);
    for (phone, reason) in [
        ("0712 345 678", "phone_without_country"),
        ("+40 712 345", "phone_invalid"),
        ("call me", "phone_invalid"),
        ("+40 21 312 3456", "landline"),
        ("+44 9012 345678", "number_not_texted"),
        ("+881 612 345 678", "number_not_texted"),
        ("+86 138 0013 8000", "country_not_allowed"),
    ] {
        let bad_phone = Meeting { phone: Some(phone), ..first() }.created();
        assert_eq!(confirmation(&bad_phone), [format!("sms-confirmation of invitee-1: skipped ({reason})")], "{phone}");
    }
}

#[test]
fn a_missing_template_is_stored_as_the_reason() {
    let world = world();
    world.change_settings(|settings| settings.templates = domain::Settings::default().templates);
    world.receive_webhook(&first().created());
    assert!(world.command_lines().contains(&"sms-confirmation of invitee-1: skipped (no_template)".to_owned()));
}

#[test]
fn an_unknown_zone_or_location_does_not_stop_a_message() {
    for body in [
        changed(|it| it["payload"]["timezone"] = Value::Null),
        changed(|it| it["payload"]["timezone"] = json!("Mars/Olympus")),
        changed(|it| it["payload"]["scheduled_event"]["location"] = json!({"type": "hologram", "projector": 7})),
        changed(|it| it["payload"]["scheduled_event"]["location"] = Value::Null),
    ] {
        assert_eq!(confirmation(&body), ["sms-confirmation of invitee-1: done"]);
    }
}

#[test]
fn a_start_in_the_past_sends_nothing_and_stores_why() {
    let past = Meeting::new(1, "2026-11-19T09:00:00Z", "2026-11-20T09:00:00Z");
    let world = TestWorld::new("2026-11-20T12:00:00Z");
    world.receive_webhook(&past.created());
    assert!(world.effects().iter().all(|it| it.starts_with("analytics")), "{:?}", world.effects());
    insta::assert_snapshot!(world.command_lines().join("\n"), @"
    log-invitee-created of invitee-1: done
    mail-confirmation of invitee-1: skipped (not_vais)
    sms-confirmation of invitee-1: skipped (past_start)
    sms-follow-up-30m of invitee-1: skipped (past_offset)
    sms-reminder-1440m of invitee-1: skipped (past_offset)
    sms-reminder-60m of invitee-1: skipped (past_offset)
    ");
}

#[test]
fn a_bad_record_does_not_affect_the_others_of_its_batch() {
    let world = world();
    let orphan = Meeting { number: 5, previous: Some(4), token: None, ..first() };
    let (good, bad) = (world.envelope(&first().created()), world.envelope(b"[]"));
    let unfinished = world.envelope(&orphan.created());
    // The previous invitee of the orphan can't be read from Calendly, so that this record alone comes back.
    let fetch = {
        let rehearsal = self::world();
        rehearsal.invoke(Queue::Intake, &[&good, &bad, &unfinished]);
        rehearsal.calls_from(0).iter().position(|it| *it == Call::FetchInvitee).expect("a call")
    };
    world.faults.at_call(fetch, Fault::Fails);
    assert_eq!(world.invoke(Queue::Intake, &[&good, &bad, &unfinished]), Some(vec![2]));
    assert_eq!(world.state.borrow().bookings.len(), 1);
    assert_eq!(world.state.borrow().dead_letters.len(), 1);
    assert_eq!(world.invoke(Queue::Intake, &[&unfinished]), Some(vec![]), "Calendly answers later");
}

#[test]
fn no_call_begins_that_could_not_end_in_time() {
    let world = world();
    let payload = first().created();
    let Ok(wire::calendly::Webhook::Fact(fact)) = wire::calendly::parse_webhook(&payload) else { panic!("a fact") };
    let received = engine::ReceivedFact { fact: *fact, at: world.now.get(), payload };
    let result =
        world.in_invocation(SignedDuration::from_secs(9), async |it| it.process_fact(&received).await.map(drop));
    assert!(matches!(result, Err(engine::EngineError::Unfinished(_))), "{result:?}");
    assert_eq!(world.effects(), Vec::<String>::new(), "it is committed, and done when the record comes back");
    world.receive_webhook(&received.payload);
    assert!(world.effects().iter().any(|it| it.starts_with("SMS confirmation")));
}
