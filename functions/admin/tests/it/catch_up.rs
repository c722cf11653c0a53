//! Catching up: what an endpoint may read, and that its token opens nothing else.

use ::endpoints::EndpointId;
use api::{Access, Function, ROUTES};
use domain::{BookingId, ConnectionName, Snapshot};
use serde_json::{Value, json};

use crate::world::{ADMIN, Instance, OTHER};

fn start(instance: &Instance, bearer: &str, session: &str, id: &str) {
    instance.wait(1);
    let event =
        json!({ "id": id, "event": "conversation.started", "data": { "sessionId": session, "agentId": "a-1" } });
    instance.http("POST", "/api/events", Some(&event), Some(bearer), None).ok();
    instance.dispatch();
}

fn token(created: &Value) -> String {
    created["catchUpToken"].as_str().expect("a token").to_owned()
}

#[test]
fn an_endpoint_reads_the_bytes_that_it_was_sent_in_order_and_in_pages() {
    let instance = Instance::new();
    let token = token(&instance.verified("crm", ADMIN));
    for number in 1..=5 {
        start(&instance, ADMIN, "s-1", &format!("e-{number}"));
    }
    let read = |query: &str| {
        let target = format!("/api/conversations/s-1/events{query}");
        instance.http("GET", &target, None, Some(&token), None).ok()
    };
    let (mut bodies, mut after) = (Vec::new(), 0);
    loop {
        let page = read(&format!("?limit=2&after={after}"));
        for event in page["events"].as_array().expect("a list") {
            assert_eq!(event["number"], after + 1);
            assert_eq!(event["id"], format!("e-{}", after + 1));
            after += 1;
            bodies.push(event["body"].as_str().expect("a body").to_owned());
        }
        if page["hasMore"] == false {
            break;
        }
    }
    let sent: Vec<_> = instance.outside.posts.borrow().iter().skip(1).map(|it| it.body.clone()).collect();
    assert_eq!(bodies, sent);
    assert_eq!(read("?after=5"), json!({ "events": [], "hasMore": false }));
    // A delivery that is still being tried can be read, too.
    instance.answer_with(500, "");
    start(&instance, ADMIN, "s-1", "e-6");
    assert_eq!(read("?after=5")["events"][0]["id"], "e-6");
    // So can those that wait behind it, with the bytes that they will have.
    start(&instance, ADMIN, "s-1", "e-7");
    start(&instance, ADMIN, "s-1", "e-8");
    let waiting = read("?after=6");
    let waiting = waiting["events"].as_array().expect("a list");
    assert_eq!(waiting.iter().map(|it| &it["number"]).collect::<Vec<_>>(), [&json!(7), &json!(8)]);
    instance.answer_with(200, "");
    instance.wait(600);
    start(&instance, ADMIN, "s-1", "e-9");
    let posts = instance.outside.posts.borrow();
    for event in waiting {
        assert!(posts.iter().any(|post| event["body"] == post.body.as_str()), "{event} was delivered so");
    }
}

#[test]
fn an_endpoint_reads_only_what_it_gets() {
    let instance = Instance::new();
    let all = token(&instance.verified("all", ADMIN));
    let request = json!({
        "id": "some", "url": "https://some.example.com/", "events": ["conversation.ended"], "verify": true,
    });
    let some = token(&instance.post("/api/endpoints", &request).ok());
    start(&instance, ADMIN, "s-1", "e-1");
    let read = |token: &str, target: &str| instance.http("GET", target, None, Some(token), None);
    let numbers = |token: &str| {
        let page = read(token, "/api/conversations/s-1/events").ok();
        page["events"].as_array().expect("a list").len()
    };
    assert_eq!((numbers(&all), numbers(&some)), (1, 0));
    assert_eq!(read(&all, "/api/bookings/bk-1/events").ok()["events"], json!([]));
    assert_eq!(read(&all, "/api/bookings/a%23b/events").faults(), ["booking: is not the id of a booking"]);
    assert_eq!(read(&all, "/api/endpoints/some/events").code(), "endpoint_unknown");
    let faults = read(&all, "/api/endpoints/all/events").faults();
    assert!(faults[0].starts_with("endpoint: does not ask for its events"), "{faults:?}");
}

