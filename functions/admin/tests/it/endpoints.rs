//! Endpoints: created, listed, changed, tested, disabled, deleted.

use ::endpoints::{Disabled, Endpoint, EndpointId, Health, Status};
use deliveries::DeliveryStore;
use domain::ConnectionName;
use jiff::Timestamp;
use serde_json::{Value, json};
use wire::deliveries::Delivery as Message;

use crate::world::{ADMIN, Instance, OTHER, run};

fn crm() -> Value {
    json!({ "url": "https://crm.example.com/hook", "events": ["booking.*"] })
}

fn with(mut request: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

pub(crate) fn stored(instance: &Instance, id: &str) -> Endpoint {
    let table = instance.outside.table(&ConnectionName::default());
    let id = EndpointId::parse(id).expect("an id");
    let state = table.state();
    state.endpoints.get(&id).cloned().expect("an endpoint")
}

#[test]
fn the_shape_of_vais_documents_is_accepted() {
    let instance = Instance::new();
    let answer = instance.post(
        "/api/endpoints",
        &json!({
            "id": "crm-1", "url": "https://crm.example.com/webhooks/vai", "secret": "your-webhook-secret",
            "events": ["conversation.started", "message.received", "conversation.ended"],
            "headers": {"Authorization": "Bearer crm-token"}, "retryConfig": {"maxAttempts": 5, "backoffMs": 2000},
            "dataTransform": null,
        }),
    );
    let answer = answer.ok();
    assert_eq!((&answer["success"], &answer["webhookId"]), (&json!(true), &json!("crm-1")));
    assert_eq!(answer["secret"], "your-webhook-secret");
    let endpoint = &answer["endpoint"];
    assert_eq!(endpoint["retryConfig"], json!({ "maxAttempts": 5, "backoffMs": 2000 }));
    assert_eq!((&endpoint["headers"], &endpoint["status"]), (&json!(["Authorization"]), &json!("unverified")));
    assert_eq!(endpoint["output"], "standard");
    // A single value of `retryConfig` has VAI's default beside it; none stands for our own schedule.
    for (given, expected) in [
        (json!({ "maxAttempts": 2 }), json!({ "maxAttempts": 2, "backoffMs": 1000 })),
        (json!({ "backoffMs": 500 }), json!({ "maxAttempts": 3, "backoffMs": 500 })),
        (json!({}), json!({ "maxAttempts": 8 })),
    ] {
        let changed = instance.call("PATCH", "/api/endpoints/crm-1", &json!({ "retryConfig": given })).ok();
        assert_eq!(changed["endpoint"]["retryConfig"], expected);
    }
    assert!(instance.outside.posts.borrow().is_empty(), "the URL is not called unasked");
    assert!(instance.outside.publishing.borrow()[&ConnectionName::default()]);
}

#[test]
fn javascript_is_refused_with_our_own_transformation() {
    let instance = Instance::new();
    let code = "(payload) => ({ text: payload.data.text })";
    let refused = instance.post("/api/endpoints", &with(crm(), json!({ "dataTransform": code })));
    let [fault] = &refused.faults()[..] else { panic!("{}", refused.body) };
    assert!(fault.starts_with("dataTransform: is JavaScript") && fault.contains("{{ data."), "{fault}");
    let template = json!({ "text": "{{ data.invitee.name }}" });
    let made = instance.post("/api/endpoints", &with(crm(), json!({ "dataTransform": template }))).ok();
    assert_eq!(made["endpoint"]["output"], json!({ "template": template }));
}

#[test]
fn every_fault_is_listed_with_its_path() {
    let instance = Instance::new();
    let refused = instance.post(
        "/api/endpoints",
        &json!({
            "id": "an id", "url": "http://10.0.0.1/", "events": ["booking.created", "booking.creatd"], "secret": "short",
            "headers": {"webhook-id": "1", "X-Line": "a\nb"}, "condition": "resolved = = true",
            "output": {"template": {"a": [{"b": "{{ 'a' * 9 }}"}]}},
        }),
    );
    assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
    let paths: Vec<_> = refused.faults().iter().map(|it| it.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        paths,
        ["id", "url", "secret", "headers", "headers", "output.template.a[0].b", "events[1]", "condition"],
        "{:?}",
        refused.faults()
    );
    for (changes, fault) in [
        (json!({ "url": null }), "url: is missing"),
        (json!({ "events": [] }), "events: must not be empty"),
        (json!({ "delivery": "fax" }), "delivery: must be one of url, poll, email"),
        (json!({ "email": "ops@customer.example" }), "email: must be left out: events are sent to the URL"),
        (json!({ "delivery": "poll" }), "url: must be left out: an endpoint that asks is not called"),
        (json!({ "retryConfig": { "maxAttempts": 16 } }), "retryConfig.maxAttempts: must be at most 15"),
        (json!({ "retryConfig": { "backoffMs": 99 } }), "retryConfig.backoffMs: must be at least 100"),
        (
            json!({ "output": "xml" }),
            "output: must be one of standard, cloudevents, slack, teams, crm_lead, analytics_row",
        ),
        (json!({ "output": "slack", "dataTransform": {} }), "dataTransform: must be left out if output is given"),
        (json!({ "condition": "attendee.name = 'x'" }), "condition: no event has `attendee` in its data"),
        (json!({ "id": "statistics" }), "id: must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and not statistics"),
        (json!({ "owner": "x" }), "owner: is not known"),
    ] {
        let refused = instance.post("/api/endpoints", &with(crm(), changes.clone()));
        let faults = refused.faults();
        assert!(faults.iter().any(|it| it.starts_with(fault)), "{changes}: {faults:?}");
    }
    assert!(instance.outside.table(&ConnectionName::default()).state().endpoints.is_empty());
}

#[test]
fn a_template_is_checked_with_a_sample_of_each_type_that_the_endpoint_gets() {
    let instance = Instance::new();
    let output = json!({ "template": { "score": "{{ data.metrics.satisfactionScore }}" } });
    let request = |events: Value| with(crm(), json!({ "output": output, "events": events }));
    let refused = instance.post("/api/endpoints", &request(json!(["booking.*"])));
    assert!(refused.faults()[0].starts_with("output.template.score: "), "{:?}", refused.faults());
    let made = instance.post("/api/endpoints", &request(json!(["agent.metrics"]))).ok();
    let target = format!("/api/endpoints/{}", made["webhookId"].as_str().expect("an id"));
    // The change of another field must fit the template that is stored.
    let refused = instance.call("PATCH", &target, &json!({ "events": ["booking.*"] }));
    assert!(refused.faults()[0].starts_with("output.template.score: "), "{:?}", refused.faults());
    let changed = instance.call("PATCH", &target, &json!({ "events": ["booking.*"], "output": "crm_lead" })).ok();
    assert_eq!(changed["endpoint"]["output"], "crm_lead");
}

#[test]
fn the_same_request_gives_the_same_endpoint_and_another_is_refused() {
    let instance = Instance::new();
    let create =
        |key: Option<&str>, request: &Value| instance.http("POST", "/api/endpoints", Some(request), Some(ADMIN), key);
    let first = create(Some("k-1"), &crm()).ok();
    let again = create(Some("k-1"), &crm()).ok();
    assert_eq!(again["webhookId"], first["webhookId"]);
    assert!(first["secret"].is_string() && again["secret"].is_null() && again["catchUpToken"].is_null());
    for changes in [
        json!({ "url": "https://crm.example.com/other" }),
        // Only the secret part of the URL differs, which is masked.
        json!({ "url": "https://crm.example.com/hook?key=1" }),
        json!({ "events": ["*"] }),
        json!({ "secret": "another secret" }),
        json!({ "headers": { "X-Key": "1" } }),
        json!({ "description": "x" }),
    ] {
        let refused = create(Some("k-1"), &with(crm(), changes));
        assert_eq!((refused.status, refused.code()), (409, "key_reused"));
        assert_eq!(refused.body["error"]["endpoint"], first["webhookId"]);
    }
    // An id identifies repetitions, too; another key or none makes another endpoint.
    let request = with(crm(), json!({ "id": "crm", "headers": { "X-Key": "1" } }));
    create(None, &request).ok();
    create(None, &request).ok();
    let other = with(request, json!({ "headers": { "X-Key": "2" } }));
    assert_eq!(create(None, &other).code(), "key_reused");
    assert_ne!(create(Some("k-2"), &crm()).ok()["webhookId"], first["webhookId"]);
    assert_ne!(create(None, &crm()).ok()["webhookId"], create(None, &crm()).ok()["webhookId"]);
    assert_eq!(instance.outside.table(&ConnectionName::default()).state().endpoints.len(), 5);
    let table = format!("{:?}", instance.outside.table(&ConnectionName::default()).state().endpoints);
    assert!(!table.contains("key=1"), "{table}");
}

#[test]
fn endpoints_are_listed_in_pages() {
    let instance = Instance::new();
    for id in ["b", "a", "c", "e", "d"] {
        instance.post("/api/endpoints", &with(crm(), json!({ "id": id }))).ok();
    }
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = instance.get(&format!("/api/endpoints?limit=2{after}")).ok();
        let listed = page["endpoints"].as_array().expect("a list").iter();
        ids.extend(listed.map(|it| it["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    assert_eq!(instance.get("/api/endpoints/c").ok()["id"], "c");
    assert_eq!(instance.get("/api/endpoints/f").code(), "endpoint_unknown");
    assert_eq!(instance.get("/api/endpoints/no%20id").code(), "endpoint_unknown");
}

#[test]
fn a_connection_has_at_most_50_endpoints() {
    let instance = Instance::new();
    let create = |number: u32| instance.post("/api/endpoints", &with(crm(), json!({ "id": format!("crm-{number}") })));
    for number in 0..admin::MOST_ENDPOINTS {
        create(number).ok();
    }
    let refused = create(admin::MOST_ENDPOINTS);
    assert_eq!(
        (refused.status, refused.code(), &refused.body["error"]["most"]),
        (409, "too_many_endpoints", &json!(50))
    );
    create(0).ok();
    instance.call("DELETE", "/api/endpoints/crm-0", &Value::Null).ok();
    create(admin::MOST_ENDPOINTS).ok();
}

#[test]
fn an_endpoint_is_verified_by_a_test_that_it_answers() {
    let instance = Instance::new();
    instance.answer_with(500, "down");
    let made = instance.post("/api/endpoints", &with(crm(), json!({ "id": "crm", "verify": true }))).ok();
    assert_eq!(made["endpoint"]["status"], "unverified");
    let test = &made["verification"];
    assert_eq!((&test["success"], &test["details"]["status"]), (&json!(false), &json!(500)));
    assert_eq!(test["details"]["body"], "down");
    assert!(instance.outside.queue.borrow().is_empty());

    instance.answer_with(204, "");
    let test = instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    assert_eq!((&test["success"], &test["endpointStatus"]), (&json!(true), &json!("enabled")));
    assert_eq!((&test["details"]["status"], &test["details"]["millis"]), (&json!(204), &json!(20)));
    let post = instance.outside.last_post();
    assert_eq!(post.url, "https://crm.example.com/hook");
    let body: Value = serde_json::from_str(&post.body).expect("JSON");
    assert_eq!((&body["event"], &body["data"]["test"]), (&json!("webhook.test"), &json!(true)));
    assert_eq!((&body["data"]["webhookId"], &body["id"]), (&json!("crm"), &json!(post.headers["webhook-id"])));
    assert!(body["sequence"].is_null() && post.headers.contains_key("webhook-signature"));
    // What has waited continues, even if the function is killed in between.
    let is_resume = |it: &Message| matches!(it, Message::Resume { endpoint, probe: None, .. } if endpoint == "crm");
    assert!(instance.outside.queue.borrow().iter().all(is_resume) && !instance.outside.queue.borrow().is_empty());
    assert!(instance.outside.delayed.borrow().iter().all(is_resume) && !instance.outside.delayed.borrow().is_empty());

    // Two tests have different ids; the type is chosen; nothing of them is stored.
    instance.post("/api/endpoints/crm/test", &json!({ "type": "booking.canceled" })).ok();
    let next = instance.outside.last_post();
    assert!(next.body.contains("booking.canceled") && next.headers["webhook-id"] != post.headers["webhook-id"]);
    assert!(instance.outside.table(&ConnectionName::default()).state().deliveries.is_empty());
    let refused = instance.post("/api/endpoints/crm/test", &json!({ "type": "booking.lost" }));
    assert!(refused.faults()[0].starts_with("type: must be one of conversation.started"), "{:?}", refused.faults());
}

#[test]
fn a_test_has_the_endpoints_own_form_where_that_fits() {
    let instance = Instance::new();
    let output = json!({ "template": { "who": "{{ data.invitee.name }}" } });
    let request = with(crm(), json!({ "id": "crm", "events": ["booking.created"], "output": output, "verify": true }));
    let made = instance.post("/api/endpoints", &request).ok();
    // The template is not made for the test, which is none of the endpoint's events.
    assert_eq!(made["endpoint"]["status"], "enabled");
    let is_test = |body: &str| body.contains("who") || body.contains("webhook.test");
    assert!(is_test(&instance.outside.last_post().body));
    instance.post("/api/endpoints/crm/test", &json!({ "type": "booking.created" })).ok();
    assert!(instance.outside.last_post().body.starts_with("{\"who\":"), "{}", instance.outside.last_post().body);
}

#[test]
fn another_url_must_be_verified_again() {
    let instance = Instance::new();
    instance.verified("crm", ADMIN);
    let change = |changes: Value| instance.call("PATCH", "/api/endpoints/crm", &changes).ok();
    assert_eq!(change(json!({ "url": "https://crm.example.com/hook" }))["endpoint"]["status"], "enabled");
    assert_eq!(
        change(json!({ "description": "CRM", "condition": "resolved = true" }))["endpoint"]["status"],
        "enabled"
    );
    let changed = change(json!({ "url": "https://crm.example.com/hook?key=2" }));
    assert_eq!(changed["endpoint"]["status"], "unverified");
    let changed = change(json!({ "description": "", "condition": "", "verify": true }));
    assert_eq!(
        (&changed["verification"]["success"], &changed["endpoint"]["status"]),
        (&json!(true), &json!("enabled"))
    );
    assert!(changed["endpoint"]["description"].is_null() && changed["endpoint"]["condition"].is_null());
    assert_eq!(instance.outside.last_post().url, "https://crm.example.com/hook?key=2");
    let refused = instance.call("PATCH", "/api/endpoints/crm", &json!({ "id": "other" }));
    assert_eq!(refused.faults(), ["id: cannot be changed"]);
}

#[test]
fn a_disabled_endpoint_is_enabled_without_its_failures() {
    let instance = Instance::new();
    instance.verified("crm", ADMIN);
    let post = |what: &str| instance.post(&format!("/api/endpoints/crm/{what}"), &Value::Null);
    let disabled = post("disable").ok();
    assert_eq!((&disabled["status"], &disabled["disabledReason"]), (&json!("disabled"), &json!("by_customer")));
    assert_eq!(post("disable").ok(), disabled);
    let table = instance.outside.table(&ConnectionName::default());
    let failing =
        Health { failures: 9, failing_since: Some(instance.outside.now.get()), openings: 3, ..Health::default() };
    let id = stored(&instance, "crm").id;
    assert!(run(table.write_health(&ConnectionName::default(), &id, &failing)).expect("written"));
    instance.outside.queue.borrow_mut().clear();
    assert_eq!(post("enable").ok()["status"], "enabled");
    assert_eq!(table.state().health[&id].failures, 0);
    assert_eq!(instance.outside.queue.borrow().len(), 1);
    // A repeated call repairs what a killed function has left.
    post("enable").ok();
    assert_eq!(instance.outside.queue.borrow().len(), 2);
}

#[test]
fn a_test_that_succeeds_ends_the_waiting_of_an_endpoint_that_failed() {
    let instance = Instance::new();
    instance.verified("crm", ADMIN);
    let (table, id) = (instance.outside.table(&ConnectionName::default()), stored(&instance, "crm").id);
    let open = Health { failures: 9, openings: 3, open_until: Some(Timestamp::MAX), ..Health::default() };
    assert!(run(table.write_health(&ConnectionName::default(), &id, &open)).expect("written"));
    instance.outside.queue.borrow_mut().clear();
    instance.answer_with(500, "");
    instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    assert_eq!((table.state().health[&id].failures, instance.outside.queue.borrow().len()), (9, 0));
    instance.answer_with(200, "");
    instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    assert_eq!((table.state().health[&id].open_until, instance.outside.queue.borrow().len()), (None, 1));
}

#[test]
fn verification_cannot_be_passed_by() {
    let instance = Instance::new();
    instance.post("/api/endpoints", &with(crm(), json!({ "id": "crm" }))).ok();
    for what in ["enable", "disable"] {
        let refused = instance.post(&format!("/api/endpoints/crm/{what}"), &Value::Null);
        assert_eq!((refused.status, refused.code()), (409, "endpoint_inactive"));
        assert_eq!(refused.body["error"]["status"], "unverified");
    }
    // Not even by another URL for an endpoint that was disabled.
    instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    instance.post("/api/endpoints/crm/disable", &Value::Null).ok();
    assert_eq!(stored(&instance, "crm").status, Status::Disabled { reason: Disabled::ByCustomer });
    instance.call("PATCH", "/api/endpoints/crm", &json!({ "url": "https://victim.example.com/" })).ok();
    assert_eq!(instance.post("/api/endpoints/crm/enable", &Value::Null).code(), "endpoint_inactive");
}

#[test]
fn a_deleted_endpoint_is_gone_and_the_last_one_ends_the_logging_of_events() {
    let instance = Instance::new();
    let connection = ConnectionName::default();
    for id in ["a", "b"] {
        instance.verified(id, ADMIN);
    }
    instance.verified("a", OTHER);
    let delete = |id: &str| instance.call("DELETE", &format!("/api/endpoints/{id}"), &Value::Null);
    delete("a").ok();
    assert!(instance.outside.publishing.borrow()[&connection]);
    assert_eq!(delete("a").code(), "endpoint_unknown");
    delete("b").ok();
    assert!(!instance.outside.publishing.borrow()[&connection]);
    assert!(instance.outside.publishing.borrow()[&ConnectionName::parse("other").expect("a name")]);
}

#[test]
fn a_direct_invocation_is_the_same_call() {
    let instance = Instance::new();
    let made = instance.invoke(json!({ "operation": "create_endpoint", "idempotencyKey": "k", "input": crm() }));
    let by_http = instance.http("POST", "/api/endpoints", Some(&crm()), Some(ADMIN), Some("k")).ok();
    assert_eq!(by_http["webhookId"], made["webhookId"]);
    let of_another_function = instance.invoke(json!({ "operation": "book", "input": {} }));
    let fault = of_another_function["error"]["details"][0]["problem"].as_str().expect("a fault").to_owned();
    assert!(fault.starts_with("must be one of create_endpoint, list_endpoints"), "{fault}");
}
