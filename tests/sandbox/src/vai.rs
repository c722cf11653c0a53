//! The VAI Portal's own API: notifications about bookings, e-mails, follow-ups, analytics.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    check::Check,
    keys,
    mail::{Carrier, Email},
    random,
    world::{VaiCall, World},
};

/// What a key of a body must contain.
enum Kind {
    Text,
    TextOrNull,
    Time,
    TimeOrNull,
    Email,
    Object,
    OneOf(&'static [&'static str]),
}

type Keys = &'static [(&'static str, Kind)];

/// The routes, and the keys that each requires.
const ROUTES: [(&str, Keys); 7] = {
    use Kind::{Email, Object, OneOf, Text, TextOrNull, Time, TimeOrNull};
    [
        (
            "/calendly/notify",
            &[
                ("booking_id", Text),
                ("conversation_id", Text),
                ("event_type", Text),
                ("start_time", Time),
                ("end_time", Time),
                ("invitee_email", Email),
                ("invitee_name", Text),
                ("meeting_url", TextOrNull),
                ("timestamp", Time),
            ],
        ),
        (
            "/calendly/confirmed",
            &[
                ("booking_id", Text),
                ("conversation_id", Text),
                ("invitee_email", Email),
                ("invitee_name", Text),
                ("start_time", Time),
                ("end_time", Time),
                ("event_type", Text),
                ("timestamp", Time),
            ],
        ),
        (
            "/calendly/canceled",
            &[
                ("booking_id", Text),
                ("conversation_id", Text),
                ("invitee_email", Email),
                ("cancel_reason", TextOrNull),
                ("timestamp", Time),
            ],
        ),
        (
            "/calendly/rescheduled",
            &[
                ("booking_id", Text),
                ("conversation_id", Text),
                // Null if the program received no webhook about the booking before its move.
                ("old_start_time", TimeOrNull),
                ("new_start_time", Time),
                ("new_end_time", Time),
                ("invitee_email", Email),
                ("timestamp", Time),
            ],
        ),
        (
            "/email/send",
            &[
                ("to", Email),
                ("subject", Text),
                ("template", OneOf(&["calendly_confirmation"])),
                ("data", Object),
                ("data.event_name", Text),
                ("data.start_time", Text),
                ("data.end_time", Text),
                ("data.meeting_url", TextOrNull),
                ("data.conversation_context", TextOrNull),
                ("data.agent_type", TextOrNull),
            ],
        ),
        (
            "/followup/schedule",
            &[
                ("user_email", Email),
                ("conversation_id", Text),
                ("followup_type", OneOf(&["reschedule_assistance"])),
                ("scheduled_for", Time),
                ("message", Text),
            ],
        ),
        (
            "/analytics/log",
            &[
                ("event_type", OneOf(&["invitee_created", "invitee_canceled", "invitee_rescheduled"])),
                ("platform", OneOf(&["calendly"])),
                ("data", Object),
                ("timestamp", Time),
            ],
        ),
    ]
};

pub(crate) fn routes() -> Router<World> {
    ROUTES.iter().fold(Router::new(), |router, (path, keys)| {
        router.route(
            path,
            post(async move |State(world): State<World>, uri: Uri, headers: HeaderMap, body: Bytes| {
                accept(&world, &uri, &headers, &body, keys)
            }),
        )
    })
}

fn accept(world: &World, uri: &Uri, headers: &HeaderMap, body: &Bytes, keys: Keys) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if header(header::AUTHORIZATION.as_str()) != Some(format!("Bearer {}", keys::VAI)) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "unauthorized"}))).into_response();
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "the body is not JSON"}))).into_response();
    };
    let path = uri.path().to_owned();
    if let Err(problem) = validate(&path, &body, keys) {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": problem}))).into_response();
    }

    let idempotency_key = header("idempotency-key");
    let mut state = world.state();
    let seen = idempotency_key.clone().map(|key| (path.clone(), key));
    let known =
        seen.as_ref().and_then(|seen| state.vai_answers.get(seen)).filter(|_| state.settings.vai_idempotent).cloned();
    let at = Timestamp::now();
    state.vai.push(VaiCall { path: path.clone(), body: body.clone(), idempotency_key, repeat: known.is_some(), at });
    if let Some(answer) = known {
        return Json(answer).into_response();
    }
    if path == "/email/send" {
        state.emails.push(render_email(&body, at));
    }
    let answer = json!({"success": true, "id": random::uuid()});
    if let Some(seen) = seen {
        state.vai_answers.insert(seen, answer.clone());
    }
    Json(answer).into_response()
}

/// Validates a body. Returns the first problem.
fn validate(path: &str, body: &Value, keys: Keys) -> Result<(), String> {
    let mut check = Check::new(body);
    let children = |parent: &str| -> Vec<&str> {
        keys.iter()
            .filter_map(|(key, _)| match key.rsplit_once('.') {
                Some((above, key)) => (above == parent).then_some(key),
                None => parent.is_empty().then_some(*key),
            })
            .collect()
    };
    // Calendly's ids are optional, and so is the user.
    let optional: &[&str] = match path {
        "/calendly/notify" => &["event_uuid", "invitee_uuid", "user_id"],
        _ if path.starts_with("/calendly/") => &["event_uuid", "invitee_uuid"],
        _ => &[],
    };
    check.object("", &children(""), optional);
    for key in optional.iter().filter(|key| body.get(**key).is_some()) {
        check.text(key);
    }
    for (key, kind) in keys {
        match kind {
            Kind::Text => _ = check.text(key),
            Kind::TextOrNull => _ = check.nullable(key),
            Kind::TimeOrNull if check.at(key).is_some_and(Value::is_null) => {}
            Kind::Time | Kind::TimeOrNull => _ = check.time(key),
            Kind::Email => _ = check.email(key),
            Kind::OneOf(values) => {
                if check.text(key).is_some_and(|value| !values.contains(&value)) {
                    check.refuse(key, "has no known value");
                }
            }
            Kind::Object => {
                let inside = children(key);
                if inside.is_empty() {
                    if check.at(key).is_some_and(|value| !value.is_object()) {
                        check.refuse(key, "must be an object");
                    }
                } else if check.at(key).is_some() {
                    check.object(key, &inside, &[]);
                }
            }
        }
    }
    match check.problems.first() {
        Some(problem) => Err(format!("{} {}", problem.parameter, problem.message)),
        None => Ok(()),
    }
}

/// Renders VAI's only known template. Its wording is not published, and a call names no language: so only the data, in
/// order.
fn render_email(body: &Value, at: Timestamp) -> Email {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &body["data"];
    let when = format!("{}\n– {}", text(&data["start_time"]), text(&data["end_time"]));
    let parts = [text(&data["event_name"]), when, text(&data["meeting_url"]), text(&data["conversation_context"])];
    let lines: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Email {
        subject: text(&body["subject"]),
        text: lines.join("\n\n"),
        template: Some(text(&body["template"])),
        data: data.clone(),
        at,
        ..Email::new(Carrier::Vai, random::uuid(), &[text(&body["to"])])
    }
}
