//! Secrets: shown once, rotated with a grace, and in no answer and no log line afterwards.

use std::cell::RefCell;
use std::io::{Result, Write};
use std::sync::Once;

use proptest::prelude::*;
use serde_json::{Value, json};
use signing::{Outcome, Received, Secret, verify_delivery};

use crate::world::{ADMIN, Instance};

/// Returns whether the last call of the receiver is signed with a secret.
fn is_signed_with(instance: &Instance, secret: &str) -> bool {
    let post = instance.outside.last_post();
    let received = Received::read(|name| post.headers.get(name).map(String::as_str), post.body.as_bytes());
    let secrets = [Secret::parse(secret).expect("a secret")];
    let verified = verify_delivery(&received.expect("a delivery"), &secrets, &[], instance.outside.now.get());
    verified.is_ok_and(|it| it.v1 == Outcome::Verified)
}

fn text(answer: &Value, key: &str) -> String {
    answer[key].as_str().expect("a text").to_owned()
}

#[test]
fn a_secret_is_made_where_none_is_given_and_signs() {
    let instance = Instance::new();
    let made = instance.verified("crm", ADMIN);
    assert!(text(&made, "secret").starts_with("whsec_"));
    assert!(is_signed_with(&instance, &text(&made, "secret")));
    instance.verified("erp", ADMIN);
    assert!(!is_signed_with(&instance, &text(&made, "secret")), "another endpoint has another secret");
}

#[test]
fn an_old_secret_signs_during_the_grace_and_the_old_token_opens_nothing() {
    let instance = Instance::new();
    let made = instance.verified("crm", ADMIN);
    let rotate = |body: Value| instance.post("/api/endpoints/crm/rotate-secret", &body).ok();
    let test = || instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    let (first, second) = (text(&made, "secret"), rotate(json!({})));
    assert_eq!(second["oldSecretUntil"], "2026-11-27T12:00:00Z");
    test();
    assert!(is_signed_with(&instance, &first) && is_signed_with(&instance, &text(&second, "secret")));
    for (token, status) in [(text(&made, "catchUpToken"), 401), (text(&second, "catchUpToken"), 200)] {
        assert_eq!(instance.http("GET", "/api/bookings/bk-1/events", None, Some(&token), None).status, status);
    }
    instance.wait(24 * 60 * 60);
    test();
    assert!(!is_signed_with(&instance, &first) && is_signed_with(&instance, &text(&second, "secret")));
    let third = rotate(json!({ "graceSeconds": 0, "secret": "a secret of our own" }));
    assert_eq!(third["secret"], "a secret of our own");
    test();
    assert!(!is_signed_with(&instance, &text(&second, "secret")) && is_signed_with(&instance, "a secret of our own"));
    // A changed secret has a grace, too.
    instance.call("PATCH", "/api/endpoints/crm", &json!({ "secret": "yet another secret" })).ok();
    test();
    assert!(is_signed_with(&instance, "a secret of our own") && is_signed_with(&instance, "yet another secret"));
    for (body, fault) in [
        (json!({ "graceSeconds": 604_801 }), "graceSeconds: must be at most 604800"),
        (json!({ "graceSeconds": -1 }), "graceSeconds: must be at least 0"),
        (json!({ "secret": "short" }), "secret: a secret in your own words has 8 to 256 characters"),
    ] {
        let faults = instance.post("/api/endpoints/crm/rotate-secret", &body).faults();
        assert!(faults[0].starts_with(fault), "{faults:?}");
    }
}

