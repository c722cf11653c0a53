//! VAI's events are taken in.

use domain::ConnectionName;
use events::{EventType, Stream};
use serde_json::{Value, json};
use wire::deliveries::Delivery as Message;

use crate::world::{Instance, POSTER};

fn started(session: &str, id: &str) -> Value {
    json!({ "id": id, "event": "conversation.started", "data": { "sessionId": session, "agentId": "a-1" } })
}

fn post(instance: &Instance, body: &Value) -> crate::world::Response {
    instance.http("POST", "/api/events", Some(body), Some(POSTER), None)
}

/// The streams of the messages, each with the numbers of its events.
fn published(instance: &Instance) -> Vec<(String, Vec<u64>)> {
    let numbers = |message: &Message| match message {
        Message::Published { stream, events, .. } => {
            (stream.to_string(), events.iter().map(|it| it.number).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    let mut published: Vec<_> = instance.outside.queue.borrow_mut().drain(..).map(|it| numbers(&it)).collect();
    published.sort();
    published
}

#[test]
fn an_event_is_logged_and_published_once_in_the_form_that_receivers_get() {
    let instance = Instance::new();
    let message = json!({
        "event": "message.received", "timestamp": "2026-11-26T11:59:00Z",
        "data": { "sessionId": "s-1", "message": "Bună", "userId": 7 },
    });
    let first = post(&instance, &message).ok();
    assert_eq!(first["events"][0]["result"], "accepted");
    assert_eq!(
        post(&instance, &message).ok()["events"][0],
        json!({ "id": first["events"][0]["id"], "result": "duplicate" })
    );
    // The repetition is told again: the first call may have been killed before it told.
    assert_eq!(
        published(&instance),
        [("conversation/s-1".to_owned(), vec![1]), ("conversation/s-1".to_owned(), vec![1])]
    );
    let table = instance.outside.table(&ConnectionName::default());
    let state = table.state();
    let [event] = &state.logs[&Stream::Conversation("s-1".to_owned())][..] else { panic!("{:?}", state.logs) };
    assert_eq!(event.kind, EventType::MessageReceived);
    assert_eq!(event.data["message"], json!({ "text": "Bună", "type": "text", "metadata": {} }));
}

#[test]
fn a_batch_is_answered_one_by_one_and_published_once_for_each_stream() {
    let instance = Instance::new();
    let batch = json!({ "events": [
        started("s-1", "e-1"),
        { "event": "conversation.lost", "data": { "sessionId": "s-1" } },
        started("s-2", "e-2"),
        { "event": "message.received", "id": "e-3", "data": { "sessionId": "s-1" } },
        started("s-1", "e-4"),
        started("s-1", "e-1"),
    ] });
    let answer = post(&instance, &batch).ok();
    let results: Vec<_> = answer["events"].as_array().expect("a list").iter().map(|it| it["result"].clone()).collect();
    assert_eq!(results, ["accepted", "refused", "accepted", "refused", "accepted", "duplicate"]);
    let problem = answer["events"][1]["faults"][0]["problem"].as_str().expect("a fault");
    assert!(problem.contains("conversation.started, message.received"), "{problem}");
    assert_eq!(answer["events"][3]["faults"][0]["path"], "data.message");
    let expected = [("conversation/s-1".to_owned(), vec![1, 2, 1]), ("conversation/s-2".to_owned(), vec![1])];
    assert_eq!(published(&instance), expected);
}

#[test]
fn a_single_event_that_is_not_valid_is_refused_as_a_whole() {
    let instance = Instance::new();
    for (body, path) in [
        (json!({}), "event"),
        (json!({ "event": "booking.created", "data": {} }), "event"),
        (json!({ "event": "conversation.started" }), "data"),
        (json!({ "event": "conversation.started", "data": {} }), "data.sessionId"),
        (json!({ "events": [] }), "events"),
        (json!({ "events": [started("s", "e")], "event": "conversation.started" }), "body"),
        (json!({ "event": "conversation.started", "session": "s" }), "session"),
    ] {
        let refused = post(&instance, &body);
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{body}");
        assert!(refused.faults()[0].starts_with(&format!("{path}: ")), "{body}: {:?}", refused.faults());
    }
    assert!(instance.outside.queue.borrow().is_empty());
}

#[test]
fn many_streams_are_appended_at_the_same_time() {
    let instance = Instance::new();
    let batch: Vec<_> = (0..100).map(|number| started(&format!("s-{}", number % 60), &format!("e-{number}"))).collect();
    let answer = post(&instance, &json!({ "events": batch })).ok();
    assert!(answer["events"].as_array().expect("a list").iter().all(|it| it["result"] == "accepted"));
    assert_eq!(published(&instance).len(), 60);
}

#[test]
fn the_types_of_events_are_listed_with_schemas_and_samples() {
    let instance = Instance::new();
    let answer = instance.get("/api/events/types").ok();
    let names: Vec<_> = answer["eventTypes"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, EventType::NAMES);
    let is_complete = |it: &Value| it["schema"]["properties"]["data"].is_object() && it["sample"]["data"].is_object();
    assert!(answer["eventTypes"].as_array().expect("a list").iter().all(is_complete));
}
