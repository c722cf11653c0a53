//! Whoever has a meeting is not booked again: by another wording, another conversation, or while a request is in doubt.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::schedule::{
    Instance, call, call_until_final, code, demo, monday, requested_in_doubt, starts_at_calendly, with,
};
use crate::world::TestWorld;

/// A request for Wednesday at an hour in Bucharest.
fn at_hour(hour: &str) -> Value {
    with(demo(), json!({"preferredTime": format!("2026-11-25T{hour}:00+02:00")}))
}

fn start(answer: &Value) -> &str {
    answer["booking"]["startTime"].as_str().unwrap_or_else(|| panic!("no booking: {answer}"))
}

/// Books the slot at 10:30 for a wish of 10:40.
fn booked_near_the_wish() -> (TestWorld, Value) {
    let world = monday();
    let first = call(&world, "book", &at_hour("10:40"));
    assert_eq!(start(&first), "2026-11-25T08:30:00Z");
    (world, first)
}

#[test]
fn a_meeting_that_was_told_is_not_booked_again_by_its_own_time() {
    // The slots are half an hour apart: of these times, 10:30 is the nearest, and it is theirs.
    for hour in ["10:40", "10:30", "10:35", "10:20", "10:45"] {
        let (world, first) = booked_near_the_wish();
        let again = call(&world, "book", &at_hour(hour));
        assert_eq!(again["booking"]["id"], first["booking"]["id"], "{hour}: {again}");
        assert_eq!(starts_at_calendly(&world).len(), 1, "{hour}");
    }
    // With seats for all, the slot is still free.
    let (world, first) = booked_near_the_wish();
    world.state.borrow_mut().calendly.has_room_for_all = true;
    assert_eq!(call(&world, "book", &at_hour("10:30"))["booking"]["id"], first["booking"]["id"]);
    let exactly = with(at_hour("10:30"), json!({"maxShift": 0}));
    assert_eq!(call(&world, "book", &exactly)["booking"]["id"], first["booking"]["id"]);
    assert_eq!(
        Instance::new(&world).book_with_key("another-key", &at_hour("10:30"))["booking"]["id"],
        first["booking"]["id"]
    );
    assert_eq!(starts_at_calendly(&world).len(), 1);
}

#[test]
fn another_time_of_the_day_is_another_meeting() {
    let (world, first) = booked_near_the_wish();
    let later = call(&world, "book", &at_hour("15:00"));
    assert_eq!(start(&later), "2026-11-25T13:00:00Z");
    assert_ne!(later["booking"]["id"], first["booking"]["id"]);
    assert_eq!(starts_at_calendly(&world).len(), 2);
}

#[test]
fn a_canceled_meeting_can_be_booked_again() {
    let (world, first) = booked_near_the_wish();
    let canceled = call(&world, "cancel", &json!({"booking": first["booking"]["id"]}));
    assert_eq!(canceled["booking"]["status"], "canceled", "{canceled}");
    let again = call(&world, "book", &at_hour("10:30"));
    assert_ne!(again["booking"]["id"], first["booking"]["id"]);
    assert_eq!(starts_at_calendly(&world).len(), 1);
}

#[test]
fn hold_and_book_by_other_words_are_one_meeting() {
    let confirm = |world: &TestWorld, held: &Value| call(world, "confirm", &json!({"hold": held["hold"]}));
    for (held_for, booked_for) in [("10:40", "10:30"), ("10:40", "10:40"), ("10:30", "10:40")] {
        let world = monday();
        let held = call(&world, "hold", &at_hour(held_for));
        let confirmed = confirm(&world, &held);
        let booked = call(&world, "book", &at_hour(booked_for));
        assert_eq!(booked["booking"]["id"], confirmed["booking"]["id"], "{held_for} {booked_for}: {booked}");
        assert_eq!(code(&call(&world, "hold", &at_hour(booked_for))), "already_booked");
        assert_eq!(starts_at_calendly(&world).len(), 1);

        let world = monday();
        let held = call(&world, "hold", &at_hour(held_for));
        let booked = call(&world, "book", &at_hour(booked_for));
        let confirmed = confirm(&world, &held);
        assert_eq!(confirmed["booking"]["id"], booked["booking"]["id"], "{held_for} {booked_for}: {confirmed}");
        assert_eq!(starts_at_calendly(&world).len(), 1);
    }
}

#[test]
fn another_request_waits_while_the_first_is_in_doubt() {
    for was_booked in [true, false] {
        let world = requested_in_doubt(was_booked);
        for hour in ["10:35", "12:00"] {
            assert_eq!(code(&call(&world, "book", &at_hour(hour))), "in_progress", "{hour}");
            let elsewhere = with(at_hour(hour), json!({"conversationId": "conv-2"}));
            assert_eq!(code(&call(&world, "book", &elsewhere)), "in_progress", "{hour}");
        }
        world.faults.restore();
        world.wait(SignedDuration::from_mins(30));
        let booked = call_until_final(&world, "book", &at_hour("10:35"));
        assert_eq!(start(&booked), "2026-11-25T08:30:00Z");
        assert_eq!(starts_at_calendly(&world).len(), 1, "{was_booked}");
    }
    // A request that Calendly has refused delays nobody.
    let world = monday();
    world.state.borrow_mut().calendly.refuses_bookings = Some(vec!["invitee.email".to_owned()]);
    assert_eq!(code(&call(&world, "book", &demo())), "invitee_invalid");
    world.state.borrow_mut().calendly.refuses_bookings = None;
    assert_eq!(call(&world, "book", &at_hour("12:00"))["success"], true);
}

#[test]
fn who_has_the_meeting_is_told_so_in_another_conversation() {
    let (world, first) = booked_near_the_wish();
    for has_room_for_all in [false, true] {
        world.state.borrow_mut().calendly.has_room_for_all = has_room_for_all;
        for (hour, shift) in [("10:30", None), ("10:40", None), ("10:30", Some(0))] {
            let other = with(at_hour(hour), json!({"conversationId": "conv-2", "maxShift": shift}));
            let told = call(&world, "book", &other);
            assert_eq!(code(&told), "already_booked", "{told}");
            assert_eq!(told["error"]["booking"], first["booking"]["id"]);
            assert_eq!(told["error"]["startTime"], "2026-11-25T08:30:00Z");
            let message = told["error"]["message"].as_str().or(told["message"].as_str()).expect("a message");
            assert!(message.contains("25 noiembrie 2026 la 10:30"), "{message}");
        }
    }
    // Another person may have it, and so may this one at another time.
    world.state.borrow_mut().calendly.has_room_for_all = true;
    let ion = with(at_hour("10:30"), json!({"conversationId": "conv-3", "inviteeEmail": "ion@example.com"}));
    assert_eq!(call(&world, "book", &ion)["success"], true);
    let later = with(at_hour("15:00"), json!({"conversationId": "conv-2"}));
    assert_eq!(call(&world, "book", &later)["success"], true);
    assert_eq!(starts_at_calendly(&world).len(), 3);
}