#[test]
fn headers_are_sent_and_replaced_as_a_whole() {
    let instance = Instance::new();
    instance.verified("crm", ADMIN);
    let change = |headers: Value| {
        let changed = instance.call("PATCH", "/api/endpoints/crm", &json!({ "headers": headers })).ok();
        instance.post("/api/endpoints/crm/test", &Value::Null).ok();
        changed["endpoint"]["headers"].clone()
    };
    assert_eq!(change(json!({ "X-Key": "k-1", "X-Other": "o" })), json!(["X-Key", "X-Other"]));
    assert_eq!(instance.outside.last_post().headers["X-Key"], "k-1");
    assert_eq!(change(json!({ "X-Key": "k-2" })), json!(["X-Key"]));
    assert!(!instance.outside.last_post().headers.contains_key("X-Other"));
    assert_eq!(change(json!({})), json!([]));
}

#[test]
fn the_public_keys_of_a_connection_may_be_kept_for_a_day() {
    let instance = Instance::new();
    let keys = || instance.http("GET", "/.well-known/webhook-keys/default", None, None, None);
    assert_eq!(keys().ok(), json!({ "keys": [] }));
    let request = json!({ "id": "crm", "url": "https://crm.example.com/", "events": ["*"], "ed25519": true });
    instance.post("/api/endpoints", &request).ok();
    let answer = keys();
    assert_eq!(answer.headers["cache-control"], "public, max-age=86400");
    let key = &answer.body["keys"][0];
    assert!(text(key, "key").starts_with("whpk_"));
    assert_eq!(key["not_before"], "2026-11-27T13:00:00Z");
    let unknown = instance.http("GET", "/.well-known/webhook-keys/unknown", None, None, None);
    assert_eq!(unknown.ok(), json!({ "keys": [] }));
    for name in ["No%20Name", "a".repeat(41).as_str()] {
        let refused = instance.http("GET", &format!("/.well-known/webhook-keys/{name}"), None, None, None);
        assert!([400, 404].contains(&refused.status), "{}", refused.status);
    }
    instance.wait(26 * 60 * 60);
    instance.post("/api/endpoints/crm/test", &Value::Null).ok();
    assert!(instance.outside.last_post().headers["webhook-signature"].contains("v1a,"));
}

#[test]
fn a_public_path_names_its_methods_without_a_key_and_no_other_path_does() {
    let instance = Instance::new();
    for (method, path, allowed) in
        [("POST", "/.well-known/webhook-keys/default", "GET"), ("GET", "/api/endpoints/setup", "POST")]
    {
        let refused = instance.http(method, path, None, None, None);
        assert_eq!((refused.status, &refused.headers["allow"]), (405, &json!(allowed)), "{path}");
    }
    for path in ["/api/endpoints/setup-token", "/api/bookings/bk-1/events"] {
        assert_eq!(instance.http("PATCH", path, None, None, None).status, 401, "{path}");
    }
}

#[test]
fn a_rotated_key_is_published_for_25_hours_before_it_signs() {
    let instance = Instance::new();
    let rotate = || instance.post("/api/endpoints/rotate-webhook-key", &Value::Null).ok();
    let published = || instance.http("GET", "/.well-known/webhook-keys/default", None, None, None).ok();
    let request = json!({ "id": "crm", "url": "https://crm.example.com/", "events": ["*"], "ed25519": true });
    instance.post("/api/endpoints", &request).ok();
    assert_eq!(rotate()["keys"].as_array().map(Vec::len), Some(1), "the first key has not signed yet");
    instance.wait(26 * 60 * 60);
    let rotated = rotate();
    assert_eq!(rotated, published());
    assert_eq!(rotate(), rotated, "a repeated call changes nothing");
    let signed_by = || {
        instance.post("/api/endpoints/crm/test", &Value::Null).ok();
        let post = instance.outside.last_post();
        let received = Received::read(|name| post.headers.get(name).map(String::as_str), post.body.as_bytes());
        let received = received.expect("a delivery");
        let keys = published()["keys"].as_array().cloned().unwrap_or_default();
        let is_by = |key: &Value| {
            let keys = [text(key, "key").parse().expect("a key")];
            verify_delivery(&received, &[], &keys, instance.outside.now.get())
                .is_ok_and(|it| it.v1a == Outcome::Verified)
        };
        keys.iter().find(|key| is_by(key)).map(|key| text(key, "id"))
    };
    let ids: Vec<_> = rotated["keys"].as_array().into_iter().flatten().map(|key| text(key, "id")).collect();
    assert_eq!(signed_by(), Some(ids[0].clone()));
    instance.wait(25 * 60 * 60);
    assert_eq!(signed_by(), Some(ids[1].clone()));
    assert_eq!(published()["keys"].as_array().map(Vec::len), Some(2), "the old key stays for those who verify later");
    instance.wait(7 * 24 * 60 * 60);
    assert_eq!(published()["keys"].as_array().map(Vec::len), Some(1));
}

