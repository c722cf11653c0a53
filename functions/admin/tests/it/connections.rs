//! Connections: created, connected with a personal token, rotated, switched off and deleted, at a sandbox's Calendly.

use domain::{ConnectionName, ConnectionStatus};
use sandbox::keys;
use serde_json::{Value, json};

use crate::world::{ADMIN, Instance, OPERATOR, Response, run};

/// A sandbox, and an instance whose Calendly it is.
pub(crate) struct Place {
    pub(crate) sandbox: sandbox::Sandbox,
    _runtime: tokio::runtime::Runtime,
    pub(crate) instance: Instance,
}

impl Place {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let sandbox = runtime.block_on(sandbox::start(0)).expect("a sandbox");
        let instance = Instance::with_calendly(sandbox.url());
        Self { sandbox, _runtime: runtime, instance }
    }

    pub(crate) fn call(&self, method: &str, target: &str, body: &Value) -> Response {
        self.instance.http(method, target, Some(body).filter(|it| !it.is_null()), Some(OPERATOR), None)
    }

    /// Makes a call to the sandbox.
    pub(crate) fn sandbox(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.sandbox.url());
        run(async {
            let client = http_client::client().expect("a client");
            let request = client.request(method.parse().expect("a method"), url);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or_default()
        })
    }

    pub(crate) fn subscriptions(&self) -> Vec<Value> {
        self.sandbox("GET", "/calendly.json", None)["subscriptions"].as_array().expect("a list").clone()
    }

    pub(crate) fn signing_keys(&self, name: &str) -> Vec<String> {
        let name = ConnectionName::parse(name).expect("a name");
        let documents = self.instance.outside.documents.borrow();
        let keys = documents.get(&(name, "signing")).and_then(|it| it.get("calendly")?.as_array().cloned());
        // An old key has its end beside it.
        let text = |it: &Value| it.as_str().or(it["key"].as_str()).expect("a key").to_owned();
        keys.unwrap_or_default().iter().map(text).collect()
    }

    pub(crate) fn status(&self, name: &str) -> ConnectionStatus {
        let name = ConnectionName::parse(name).expect("a name");
        self.instance.outside.connections.borrow()[&name].status
    }
}

fn with_token() -> Value {
    json!({ "id": "acme", "credentials": { "calendly_token": keys::CALENDLY, "vai_api_key": "v" } })
}

#[test]
fn a_connection_with_a_token_is_connected_in_one_call() {
    let place = Place::new();
    let made = place.call("POST", "/api/connections", &with_token()).ok();
    assert_eq!((&made["status"], &made["login"]), (&json!("active"), &json!("personal_token")));
    assert_eq!(made["webhookUrl"], "https://hooks.example.com/webhooks/calendly/acme");
    assert_eq!(made["problems"], Value::Null);
    let subscriptions = place.subscriptions();
    assert_eq!(subscriptions.len(), 1);
    assert_eq!((&subscriptions[0]["uri"], &subscriptions[0]["scope"]), (&made["subscription"], &json!("organization")));
    assert_eq!(place.signing_keys("acme")[0].len(), 64);
    assert!(!made.to_string().contains(keys::CALENDLY));

    let again = place.call("POST", "/api/connections", &with_token()).ok();
    assert_eq!((again, place.subscriptions().len()), (made.clone(), 1), "a repeated call changes nothing");
    assert_eq!(place.call("GET", "/api/connections/acme", &Value::Null).ok(), made);
    assert_eq!(place.call("GET", "/api/connections", &Value::Null).ok()["connections"], json!([made]));
}

#[test]
fn an_interrupted_call_is_completed_by_its_repetition() {
    for calls in 0.. {
        let place = Place::new();
        place.instance.outside.fails_after.set(Some(calls));
        let first = place.call("POST", "/api/connections", &with_token());
        let has_failed = place.instance.outside.has_failed.get();
        place.instance.outside.fails_after.set(None);
        if !has_failed {
            first.ok();
            assert!(calls > 8, "{calls} calls of ports");
            return;
        }
        assert_eq!((first.status, first.code()), (503, "unavailable"), "{calls}");
        let made = place.call("POST", "/api/connections", &with_token()).ok();
        let subscriptions = place.subscriptions();
        assert_eq!((&made["status"], subscriptions.len()), (&json!("active"), 1), "{calls}");
        assert_eq!(place.signing_keys("acme").len(), 1, "{calls}");
    }
}

