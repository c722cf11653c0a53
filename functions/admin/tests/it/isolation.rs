//! Two connections cannot see each other. Every operation of the table has its case here.

use api::{Access, Function, ROUTES};
use domain::ConnectionName;
use serde_json::{Value, json};

use crate::world::{ADMIN, Instance, OTHER, POSTER, READER};

/// What only the connection `default` has: it must not be in an answer to another one.
const MARK: &str = "belongs-to-default";

/// A world in which `default` has an endpoint with deliveries, and `other` has one of its own with the same id.
fn two_connections() -> (Instance, String) {
    let instance = Instance::new();
    let request = json!({
        "id": "shared", "url": format!("https://{MARK}.example.com/"), "events": ["*"], "verify": true, "description": MARK,
        "secret": format!("{MARK}-secret"), "ed25519": true,
    });
    instance.post("/api/endpoints", &request).ok();
    instance
        .post(
            "/api/endpoints",
            &json!({ "id": "mine", "url": format!("https://{MARK}.example.com/"), "events": ["*"] }),
        )
        .ok();
    let data = json!({ "sessionId": "s-1", "message": MARK });
    instance.post("/api/events", &json!({ "id": MARK, "event": "message.received", "data": data })).ok();
    instance.dispatch();
    let other = instance.verified("shared", OTHER);
    (instance, other["catchUpToken"].as_str().expect("a token").to_owned())
}

/// Returns a call of each operation that aims at what is the other connection's; `None` if it has no case.
fn attack(name: &str) -> Option<(String, Value, &'static str)> {
    let at = |path: &str| path.to_owned();
    let since = json!({ "since": "2026-01-01T00:00Z" });
    let (unknown, no_connection) = ("endpoint_unknown", "connection_unknown");
    Some(match name {
        "create_endpoint" => {
            (at("/api/endpoints"), json!({ "id": "mine", "url": "https://b.example.com/", "events": ["*"] }), "ok")
        }
        "list_endpoints" => (at("/api/endpoints"), Value::Null, "ok"),
        "endpoint" => (at("/api/endpoints/mine"), Value::Null, unknown),
        "update_endpoint" => (at("/api/endpoints/mine"), json!({ "events": ["*"] }), unknown),
        "delete_endpoint" => (at("/api/endpoints/mine"), Value::Null, unknown),
        "enable_endpoint" => (at("/api/endpoints/mine/enable"), Value::Null, unknown),
        "disable_endpoint" => (at("/api/endpoints/mine/disable"), Value::Null, unknown),
        "rotate_secret" => (at("/api/endpoints/mine/rotate-secret"), json!({}), unknown),
        "test_endpoint" => (at("/api/endpoints/mine/test"), json!({}), unknown),
        "endpoint_statistics" => (at("/api/endpoints/mine/statistics"), Value::Null, unknown),
        "all_statistics" => (at("/api/endpoints/statistics"), Value::Null, "ok"),
        "attempts" => (at("/api/endpoints/shared/attempts"), Value::Null, "ok"),
        "replay" => {
            (at("/api/endpoints/shared/replay"), json!({ "delivery": "conversation/s-1/1" }), "delivery_unknown")
        }
        "recover" => (at("/api/endpoints/mine/recover"), since, unknown),
        "setup_token" => (at("/api/endpoints/setup-token"), json!({}), "ok"),
        "setup" => {
            let request = json!({ "token": "vst.default.guessed", "url": "https://b.example.com/" });
            (at("/api/endpoints/setup"), request, "setup_token_invalid")
        }
        "post_events" => {
            // The same id in the same stream is another event in another connection.
            let data = json!({ "sessionId": "s-1", "agentId": "a-1" });
            (at("/api/events"), json!({ "id": MARK, "event": "conversation.started", "data": data }), "ok")
        }
        "webhook_event_types" => (at("/api/events/types"), Value::Null, "ok"),
        "booking_events" => (at("/api/bookings/s-1/events"), Value::Null, "ok"),
        "conversation_events" => (at("/api/conversations/s-1/events"), Value::Null, "ok"),
        "endpoint_events" => (at("/api/endpoints/mine/events"), Value::Null, unknown),
        "rotate_webhook_key" => (at("/api/endpoints/rotate-webhook-key"), Value::Null, "ok"),
        "create_connection" => (at("/api/connections"), json!({ "id": "default" }), "forbidden"),
        "list_connections" => (at("/api/connections"), Value::Null, "forbidden"),
        "connection" => (at("/api/connections/default"), Value::Null, no_connection),
        "update_connection" => {
            (at("/api/connections/default"), json!({ "credentials": { "vai_api_key": "k" } }), no_connection)
        }
        "settings" => (at("/api/connections/default/settings"), Value::Null, no_connection),
        "put_settings" => {
            (at("/api/connections/default/settings"), json!({ "settings": { "enabled": false } }), no_connection)
        }
        "settings_schema" => (at("/api/settings/schema"), Value::Null, "ok"),
        "settings_versions" => (at("/api/connections/default/settings/versions"), Value::Null, no_connection),
        "restore_settings" => (at("/api/connections/default/settings/restore"), json!({ "version": 1 }), no_connection),
        "list_bookings" => (at("/api/bookings?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"), Value::Null, "ok"),
        "bookings_report" => {
            (at("/api/reports/bookings?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"), Value::Null, "ok")
        }
        "import_bookings" => {
            (at("/api/connections/default/import"), json!({ "since": "2026-11-01T00:00:00Z" }), no_connection)
        }
        "last_import" => (at("/api/connections/default/import"), Value::Null, no_connection),
        "calendly_login" => (at("/api/connections/default/calendly-login"), Value::Null, no_connection),
        "rotate_signing_key" => (at("/api/connections/default/rotate-signing-key"), json!({}), no_connection),
        "disable_connection" => (at("/api/connections/default/disable"), Value::Null, no_connection),
        "enable_connection" => (at("/api/connections/default/enable"), Value::Null, no_connection),
        "delete_connection" => (at("/api/connections/default"), Value::Null, "forbidden"),
        "webhook_keys" => (at("/.well-known/webhook-keys/other"), Value::Null, "ok"),
        _ => return None,
    })
}

