//! Routing of HTTP requests.

use std::collections::BTreeSet;

use api::{Call, Function, Method, Operation, ROUTES, RouteError, is_vai_path};
use serde_json::{Value, json};

fn call(method: &str, target: &str, body: &str) -> Result<Call, RouteError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Call::from_http(Function::Schedule, method, path, query, body.as_bytes())
}

fn admin_call(method: &str, target: &str, body: &str) -> Result<Call, RouteError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Call::from_http(Function::Admin, method, path, query, body.as_bytes())
}

fn booking() -> Value {
    json!({
        "eventType": "Sales Demo", "inviteeEmail": "ana@example.com", "inviteeName": "Ana",
        "preferredTime": "2027-01-11T09:00:00+02:00", "conversationId": "conv-1",
    })
}

#[test]
fn every_operation_is_the_same_call_over_http_and_directly() {
    let uri = "https://api.calendly.com/scheduled_events/E/invitees/I";
    let link = json!({ "topic": "pricing", "conversationId": "conv-1" });
    let moved = json!({ "preferredTime": "2027-01-11T09:00" });
    let endpoint = json!({ "url": "https://crm.example.com/hook", "events": ["booking.*"] });
    let setup = json!({ "token": "vst.default.x", "url": "https://crm.example.com/hook" });
    let event = json!({ "event": "conversation.started", "data": { "sessionId": "s" } });
    let samples = [
        ("GET", "/api/calendly/event-types", Value::Null, "event_types", json!({})),
        (
            "GET",
            "/api/calendly/event-types?query=demo+call",
            Value::Null,
            "event_types",
            json!({ "query": "demo call" }),
        ),
        (
            "GET",
            "/api/calendly/available-times?eventType=Sales%20Demo&from=2027-01-11T09:00:00%2B02:00&timezone=Asia%2FTaipei",
            Value::Null,
            "available_times",
            json!({ "eventType": "Sales Demo", "from": "2027-01-11T07:00Z", "timezone": "Asia/Taipei" }),
        ),
        (
            "GET",
            "/api/calendly/alternatives?topic=42&preferredTime=2027-01-11T09:00:00+02:00&days=7&inviteeEmail=a%2Bb@c.de",
            Value::Null,
            "alternatives",
            json!({ "topic": "42", "preferredTime": "2027-01-11T07:00Z", "days": 7, "inviteeEmail": "a+b@c.de" }),
        ),
        ("POST", "/api/calendly/schedule", booking(), "book", booking()),
        ("POST", "/api/calendly/hold", booking(), "hold", booking()),
        ("POST", "/api/calendly/confirm", json!({ "hold": "h" }), "confirm", json!({ "hold": "h" })),
        (
            "GET",
            "/api/calendly/upcoming/a+b%40c.de?days=14",
            Value::Null,
            "upcoming",
            json!({ "userEmail": "a+b@c.de", "days": 14 }),
        ),
        (
            "POST",
            "/api/codes",
            json!({ "userEmail": "ana@example.com", "by": "sms" }),
            "send_code",
            json!({ "userEmail": "ana@example.com", "by": "sms" }),
        ),
        (
            "POST",
            "/api/codes/confirm",
            json!({ "challenge": "c", "code": "042137" }),
            "confirm_code",
            json!({ "challenge": "c", "code": "042137" }),
        ),
        ("GET", "/api/calendly/bookings/bk-1", Value::Null, "booking", json!({ "booking": "bk-1" })),
        (
            "GET",
            "/api/calendly/bookings/https%3A%2F%2Fapi.calendly.com%2Fscheduled_events%2FE%2Finvitees%2FI",
            Value::Null,
            "booking",
            json!({ "booking": uri }),
        ),
        (
            "GET",
            "/api/calendly/bookings/https://api.calendly.com/scheduled_events/E/invitees/I/timeline",
            Value::Null,
            "timeline",
            json!({ "booking": uri }),
        ),
        ("GET", "/api/calendly/metadata/bk-1", Value::Null, "metadata", json!({ "booking": "bk-1" })),
        ("POST", "/api/calendly/bookings/bk-1/cancel", Value::Null, "cancel", json!({ "booking": "bk-1" })),
        (
            "POST",
            "/api/calendly/bookings/bk-1/cancel",
            json!({ "reason": "No time.", "booking": "bk-1" }),
            "cancel",
            json!({ "booking": "bk-1", "reason": "No time." }),
        ),
        (
            "POST",
            "/api/calendly/bookings/bk-1/move",
            moved,
            "move",
            json!({ "booking": "bk-1", "preferredTime": "2027-01-11T09:00" }),
        ),
        ("PUT", "/api/calendly/bookings/bk-1/no-show", Value::Null, "mark_no_show", json!({ "booking": "bk-1" })),
        ("DELETE", "/api/calendly/bookings/bk-1/no-show", Value::Null, "unmark_no_show", json!({ "booking": "bk-1" })),
        ("GET", "/api/calendly/bookings/bk-1/no-show", Value::Null, "no_show", json!({ "booking": "bk-1" })),
        ("POST", "/api/calendly/links", link.clone(), "link", link),
        (
            "GET",
            "/api/calendly/hosts/Ioana%20Pop/availability",
            Value::Null,
            "availability",
            json!({ "host": "Ioana Pop" }),
        ),
        ("GET", "/api/calendly/hosts/me/busy", Value::Null, "busy_times", json!({ "host": "me" })),
        ("GET", "/api/calendly/me", Value::Null, "me", json!({})),
        ("GET", "/api/status", Value::Null, "status", json!({})),
        (
            "POST",
            "/api/templates/preview",
            json!({ "messages": ["reminder"], "channels": ["sms"], "wording": { "message": "reminder", "sms": "Hi" } }),
            "preview_templates",
            json!({ "messages": ["reminder"], "channels": ["sms"], "wording": { "message": "reminder", "sms": "Hi" } }),
        ),
        ("GET", "/api/tools", Value::Null, "tools", Value::Null),
        ("GET", "/api/openapi.json", Value::Null, "openapi", json!({})),
        ("POST", "/api/endpoints", endpoint.clone(), "create_endpoint", endpoint),
        ("GET", "/api/endpoints?after=a&limit=2", Value::Null, "list_endpoints", json!({ "after": "a", "limit": 2 })),
        ("GET", "/api/endpoints/crm", Value::Null, "endpoint", json!({ "endpoint": "crm" })),
        (
            "PATCH",
            "/api/endpoints/crm",
            json!({ "events": ["*"] }),
            "update_endpoint",
            json!({ "endpoint": "crm", "events": ["*"] }),
        ),
        ("DELETE", "/api/endpoints/crm", Value::Null, "delete_endpoint", json!({ "endpoint": "crm" })),
        ("POST", "/api/endpoints/crm/enable", Value::Null, "enable_endpoint", json!({ "endpoint": "crm" })),
        ("POST", "/api/endpoints/crm/disable", Value::Null, "disable_endpoint", json!({ "endpoint": "crm" })),
        (
            "POST",
            "/api/endpoints/crm/rotate-secret",
            json!({ "graceSeconds": 0 }),
            "rotate_secret",
            json!({ "endpoint": "crm", "graceSeconds": 0 }),
        ),
        (
            "POST",
            "/api/endpoints/crm/test",
            json!({ "type": "booking.created" }),
            "test_endpoint",
            json!({ "endpoint": "crm", "type": "booking.created" }),
        ),
        (
            "GET",
            "/api/endpoints/crm/statistics?hours=48",
            Value::Null,
            "endpoint_statistics",
            json!({ "endpoint": "crm", "hours": 48 }),
        ),
        ("GET", "/api/endpoints/statistics", Value::Null, "all_statistics", json!({})),
        ("GET", "/api/endpoints/crm/attempts", Value::Null, "attempts", json!({ "endpoint": "crm" })),
        (
            "POST",
            "/api/endpoints/crm/replay",
            json!({ "delivery": "booking/bk-1/3" }),
            "replay",
            json!({ "endpoint": "crm", "delivery": "booking/bk-1/3" }),
        ),
        (
            "POST",
            "/api/endpoints/crm/recover",
            json!({ "since": "2027-01-11T09:00Z" }),
            "recover",
            json!({ "endpoint": "crm", "since": "2027-01-11T09:00Z" }),
        ),
        ("POST", "/api/endpoints/setup-token", Value::Null, "setup_token", json!({})),
        ("POST", "/api/endpoints/setup", setup.clone(), "setup", setup),
        ("POST", "/api/events", event.clone(), "post_events", event),
        ("GET", "/api/events/types", Value::Null, "webhook_event_types", json!({})),
        (
            "GET",
            "/api/bookings/bk-1/events?after=3",
            Value::Null,
            "booking_events",
            json!({ "booking": "bk-1", "after": 3 }),
        ),
        (
            "GET",
            "/api/conversations/conv-1/events?limit=5",
            Value::Null,
            "conversation_events",
            json!({ "conversation": "conv-1", "limit": 5 }),
        ),
        (
            "GET",
            "/api/endpoints/crm/events?after=7",
            Value::Null,
            "endpoint_events",
            json!({ "endpoint": "crm", "after": 7 }),
        ),
        ("POST", "/api/endpoints/rotate-webhook-key", Value::Null, "rotate_webhook_key", json!({})),
        ("POST", "/api/connections", json!({ "id": "acme" }), "create_connection", json!({ "id": "acme" })),
        ("GET", "/api/connections", Value::Null, "list_connections", json!({})),
        ("GET", "/api/connections/acme", Value::Null, "connection", json!({ "connection": "acme" })),
        (
            "PATCH",
            "/api/connections/acme",
            json!({ "credentials": { "vai_api_key": "v" } }),
            "update_connection",
            json!({ "connection": "acme", "credentials": { "vai_api_key": "v" } }),
        ),
        (
            "POST",
            "/api/connections/acme/calendly-login",
            Value::Null,
            "calendly_login",
            json!({ "connection": "acme" }),
        ),
        (
            "POST",
            "/api/connections/acme/rotate-signing-key",
            json!({}),
            "rotate_signing_key",
            json!({ "connection": "acme" }),
        ),
        ("GET", "/api/connections/acme/settings", Value::Null, "settings", json!({ "connection": "acme" })),
        (
            "PUT",
            "/api/connections/acme/settings",
            json!({ "settings": "enabled: false", "dryRun": true }),
            "put_settings",
            json!({ "connection": "acme", "settings": "enabled: false", "dryRun": true }),
        ),
        ("GET", "/api/settings/schema", Value::Null, "settings_schema", json!({})),
        (
            "GET",
            "/api/connections/acme/settings/versions",
            Value::Null,
            "settings_versions",
            json!({ "connection": "acme" }),
        ),
        (
            "POST",
            "/api/connections/acme/settings/restore",
            json!({ "version": 3 }),
            "restore_settings",
            json!({ "connection": "acme", "version": 3 }),
        ),
        (
            "POST",
            "/api/connections/acme/import",
            json!({ "since": "2026-11-01T00:00:00Z" }),
            "import_bookings",
            json!({ "connection": "acme", "since": "2026-11-01T00:00:00Z" }),
        ),
        (
            "GET",
            "/api/bookings?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&event_type=Demo&limit=5",
            Value::Null,
            "list_bookings",
            json!({
                "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "event_type": "Demo", "limit": 5,
            }),
        ),
        (
            "GET",
            "/api/reports/bookings?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&by=week",
            Value::Null,
            "bookings_report",
            json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "by": "week" }),
        ),
        ("GET", "/api/connections/acme/import", Value::Null, "last_import", json!({ "connection": "acme" })),
        ("POST", "/api/connections/acme/disable", Value::Null, "disable_connection", json!({ "connection": "acme" })),
        ("POST", "/api/connections/acme/enable", Value::Null, "enable_connection", json!({ "connection": "acme" })),
        ("DELETE", "/api/connections/acme", Value::Null, "delete_connection", json!({ "connection": "acme" })),
        ("GET", "/.well-known/webhook-keys/acme", Value::Null, "webhook_keys", json!({ "connection": "acme" })),
    ];
    let mut reached = BTreeSet::new();
    for (method, target, body, operation, input) in samples {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let function = Operation::parse(operation).expect("an operation").route().function;
        let (read, of_the_other) = match function {
            Function::Schedule => (call(method, target, &body), admin_call(method, target, &body)),
            Function::Admin => (admin_call(method, target, &body), call(method, target, &body)),
        };
        assert_eq!(of_the_other, Err(RouteError::NotFound), "{method} {target}");
        let by_http = read.unwrap_or_else(|error| panic!("{method} {target}: {error:?}"));
        assert_eq!(by_http.operation().name(), operation, "{method} {target}");
        assert_eq!(by_http, Call::from_direct(function, operation, input).unwrap(), "{method} {target}");
        reached.insert(operation);
    }
    assert_eq!(reached, ROUTES.iter().map(|it| it.name).collect());
}