#[test]
fn a_chosen_signing_key_is_used_if_it_is_long_enough() {
    let place = Place::new();
    let with_key = |key: &str| {
        let mut request = with_token();
        request["signingKey"] = json!(key);
        place.call("POST", "/api/connections", &request)
    };
    assert_eq!(with_key(&"k".repeat(31)).faults(), ["signingKey: must be at least 32 characters long"]);
    let spaced = with_key(&"k ".repeat(20));
    assert_eq!(spaced.faults(), ["signingKey: must be 32 to 256 characters of ASCII, without spaces"]);
    assert!(place.subscriptions().is_empty());
    let key = "k".repeat(32);
    with_key(&key).ok();
    assert_eq!(place.signing_keys("acme"), [key]);
}

#[test]
fn a_rotated_key_has_a_new_subscription_and_the_old_key_still_verifies() {
    let place = Place::new();
    let made = place.call("POST", "/api/connections", &with_token()).ok();
    let old = place.signing_keys("acme");
    let rotated = place.call("POST", "/api/connections/acme/rotate-signing-key", &json!({})).ok();
    assert_ne!(rotated["subscription"], made["subscription"]);
    let (keys, subscriptions) = (place.signing_keys("acme"), place.subscriptions());
    assert_eq!((keys.len(), &keys[1], subscriptions.len()), (2, &old[0], 1));
    assert_eq!(subscriptions[0]["uri"], rotated["subscription"]);
}

#[test]
fn an_account_that_cannot_be_connected_is_refused_with_the_reason_and_changes_nothing() {
    let place = Place::new();
    let wrong = json!({ "id": "acme", "credentials": { "calendly_token": "hush" } });
    let refused = place.call("POST", "/api/connections", &wrong);
    assert_eq!((refused.status, refused.code()), (422, "account_refused"));
    let problem = refused.body["error"]["problems"][0].as_str().expect("a problem").to_owned();
    assert!(problem.contains("does not accept the token") && !problem.contains("hush"), "{problem}");
    assert_eq!(place.status("acme"), ConnectionStatus::AwaitingLogin);
    assert!(place.instance.outside.documents.borrow().is_empty());

    place.call("POST", "/api/connections", &with_token()).ok();
    let twin = json!({ "id": "twin", "credentials": { "calendly_token": keys::CALENDLY } });
    let refused = place.call("POST", "/api/connections", &twin);
    assert_eq!(
        refused.body["error"]["problems"],
        json!(["Its organization is connected already, under another name."])
    );

    for (credentials, fault) in [
        (json!("hush"), "credentials: must be an object"),
        (json!({ "calendly_token": "hush hush" }), "credentials: calendly_token must be a text without spaces"),
        (
            json!({ "hush": 1 }),
            "credentials: hush is not known; known are calendly_token, engagelab, twilio, brevo_api_key, brevo_webhook_token, vai_api_key",
        ),
    ] {
        let refused = place.call("PATCH", "/api/connections/acme", &json!({ "credentials": credentials }));
        assert_eq!(refused.faults(), [fault]);
    }
}

#[test]
fn a_subscription_that_somebody_made_by_hand_is_reported_and_not_adopted() {
    let place = Place::new();
    let by_hand = json!({
        "url": "https://hooks.example.com/webhooks/calendly/acme", "events": ["invitee.created"],
        "organization": "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1",
        "scope": "organization",
    });
    run(async {
        let client = http_client::client().expect("a client");
        let url = format!("{}/calendly/webhook_subscriptions", place.sandbox.url());
        let made = client.post(url).bearer_auth(keys::CALENDLY).json(&by_hand).send().await.expect("an answer");
        assert_eq!(made.status(), 201);
    });
    let made = place.call("POST", "/api/connections", &with_token()).ok();
    let problem = made["problems"][0].as_str().expect("a problem");
    assert!(problem.contains("a signing key that is not known here"), "{problem}");
    let subscriptions = place.subscriptions();
    assert_eq!((subscriptions.len(), &subscriptions[0]["uri"]), (1, &made["subscription"]));
    assert_eq!(place.signing_keys("acme").len(), 1);
}