#[test]
fn no_operation_shows_or_changes_what_another_connection_has() {
    let (all, default) = (ROUTES.iter().filter(|it| it.function == Function::Admin), ConnectionName::default());
    for route in all {
        let (instance, token) = two_connections();
        let (target, body, expected) = attack(route.name).unwrap_or_else(|| panic!("{} has no case here", route.name));
        let bearer = if route.access == Access::CatchUpToken { &token } else { OTHER };
        let before = format!("{:?}", instance.outside.table(&default).state().endpoints);
        let keys = instance.http("GET", "/.well-known/webhook-keys/default", None, None, None).body;
        let connections = format!("{:?}", instance.outside.connections.borrow());
        let (posts, publishing) = (instance.outside.posts.borrow().len(), instance.outside.publishing.borrow().clone());
        let body = Some(&body).filter(|it| !it.is_null());
        let answer = instance.http(route.method.name(), &target, body, Some(bearer), None);
        assert_eq!(answer.code(), expected, "{}: {}", route.name, answer.body);
        let shown = answer.body.to_string();
        // The id of an event is the caller's own here.
        let shown = if route.name == "post_events" { shown.replace(MARK, "") } else { shown };
        assert!(!shown.contains(MARK), "{}: {shown}", route.name);
        instance.dispatch();
        assert_eq!(format!("{:?}", instance.outside.table(&default).state().endpoints), before, "{}", route.name);
        assert_eq!(format!("{:?}", instance.outside.connections.borrow()), connections, "{}", route.name);
        assert_eq!(instance.outside.publishing.borrow()[&default], publishing[&default], "{}", route.name);
        let keys_after = instance.http("GET", "/.well-known/webhook-keys/default", None, None, None).body;
        assert_eq!(keys_after, keys, "{}", route.name);
        let called: Vec<_> = instance.outside.posts.borrow()[posts..].iter().map(|it| it.url.clone()).collect();
        assert!(called.iter().all(|url| !url.contains(MARK)), "{}: {called:?}", route.name);
    }
}

#[test]
fn each_operation_needs_its_scope() {
    let (instance, token) = two_connections();
    for route in ROUTES.iter().filter(|it| it.function == Function::Admin) {
        let (target, body, _) = attack(route.name).unwrap_or_else(|| panic!("{} has no case here", route.name));
        let body = Some(&body).filter(|it| !it.is_null());
        let code =
            |bearer: Option<&str>| instance.http(route.method.name(), &target, body, bearer, None).code().to_owned();
        let codes = [code(None), code(Some("wrong")), code(Some(READER)), code(Some(POSTER)), code(Some(&token))];
        let refused = |codes: [&str; 5]| codes.map(str::to_owned);
        match route.access {
            Access::Nothing => assert!(codes.iter().all(|it| *it == codes[0]) && codes[0] != "unauthorized"),
            Access::CatchUpToken => {
                assert_eq!(codes[..4], refused(["unauthorized"; 5])[..4], "{}", route.name);
                assert_ne!(codes[4], "unauthorized", "{}", route.name);
            }
            Access::Read => {
                assert_eq!(codes, refused(["unauthorized", "unauthorized", "ok", "forbidden", "unauthorized"]));
            }
            Access::Events => {
                assert_eq!(codes, refused(["unauthorized", "unauthorized", "forbidden", "ok", "unauthorized"]));
            }
            Access::Admin | Access::Connections => {
                let expected = refused(["unauthorized", "unauthorized", "forbidden", "forbidden", "unauthorized"]);
                assert_eq!(codes, expected, "{}", route.name);
            }
            Access::Book | Access::Change => panic!("{} is of another function", route.name),
        }
    }
    assert_eq!(instance.http("GET", "/api/calendly/me", None, Some(ADMIN), None).code(), "not_found");
    assert_eq!(instance.http("PUT", "/api/endpoints", None, Some(ADMIN), None).code(), "method_not_allowed");
}