#[test]
fn a_catch_up_token_opens_nothing_else() {
    let instance = Instance::new();
    let request = json!({ "id": "crm", "delivery": "poll", "events": ["*"] });
    let token = token(&instance.post("/api/endpoints", &request).ok());
    for route in ROUTES.iter().filter(|it| it.function == Function::Admin) {
        let path = route.path.replace("{endpoint}", "crm").replace("{booking}", "bk-1");
        let path = path.replace("{conversation}", "s-1").replace("{connection}", "default");
        let body = (route.method.name() != "GET").then(|| json!({}));
        let answer = instance.http(route.method.name(), &path, body.as_ref(), Some(&token), None);
        match route.access {
            Access::CatchUpToken => assert_eq!((answer.status, answer.code()), (200, "ok"), "{}", route.name),
            Access::Nothing => assert_ne!(answer.code(), "unauthorized", "{}", route.name),
            _ => assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{}", route.name),
        }
        // And no API key catches up: what an endpoint got is its own.
        if route.access == Access::CatchUpToken {
            let answer = instance.http("GET", &path, None, Some(ADMIN), None);
            assert_eq!(answer.code(), "unauthorized", "{}", route.name);
            let direct = instance.invoke(json!({ "operation": route.name, "input": {
                "endpoint": "crm", "booking": "bk-1", "conversation": "s-1",
            } }));
            assert!(["unauthorized", "invalid_request"].contains(&direct["error"]["code"].as_str().expect("a code")));
        }
    }
}

