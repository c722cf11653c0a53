//! Routing of HTTP requests.

use std::collections::BTreeSet;

use api::{Call, Method, Operation, ROUTES, RouteError, is_vai_path};
use serde_json::{Value, json};

fn call(method: &str, target: &str, body: &str) -> Result<Call, RouteError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Call::from_http(method, path, query, body.as_bytes())
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
    ];
    let mut reached = BTreeSet::new();
    for (method, target, body, operation, input) in samples {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let by_http = call(method, target, &body).unwrap_or_else(|error| panic!("{method} {target}: {error:?}"));
        assert_eq!(by_http.operation().name(), operation, "{method} {target}");
        assert_eq!(by_http, Call::from_direct(operation, input).unwrap(), "{method} {target}");
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
        ("GET", "/api/calendly/upcoming/a@b.c?days=", "", Operation::Upcoming, "days: must be an integer"),
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
        assert_eq!(Call::from_direct("confirm", hold(length)), Err(faults));
    }
}

#[test]
fn vais_own_paths_are_known_for_every_method() {
    assert!(is_vai_path("/api/calendly/schedule") && is_vai_path("/api/calendly/upcoming/ana%40example.com"));
    assert!(
        !is_vai_path("/api/calendly/hold") && !is_vai_path("/api/nothing") && !is_vai_path("/api/calendly/upcoming")
    );
}
