//! Statistics, attempts, replays.

use serde_json::{Value, json};
use wire::deliveries::Delivery as Message;

use crate::world::{ADMIN, Instance};

/// An endpoint with three deliveries: to the sessions `s-1` (twice) and `s-2`.
fn delivered() -> Instance {
    let instance = Instance::new();
    instance.verified("crm", ADMIN);
    for (session, id) in [("s-1", "e-1"), ("s-1", "e-2"), ("s-2", "e-3")] {
        instance.wait(1);
        let event = json!({
            "id": id, "event": "conversation.started", "timestamp": instance.outside.now.get(),
            "data": { "sessionId": session, "agentId": "a-1" },
        });
        instance.post("/api/events", &event).ok();
    }
    instance.dispatch();
    instance
}

#[test]
fn deliveries_are_listed_with_their_attempts_in_pages() {
    let instance = delivered();
    instance.answer_with(500, "sorry, we are down");
    let event =
        json!({ "id": "e-4", "event": "conversation.started", "data": { "sessionId": "s-2", "agentId": "a-1" } });
    instance.wait(1);
    instance.post("/api/events", &event).ok();
    instance.dispatch();
    let (mut deliveries, mut after) = (Vec::new(), String::new());
    loop {
        let page = instance.get(&format!("/api/endpoints/crm/attempts?limit=3{after}")).ok();
        deliveries.extend(page["deliveries"].as_array().expect("a list").clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let ids: Vec<_> = deliveries.iter().map(|it| it["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["conversation/s-2/2", "conversation/s-2/1", "conversation/s-1/2", "conversation/s-1/1"]);
    let failed = &deliveries[0];
    assert_eq!(
        (&failed["state"], &failed["eventId"], &failed["number"]),
        (&json!("pending"), &json!("e-4"), &json!(2))
    );
    assert!(failed["nextAt"].is_string());
    assert_eq!(failed["attempts"][0]["status"], 500);
    assert_eq!(failed["attempts"][0]["body"], "sorry, we are down");
    assert_eq!(deliveries[1]["state"], "delivered");
    let refused = instance.get("/api/endpoints/crm/attempts?after=no%20cursor");
    assert_eq!(refused.faults(), ["after: must be `next` of an earlier answer, unchanged"]);
}

#[test]
fn statistics_are_those_of_vais_documents_and_more() {
    let instance = delivered();
    instance.answer_with(500, "");
    let event =
        json!({ "id": "e-4", "event": "conversation.started", "data": { "sessionId": "s-3", "agentId": "a-1" } });
    instance.post("/api/events", &event).ok();
    instance.dispatch();
    let one = instance.get("/api/endpoints/crm/statistics").ok();
    assert_eq!((&one["webhookId"], &one["status"], &one["events"]), (&json!("crm"), &json!("enabled"), &json!(["*"])));
    let stats = &one["stats"];
    assert_eq!(
        [&stats["sent"], &stats["failed"], &stats["attempts"], &stats["successRate"], &stats["p50Ms"], &stats["p95Ms"]],
        [&json!(3), &json!(0), &json!(4), &json!(0.75), &json!(23), &json!(23)]
    );
    assert!(stats["lastSent"].is_string());
    assert_eq!(one["hours"][0]["hour"], "2026-11-26T12:00:00Z");
    assert_eq!(one["hours"][0]["sent"], 3);
    let all = instance.get("/api/endpoints/statistics?hours=1").ok();
    assert_eq!(all["endpoints"]["crm"]["stats"], *stats);
    assert!(all["endpoints"]["crm"]["hours"].is_null());
    instance.verified("new", ADMIN);
    let new = instance.get("/api/endpoints/new/statistics?hours=2160").ok();
    assert_eq!(
        new["stats"],
        json!({
            "sent": 0, "failed": 0, "lastSent": null, "attempts": 0, "successRate": null, "p50Ms": null, "p95Ms": null,
        })
    );
}

#[test]
fn a_delivery_is_repeated_with_the_same_id_and_body() {
    let instance = delivered();
    let first = instance.outside.posts.borrow().iter().find(|it| it.headers["webhook-id"] == "e-2").cloned();
    let count = instance.outside.posts.borrow().len();
    instance.post("/api/endpoints/crm/replay", &json!({ "delivery": "conversation/s-1/2" })).ok();
    instance.dispatch();
    let repeated = instance.outside.last_post();
    assert_eq!(instance.outside.posts.borrow().len(), count + 1);
    assert_eq!(
        (repeated.body, Some("e-2")),
        (first.expect("a call").body, repeated.headers.get("webhook-id").map(String::as_str))
    );
    let attempts = instance.get("/api/endpoints/crm/attempts").ok();
    let of_it = &attempts["deliveries"][1]["attempts"];
    assert_eq!((&of_it[0]["isReplay"], &of_it[1]["isReplay"]), (&json!(false), &json!(true)));
}

#[test]
fn deliveries_since_an_instant_are_repeated_all_or_those_that_failed() {
    let instance = delivered();
    let count = instance.outside.posts.borrow().len();
    instance.post("/api/endpoints/crm/recover", &json!({ "since": "2026-11-26T12:00:02Z" })).ok();
    instance.dispatch();
    assert_eq!(instance.outside.posts.borrow().len(), count, "none had failed");
    instance.post("/api/endpoints/crm/replay", &json!({ "since": "2026-11-26T13:00:02+01:00" })).ok();
    instance.dispatch();
    assert_eq!(instance.outside.posts.borrow().len(), count + 2);
}

#[test]
fn what_cannot_be_repeated_is_refused() {
    let instance = delivered();
    let replay = |body: Value| instance.post("/api/endpoints/crm/replay", &body);
    for id in ["conversation/s-1/9", "conversation/s-9/1", "conversation/s-1/x", "s-1/1", "x", "booking/s-1/1"] {
        let refused = replay(json!({ "delivery": id }));
        assert_eq!((refused.status, refused.code()), (404, "delivery_unknown"), "{id}");
    }
    for (body, fault) in [
        (json!({}), "delivery: or since is needed"),
        (json!({ "delivery": "x/y/1", "since": "2026-11-26T12:00Z" }), "since: must be left out if delivery is given"),
        (json!({ "since": "2026-11-26T12:00" }), "since: needs an offset, such as 2027-01-11T09:00:00Z"),
    ] {
        assert_eq!(replay(body).faults(), [fault]);
    }
    instance.answer_with(503, "");
    let event =
        json!({ "id": "e-4", "event": "conversation.started", "data": { "sessionId": "s-3", "agentId": "a-1" } });
    instance.post("/api/events", &event).ok();
    instance.dispatch();
    let refused = replay(json!({ "delivery": "conversation/s-3/1" }));
    assert_eq!(refused.faults(), ["delivery: is still being tried, so that it need not be repeated"]);
    instance.post("/api/endpoints/crm/disable", &Value::Null).ok();
    instance.outside.queue.borrow_mut().clear();
    for (what, body) in [
        ("replay", json!({ "delivery": "conversation/s-1/1" })),
        ("replay", json!({ "since": "2026-11-26T12:00Z" })),
        ("recover", json!({ "since": "2026-11-26T12:00Z" })),
    ] {
        let refused = instance.post(&format!("/api/endpoints/crm/{what}"), &body);
        assert_eq!((refused.status, refused.code()), (409, "endpoint_inactive"));
    }
    assert_eq!(*instance.outside.queue.borrow(), Vec::<Message>::new());
}

#[test]
fn a_new_endpoint_with_the_id_of_a_deleted_one_begins_without_its_records() {
    let instance = delivered();
    let posted = |instance: &Instance| instance.outside.posts.borrow().len();
    instance.call("DELETE", "/api/endpoints/crm", &Value::Null).ok();
    // Statistics are by the hour.
    instance.wait(3600);
    instance.verified("crm", ADMIN);
    let one = instance.get("/api/endpoints/crm/statistics").ok();
    assert_eq!((&one["stats"]["sent"], &one["hours"]), (&json!(0), &Value::Null));
    let attempts = || instance.get("/api/endpoints/crm/attempts").ok();
    assert_eq!(attempts(), json!({ "deliveries": [] }));
    let count = posted(&instance);
    instance.post("/api/endpoints/crm/replay", &json!({ "since": "2026-11-26T12:00Z" })).ok();
    instance.dispatch();
    assert_eq!(posted(&instance), count, "nothing of the deleted endpoint is repeated");
    let event =
        json!({ "id": "e-4", "event": "conversation.started", "data": { "sessionId": "s-2", "agentId": "a-1" } });
    instance.wait(1);
    instance.post("/api/events", &event).ok();
    instance.dispatch();
    assert_eq!(attempts()["deliveries"].as_array().expect("a list").len(), 1);
    assert_eq!(instance.get("/api/endpoints/crm/statistics").ok()["stats"]["sent"], 1);
}