#[test]
fn every_name_and_path_belongs_to_one_operation() {
    for (index, route) in ROUTES.iter().enumerate() {
        assert_eq!(route.operation as usize, index);
        assert_eq!(Operation::parse(route.name), Some(route.operation));
        assert!(!route.summary().is_empty() && route.description().starts_with(&route.summary()), "{}", route.name);
    }
    let routes: BTreeSet<_> = ROUTES.iter().map(|it| (it.method.name(), it.path)).collect();
    assert_eq!(routes.len(), ROUTES.len());
}

#[test]
fn unknown_paths_and_methods_are_reported() {
    for path in [
        "/",
        "/api",
        "/api/calendly",
        "/api/calendly/nothing",
        "/api/calendly/bookings",
        "/api/calendly/bookings/",
        "/api/calendly/bookings/a/b",
        "/api/calendly/bookings//cancel",
        "/api/calendly/upcoming/",
        "/API/status",
        "/api/status/",
    ] {
        assert_eq!(call("GET", path, ""), Err(RouteError::NotFound), "{path}");
    }
    let not_allowed = |method, path| match call(method, path, "") {
        Err(RouteError::MethodNotAllowed { allowed }) => allowed,
        other => panic!("{method} {path}: {other:?}"),
    };
    assert_eq!(not_allowed("GET", "/api/calendly/schedule"), [Method::Post]);
    assert_eq!(not_allowed("GET", "/api/calendly/bookings/bk-1/cancel"), [Method::Post]);
    assert_eq!(not_allowed("get", "/api/status"), [Method::Get]);
    let allowed = [Method::Put, Method::Delete, Method::Get];
    assert_eq!(not_allowed("PATCH", "/api/calendly/bookings/bk-1/no-show"), allowed);
}