#[test]
fn the_events_of_another_conversation_are_refused_to_a_call_that_names_its_own() {
    let instance = Instance::new();
    let token = token(&instance.verified("crm", ADMIN));
    start(&instance, ADMIN, "s-1", "e-1");
    for (id, is_committed) in [("bk-1", true), ("bk-2", false)] {
        let mut snapshot = Snapshot::empty(BookingId::new(id), ConnectionName::default());
        let metadata =
            serde_json::from_value(json!({ "conversation_id": "s-1", "created_at": "2026-11-26T12:00:00Z" }))
                .expect("metadata");
        // A booking whose webhook has not arrived has its metadata beside it.
        if is_committed {
            snapshot.booking.metadata = Some(metadata);
        } else {
            snapshot.metadata = Some(metadata);
        }
        instance.outside.snapshots.borrow_mut().push(snapshot);
    }
    let of_page = Snapshot::empty(BookingId::new("bk-3"), ConnectionName::default());
    instance.outside.snapshots.borrow_mut().push(of_page);
    let conversation = "/api/conversations/s-1/events";
    let booking = |id: &str| format!("/api/bookings/{id}/events");
    for (target, named, expected) in [
        (conversation.to_owned(), None, (200, "ok")),
        (conversation.to_owned(), Some("s-1"), (200, "ok")),
        (conversation.to_owned(), Some("s-2"), (403, "not_yours")),
        ("/api/conversations/s-9/events".to_owned(), Some("s-2"), (403, "not_yours")),
        (booking("bk-1"), None, (200, "ok")),
        (booking("bk-1"), Some("s-1"), (200, "ok")),
        (booking("bk-1"), Some("s-2"), (403, "not_yours")),
        (booking("bk-2"), Some("s-1"), (200, "ok")),
        (booking("bk-2"), Some("s-2"), (403, "not_yours")),
        // Somebody booked it on Calendly's page, in no conversation.
        (booking("bk-3"), None, (200, "ok")),
        (booking("bk-3"), Some("s-2"), (403, "not_yours")),
        (booking("bk-9"), Some("s-2"), (403, "not_yours")),
    ] {
        let answer = instance.get_for(named, &target, &token);
        assert_eq!((answer.status, answer.code()), expected, "{target} for {named:?}: {}", answer.body);
        if expected.0 == 403 {
            let of_nothing = instance.get_for(named, &booking("bk-9"), &token);
            assert_eq!(answer.body, of_nothing.body, "{target}");
        }
    }
    let read = |named| instance.get_for(named, conversation, &token).ok()["events"].as_array().map(Vec::len);
    assert_eq!((read(None), read(Some("s-1"))), (Some(1), Some(1)));
    // Nor does a key of the API open them, whatever conversation it names.
    let by_key = instance.get_for(Some("s-1"), conversation, ADMIN);
    assert_eq!((by_key.status, by_key.code()), (401, "unauthorized"));
    let audit = instance.outside.audit.borrow();
    let [.., read, refused] = audit.as_slice() else { panic!("no lines: {audit:?}") };
    assert!(read.contains(r#""caller":"catch-up default crm""#) && read.contains(r#""outcome":"ok""#), "{read}");
    assert!(refused.contains(r#""caller":"""#) && refused.contains(r#""outcome":"unauthorized""#), "{refused}");
}

#[test]
fn a_changed_token_opens_nothing() {
    let instance = Instance::new();
    let request = json!({ "id": "crm", "delivery": "poll", "events": ["*"] });
    let token = token(&instance.post("/api/endpoints", &request).ok());
    instance.verified("crm", OTHER);
    instance.verified("erp", ADMIN);
    let mut changed: Vec<_> = (0..token.len()).map(|at| [&token[..at], &token[at + 1..]].concat()).collect();
    changed.push(token.replace("default", "other"));
    changed.push(token.replace("crm", "erp"));
    changed.push(token.replace("vct", "vst"));
    changed.push(format!("{token}.x"));
    changed.push(String::new());
    for token in changed {
        let answer = instance.http("GET", "/api/endpoints/crm/events", None, Some(&token), None);
        assert_eq!(answer.code(), "unauthorized", "{token}");
    }
    instance.http("GET", "/api/endpoints/crm/events", None, Some(&token), None).ok();
    instance.call("DELETE", "/api/endpoints/crm", &Value::Null).ok();
    assert_eq!(instance.http("GET", "/api/endpoints/crm/events", None, Some(&token), None).code(), "unauthorized");
}

#[test]
fn an_endpoint_that_asks_is_never_called_and_reads_everything_once() {
    let instance = Instance::new();
    let made = instance.post("/api/endpoints", &json!({ "id": "poll", "delivery": "poll", "events": ["*"] })).ok();
    assert_eq!((&made["endpoint"]["status"], &made["endpoint"]["url"]), (&json!("enabled"), &Value::Null));
    let token = token(&made);
    for number in 1..=7 {
        start(&instance, ADMIN, &format!("s-{}", number % 2), &format!("e-{number}"));
    }
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let target = format!("/api/endpoints/poll/events?limit=3{after}");
        let page = instance.http("GET", &target, None, Some(&token), None).ok();
        ids.extend(page["events"].as_array().expect("a list").iter().map(|it| it["id"].clone()));
        after = format!("&after={}", page["next"]);
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(ids, ["e-1", "e-2", "e-3", "e-4", "e-5", "e-6", "e-7"]);
    start(&instance, ADMIN, "s-1", "e-8");
    let target = format!("/api/endpoints/poll/events?limit=3{after}");
    assert_eq!(instance.http("GET", &target, None, Some(&token), None).ok()["events"][0]["id"], "e-8");
    assert!(instance.outside.posts.borrow().is_empty());
    let is_called = "endpoint: asks for its events, and is not called";
    assert_eq!(instance.post("/api/endpoints/poll/test", &Value::Null).faults(), [is_called]);
    assert_eq!(
        instance.post("/api/endpoints/poll/recover", &json!({ "since": "2026-11-26T12:00Z" })).faults(),
        [is_called]
    );
}

#[test]
fn a_page_is_not_larger_than_what_can_be_answered() {
    let instance = Instance::new();
    let crm = token(&instance.verified("crm", ADMIN));
    let request = json!({ "id": "poll", "delivery": "poll", "events": ["*"] });
    let poll = token(&instance.post("/api/endpoints", &request).ok());
    for number in 1..=30 {
        let data = json!({ "sessionId": "s-1", "message": "\"".repeat(32_000) });
        let event = json!({ "id": format!("e-{number}"), "event": "message.received", "data": data });
        instance.post("/api/events", &event).ok();
        instance.dispatch();
    }
    let table = instance.outside.table(&ConnectionName::default());
    let id = EndpointId::parse("crm").expect("an id");
    assert_eq!(table.state().deliveries.keys().filter(|(owner, ..)| *owner == id).count(), 30);
    for (target, token) in
        [("/api/conversations/s-1/events?limit=100", &crm), ("/api/endpoints/poll/events?limit=100", &poll)]
    {
        let page = instance.http("GET", target, None, Some(token), None).ok();
        let count = page["events"].as_array().expect("a list").len();
        assert!((1..30).contains(&count) && page["hasMore"] == true, "{target}: {count}");
        assert!(page.to_string().len() < 3_000_000);
    }
}