#[test]
fn a_plain_user_is_connected_for_their_own_bookings_and_told_so() {
    let place = Place::new();
    place.sandbox("POST", "/control/settings", Some(&json!({ "role": "user" })));
    let made = place.call("POST", "/api/connections", &with_token()).ok();
    assert!(made["problems"][0].as_str().expect("a problem").contains("only the owner's own bookings"), "{made}");
    assert_eq!(place.subscriptions()[0]["scope"], "user");
}

#[test]
fn missing_scopes_are_named() {
    let place = Place::new();
    let scopes = ["users:read", "organizations:read", "webhooks:read", "webhooks:write", "event_types:read"];
    place.sandbox("POST", "/control/settings", Some(&json!({ "scopes": scopes })));
    let refused = place.call("POST", "/api/connections", &with_token());
    assert_eq!(refused.code(), "account_refused");
    let problem = refused.body["error"]["problems"][0].as_str().expect("a problem").to_owned();
    assert!(problem.contains("scheduled_events:read"), "{problem}");
}

#[test]
fn keys_are_added_without_a_new_subscription() {
    let place = Place::new();
    place.call("POST", "/api/connections", &with_token()).ok();
    let credentials = json!({ "credentials": { "brevo_api_key": "b" } });
    place.call("PATCH", "/api/connections/acme", &credentials).ok();
    let documents = place.instance.outside.documents.borrow();
    let providers = &documents[&(ConnectionName::parse("acme").expect("a name"), "providers")];
    assert_eq!(
        Value::from(providers.clone()),
        json!({ "calendly_token": keys::CALENDLY, "vai_api_key": "v", "brevo_api_key": "b" })
    );
}

#[test]
fn a_connection_is_switched_off_and_on_and_deleted_with_all_it_has() {
    let place = Place::new();
    place.call("POST", "/api/connections", &with_token()).ok();
    for _ in 0..2 {
        let off = place.call("POST", "/api/connections/acme/disable", &Value::Null).ok();
        assert_eq!(off["status"], "disabled");
    }
    assert_eq!(place.call("POST", "/api/connections/acme/enable", &Value::Null).ok()["status"], "active");
    place.call("DELETE", "/api/connections/acme", &Value::Null).ok();
    assert!(place.subscriptions().is_empty());
    let outside = &place.instance.outside;
    assert!(outside.documents.borrow().is_empty() && outside.connections.borrow().is_empty());
    let again = place.call("DELETE", "/api/connections/acme", &Value::Null);
    assert_eq!((again.status, again.code()), (404, "connection_unknown"));
}

#[test]
fn a_key_manages_its_own_connection_only() {
    let place = Place::new();
    let create = |id: &str| place.call("POST", "/api/connections", &json!({ "id": id })).ok();
    create("default");
    create("acme");
    let as_default =
        |method: &str, target: &str| place.instance.http(method, target, None, Some(ADMIN), None).code().to_owned();
    assert_eq!(as_default("GET", "/api/connections/default"), "ok");
    assert_eq!(as_default("POST", "/api/connections/default/disable"), "ok");
    for (method, target) in [
        ("GET", "/api/connections/acme"),
        ("GET", "/api/connections/unheard-of"),
        ("POST", "/api/connections/acme/disable"),
        ("POST", "/api/connections/acme/calendly-login"),
    ] {
        assert_eq!(as_default(method, target), "connection_unknown", "{target}");
    }
    assert_eq!(as_default("DELETE", "/api/connections/default"), "forbidden");
    assert_eq!(as_default("GET", "/api/connections"), "forbidden");
}
