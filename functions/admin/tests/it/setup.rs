//! A receiver registers itself.

use serde_json::{Value, json};

use crate::world::{ADMIN, Instance, READER};

fn token(instance: &Instance, body: &Value) -> String {
    let made = instance.post("/api/endpoints/setup-token", body).ok();
    assert_eq!(
        (&made["expiresAt"], &made["setupUrl"]),
        (&json!("2026-11-26T13:00:00Z"), &json!("https://hooks.example.com/api/endpoints/setup"),)
    );
    made["token"].as_str().expect("a token").to_owned()
}

/// Calls it as a receiver does: without a key.
fn setup(instance: &Instance, body: &Value) -> crate::world::Response {
    instance.http("POST", "/api/endpoints/setup", Some(body), None, None)
}

#[test]
fn a_receiver_registers_its_own_url_and_is_live() {
    let instance = Instance::new();
    let token = token(&instance, &json!({ "events": ["booking.*"], "description": "CRM" }));
    let request = json!({
        "token": token, "url": "https://crm.example.com/hook", "secret": "made by the receiver", "verify": true,
    });
    let answer = setup(&instance, &request).ok();
    assert_eq!(answer["secret"], "made by the receiver");
    assert_eq!(answer["keysUrl"], "https://hooks.example.com/.well-known/webhook-keys/default");
    assert_eq!(answer["apiUrl"], "https://hooks.example.com");
    assert_eq!((&answer["status"], &answer["verification"]["success"]), (&json!("enabled"), &json!(true)));
    let endpoint = instance.get(&format!("/api/endpoints/{}", answer["id"].as_str().expect("an id"))).ok();
    assert_eq!((&endpoint["events"], &endpoint["description"]), (&json!(["booking.*"]), &json!("CRM")));
    let catch_up = answer["catchUpToken"].as_str().expect("a token");
    instance.http("GET", "/api/bookings/bk-1/events", None, Some(catch_up), None).ok();
}

#[test]
fn a_setup_token_works_once() {
    let instance = Instance::new();
    let token = token(&instance, &json!({}));
    let request = json!({ "token": token, "url": "https://crm.example.com/hook" });
    // A call that is refused does not use the token up.
    assert!(setup(&instance, &json!({ "token": token, "url": "https://localhost/" })).faults()[0].starts_with("url: "));
    let made = setup(&instance, &request).ok();
    assert!(made["secret"].as_str().expect("a secret").starts_with("whsec_"));
    assert_eq!(made["status"], "unverified");
    for request in [request.clone(), json!({ "token": token, "url": "https://other.example.com/" })] {
        assert_eq!(setup(&instance, &request).code(), "setup_token_invalid");
    }
    // Not even again when its endpoint is gone.
    instance.call("DELETE", &format!("/api/endpoints/{}", made["id"].as_str().expect("an id")), &Value::Null).ok();
    assert_eq!(setup(&instance, &request).code(), "setup_token_invalid");
}

#[test]
fn a_setup_token_ends_after_an_hour_and_is_of_one_connection() {
    let instance = Instance::new();
    let token = token(&instance, &json!({}));
    for wrong in [
        token.replace("default", "other"),
        token.replace("vst", "vct"),
        format!("{token}0"),
        "vst.default.x".to_owned(),
        "vst.default.".to_owned(),
    ] {
        let refused = setup(&instance, &json!({ "token": wrong, "url": "https://crm.example.com/" }));
        assert_eq!((refused.status, refused.code()), (410, "setup_token_invalid"), "{wrong}");
    }
    for wrong in ["x", "vst.No Connection.x", "vst"] {
        let refused = setup(&instance, &json!({ "token": wrong, "url": "https://crm.example.com/" }));
        assert_eq!(refused.status, 404, "{wrong}");
    }
    instance.wait(3_600);
    let request = json!({ "token": token, "url": "https://crm.example.com/" });
    assert_eq!(setup(&instance, &request).code(), "setup_token_invalid");
}

#[test]
fn only_an_operator_makes_setup_tokens_for_events_that_exist() {
    let instance = Instance::new();
    let make = |body: &Value, bearer: &str| {
        instance.http("POST", "/api/endpoints/setup-token", Some(body), Some(bearer), None)
    };
    assert_eq!(make(&json!({}), READER).code(), "forbidden");
    assert!(make(&json!({ "events": ["bookings.*"] }), ADMIN).faults()[0].starts_with("events[0]: "));
}