thread_local! {
    /// The log lines of this thread.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes log lines to those of the thread: other tests run at the same time.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        LINES.with_borrow_mut(|it| it.write(bytes))
    }
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Takes the log lines that this thread has written. Begins with the first call.
fn take_log() -> String {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Lines).finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
    });
    String::from_utf8(LINES.take()).expect("UTF-8")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_and_no_log_line_shows_a_secret(
        parts in proptest::collection::vec("[a-z0-9]{12,16}", 7), status in prop_oneof![Just(200_u16), Just(500)],
    ) {
        let [user, password, query, header, secret, next, other] = &parts[..] else { panic!() };
        let url = format!("https://{user}:{password}@crm.example.com/hook?key={query}");
        take_log();
        let answers = {
            let instance = Instance::new();
            instance.answer_with(status, "ok");
            let request = json!({
                "id": "crm", "url": url, "events": ["*"], "secret": secret, "headers": { "X-Key": header }, "verify": true,
            });
            let call = |method: &str, target: &str, body: &Value| instance.call(method, target, body).body;
            let made = call("POST", "/api/endpoints", &request);
            assert_eq!(made["secret"], **secret);
            // The first answer shows the secret, and only the secret.
            let mut rest = made.clone();
            rest["secret"] = Value::Null;
            let faulty = json!({ "id": "crm", "url": url, "events": ["x"], "secret": secret, "headers": { "Host": header } });
            let later = [
                rest,
                call("POST", "/api/endpoints", &request),
                call("POST", "/api/endpoints", &faulty),
                call("GET", "/api/endpoints", &Value::Null),
                call("GET", "/api/endpoints/crm", &Value::Null),
                call("POST", "/api/endpoints/crm/test", &Value::Null),
                call("GET", "/api/endpoints/crm/statistics", &Value::Null),
                call("GET", "/api/endpoints/statistics", &Value::Null),
                call("GET", "/api/endpoints/crm/attempts", &Value::Null),
                call("PATCH", "/api/endpoints/crm", &json!({
                    "secret": next, "headers": { "X-Key": other }, "url": format!("https://crm.example.com/?k={query}"),
                })),
                call("PATCH", "/api/endpoints/crm", &json!({ "url": format!("http://{user}:{password}@10.0.0.1/") })),
                call("DELETE", "/api/endpoints/crm", &Value::Null),
            ];
            let stored = format!("{:?}", instance.outside.table(&domain::ConnectionName::default()).state());
            Value::Array(later.to_vec()).to_string() + &stored
        };
        let log = take_log();
        prop_assert!(log.contains("endpoint created"));
        for part in &parts {
            prop_assert!(!answers.contains(part.as_str()), "{answers}");
            prop_assert!(!log.contains(part.as_str()), "{log}");
        }
    }
}

#[test]
fn a_token_is_stored_as_its_hash_only() {
    let instance = Instance::new();
    let made = instance.verified("crm", ADMIN);
    let stored = format!("{:?}", instance.outside.table(&domain::ConnectionName::default()).state());
    let random = text(&made, "catchUpToken").rsplit('.').next().expect("the random part").to_owned();
    assert!(random.len() == 64 && !stored.contains(&random));
}