#[test]
fn faults_of_path_query_and_body_have_their_field() {
    let faults = |method, target, body| match call(method, target, body) {
        Err(RouteError::Faults { operation, faults }) => {
            let texts: Vec<_> = faults.into_iter().map(|it| format!("{}: {}", it.path, it.problem)).collect();
            (operation, texts.join("; "))
        }
        other => panic!("{method} {target}: {other:?}"),
    };
    for (method, target, body, operation, expected) in [
        ("GET", "/api/calendly/upcoming/a@b.c?days=many", "", Operation::Upcoming, "days: must be an integer"),
        ("GET", "/api/calendly/upcoming/a@b.c?days=0", "", Operation::Upcoming, "days: must be at least 1"),
        ("GET", "/api/calendly/upcoming/a@b.c?days=1&days=2", "", Operation::Upcoming, "days: is given twice"),
        ("GET", "/api/calendly/upcoming/a@b.c?_=1", "", Operation::Upcoming, "_: is not known"),
        ("GET", "/api/calendly/upcoming/a@b.c?Ana%20Pop=1", "", Operation::Upcoming, "*: is not known"),
        ("GET", "/api/status?verbose=1", "", Operation::Status, "verbose: is not known"),
        ("GET", "/api/calendly/available-times", "", Operation::AvailableTimes, "eventType: is missing"),
        ("POST", "/api/calendly/confirm", "", Operation::Confirm, "hold: is missing"),
        ("POST", "/api/calendly/confirm", "{", Operation::Confirm, "body: is not JSON (line 1, column 1)"),
        ("POST", "/api/calendly/confirm?hold=h", "", Operation::Confirm, "query: must be empty: the input is the body"),
        ("POST", "/api/calendly/bookings/a/cancel", r#"{"booking":"b"}"#, Operation::Cancel, "booking: is given twice"),
        ("POST", "/api/calendly/bookings/a/cancel", "[]", Operation::Cancel, "body: must be an object"),
        ("PUT", "/api/calendly/bookings/a/no-show", r#"{"why":"b"}"#, Operation::MarkNoShow, "why: is not known"),
    ] {
        assert_eq!(faults(method, target, body), (operation, expected.to_owned()), "{method} {target}");
    }
}

#[test]
fn a_request_that_is_too_large_is_rejected() {
    let hold = |length: usize| json!({ "hold": "h", "note": "n".repeat(length) });
    for (length, path) in [(1_000, "note"), (api::call::LARGEST_REQUEST, "body")] {
        let Err(RouteError::Faults { faults, .. }) = call("POST", "/api/calendly/confirm", &hold(length).to_string())
        else {
            panic!("{length} bytes are accepted");
        };
        assert!(matches!(faults.as_slice(), [one] if one.path == path), "{faults:?}");
        assert_eq!(Call::from_direct(Function::Schedule, "confirm", hold(length)), Err(faults));
    }
}

#[test]
fn a_path_without_a_parameter_precedes_one_that_has_it() {
    let operation = |method, path| admin_call(method, path, "").map(|call| call.operation());
    assert_eq!(operation("GET", "/api/endpoints/statistics"), Ok(Operation::AllStatistics));
    assert_eq!(operation("GET", "/api/endpoints/statistic"), Ok(Operation::Endpoint));
    for path in ["/api/endpoints/setup", "/api/endpoints/setup-token"] {
        assert_eq!(operation("GET", path), Err(RouteError::MethodNotAllowed { allowed: vec![Method::Post] }));
    }
}

#[test]
fn a_batch_of_events_may_be_larger_than_other_requests() {
    let batch =
        |length: usize| json!({ "events": [{ "event": "e", "data": { "text": "t".repeat(length) } }] }).to_string();
    assert!(admin_call("POST", "/api/events", &batch(1_000_000)).is_ok());
    assert!(matches!(admin_call("POST", "/api/events", &batch(1_100_000)), Err(RouteError::Faults { .. })));
    assert!(matches!(admin_call("POST", "/api/endpoints", &batch(200_000)), Err(RouteError::Faults { .. })));
}

#[test]
fn vais_own_paths_are_known_for_every_method() {
    assert!(is_vai_path("/api/calendly/schedule") && is_vai_path("/api/calendly/upcoming/ana%40example.com"));
    assert!(
        !is_vai_path("/api/calendly/hold") && !is_vai_path("/api/nothing") && !is_vai_path("/api/calendly/upcoming")
    );
}
