//! The bytes of bodies, digests, streams and times.

use events::{
    BookingData, Event, EventType, NotificationData, Sequence, Stream, UtcTime, WebhookTestData, derive_id, digest,
    sample,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn event(data: Value) -> Event {
    let at = "2026-03-29T14:15:00.0009+02:00".parse().expect("a time");
    Event { id: "evt_1".to_owned(), kind: EventType::ConversationEnded, at, data }
}

#[test]
fn a_body_begins_with_its_type_and_its_data_is_sorted() {
    let event = event(json!({ "sessionId": "s", "resolved": true, "duration": 1.50, "a": { "z": 1, "b": null } }));
    assert_eq!(
        event.body(None),
        r#"{"event":"conversation.ended","type":"conversation.ended","id":"evt_1","timestamp":"2026-03-29T12:15:00.000Z","data":{"a":{"b":null,"z":1},"duration":1.5,"resolved":true,"sessionId":"s"}}"#
    );
}

#[test]
fn a_body_says_where_in_its_sequence_it_stands() {
    let first = Sequence { stream: "conversation/s".to_owned(), number: 1, previous: None };
    let body = event(json!({})).body(Some(&first));
    assert!(body.contains(r#","sequence":{"stream":"conversation/s","number":1},"data":"#), "{body}");
    let next = Sequence { number: 2, previous: Some(digest(&body)), ..first };
    let body = event(json!({})).body(Some(&next));
    assert!(body.contains(r#""number":2,"previous":"sha256:"#), "{body}");
}

#[test]
fn a_digest_is_sha_256_in_hex() {
    // FIPS 180-2, appendix B.1.
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest("abc"), abc);
    assert_eq!(derive_id("abc"), "evt_ba7816bf8f01cfea414140de5dae2223");
}

#[test]
fn streams_are_named_by_what_they_are_about() {
    for (name, stream) in [
        ("booking/bk-1", Stream::Booking("bk-1".to_owned())),
        ("conversation/7c3a:1", Stream::Conversation("7c3a:1".to_owned())),
        ("agent/a@b", Stream::Agent("a@b".to_owned())),
        ("endpoint/crm", Stream::Endpoint("crm".to_owned())),
    ] {
        assert_eq!((stream.to_string().as_str(), Stream::parse(name)), (name, Some(stream.clone())));
        assert_eq!(serde_json::from_value::<Stream>(json!(name)).ok(), Some(stream));
    }
    let long = format!("booking/{}", "x".repeat(129));
    for other in ["", "booking", "booking/", "Booking/1", "host/1", "booking/a/b", "booking/a#b", "booking/a b", &long]
    {
        assert_eq!(Stream::parse(other), None, "{other}");
        assert!(serde_json::from_value::<Stream>(json!(other)).is_err(), "{other}");
    }
}

#[test]
fn debug_shows_no_data() {
    let event = sample(EventType::BookingCreated);
    let data: BookingData = serde_json::from_value(event.data.clone()).expect("data");
    let replied: NotificationData = serde_json::from_value(sample(EventType::NotificationReplied).data).expect("data");
    let shown = format!(
        "{event:?} {data:?} {:?} {:?} {:?} {:?} {:?} {replied:?} {:?} {:?}",
        data.booking,
        data.invitee,
        data.answers,
        data.tracking,
        data.booking.hosts,
        replied.notification,
        replied.reply
    );
    for personal in ["tefania", "example", "+40", "newsletter", "Mihai", "CRM", "minute"] {
        assert!(!shown.contains(personal), "{personal} in {shown}");
    }
    assert!(shown.contains(&event.id) && shown.contains("BookingCreated"), "{shown}");
}

#[test]
fn typed_data_is_read_from_what_was_written() {
    let event = sample(EventType::BookingCanceled);
    let data: BookingData = serde_json::from_value(event.data.clone()).expect("data");
    assert_eq!(Event::new(event.id.clone(), event.kind, event.at, &data), event);
}

#[test]
#[should_panic(expected = "booking.created has other data")]
fn data_of_another_type_is_noticed_in_tests() {
    let data: WebhookTestData = serde_json::from_value(sample(EventType::WebhookTest).data).expect("data");
    Event::new("evt_1", EventType::BookingCreated, Timestamp::UNIX_EPOCH, &data);
}

proptest! {
    #[test]
    fn the_same_event_has_the_same_bytes_after_it_was_stored(
        text in any::<String>(), number in proptest::num::f64::NORMAL, nanosecond in 0_i64..4_000_000_000_000_000_000
    ) {
        let at = Timestamp::from_nanosecond(nanosecond.into()).expect("a time");
        let event = Event { at, ..event(json!({ text.as_str(): number, "b": [text, null, true] })) };
        let stored = serde_json::to_string(&event).expect("JSON");
        let read: Event = serde_json::from_str(&stored).expect("an event");
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.body(None), event.body(None));
        let body: Value = serde_json::from_str(&event.body(None)).expect("JSON");
        prop_assert_eq!(&body["data"], &event.data);
    }

    #[test]
    fn times_have_milliseconds_and_are_read_as_written(millisecond in 0_i64..250_000_000_000_000) {
        let time = UtcTime::from(Timestamp::from_millisecond(millisecond).expect("a time"));
        let text = time.to_string();
        prop_assert_eq!(text.len(), "2026-03-29T12:15:00.000Z".len());
        prop_assert_eq!(serde_json::from_value::<UtcTime>(json!(text)).expect("a time"), time);
    }
}
