//! The SMS provider `EngageLab`: `POST /v1/messages` with approved templates only, and its callback.
//!
//! Its errors have a `code` of its own table, mostly with HTTP 400; a fault can ask for HTTP 200. Nothing is
//! deduplicated: the vendor has no idempotency key. A callback's signature covers the user name, the time and a nonce,
//! but not the body.

use std::sync::{Arc, LazyLock};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::{
    check::Check,
    keys, phones, random,
    receipts::{Content, Receipt},
    settings::Settings,
    sms::{Carrier, Delivery, Reply, Sms},
    world::World,
};

/// The sender of the account's messages.
const SENDER: &str = "+447700900100";

/// An approved template.
#[derive(Deserialize)]
struct Template {
    id: String,
    language: String,
    message: String,
    text: String,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../templates.json")).expect("templates.json is a list of templates")
});

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/v1/messages", post(send))
}

/// Returns an error with its usual HTTP status, or the given one.
pub(crate) fn error(status: Option<StatusCode>, code: i64, message: Option<&str>) -> Response {
    let (usual, text) = match code {
        1000 => (500, "internal error"),
        2001 => (401, "authentication failed"),
        2002 => (401, "token expired or disabled"),
        2004 => (403, "no permission"),
        3001 => (400, "request body is not JSON"),
        3002 => (400, "invalid request parameters"),
        3003 => (400, "business validation failed"),
        3004 => (400, "frequency limit exceeded"),
        4001 => (400, "resource not found"),
        5001 => (400, "verification code sending failed"),
        _ => (400, "error"),
    };
    let status = status.or(StatusCode::from_u16(usual).ok()).unwrap_or_default();
    (status, Json(json!({"code": code, "message": message.unwrap_or(text), "plan_id": random::number()})))
        .into_response()
}

async fn send(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    let expected = format!("Basic {}", BASE64_STANDARD.encode(keys::ENGAGELAB));
    if headers.get(header::AUTHORIZATION).is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return error(None, 2001, None);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return error(None, 3001, None) };
    let now = Timestamp::now();
    if let Err(problem) = validate(&body, now) {
        return error(None, 3002, Some(&format!("invalid request parameters: {problem}")));
    }
    let Some(template) = TEMPLATES.iter().find(|template| body["template"]["id"] == template.id.as_str()) else {
        return error(None, 4001, None);
    };

    let mut state = world.state();
    let recipients: Vec<String> =
        body["to"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let window = i128::from(state.settings.sms_frequency_ms) * 1_000_000;
    let too_soon = state.sms.iter().any(|sms| {
        sms.template.as_ref() == Some(&template.id)
            && recipients.contains(&sms.to)
            && now.as_nanosecond() - sms.at.as_nanosecond() < window
    });
    if too_soon {
        return error(None, 3004, None);
    }

    let (text, unfilled) = render(&template.text, body["template"]["params"].as_object());
    let message_id = random::number();
    let schedule_time = body["schedule_time"].as_i64();
    let mut accepted = Vec::new();
    for to in &recipients {
        accepted.push(Sms {
            template: Some(template.id.clone()),
            language: Some(template.language.clone()),
            message: Some(template.message.clone()),
            params: body["template"]["params"].clone(),
            unfilled: unfilled.clone(),
            custom_args: body["custom_args"].clone(),
            plan_name: Some(body["plan_name"].as_str().unwrap_or("-").to_owned()),
            schedule_time,
            at: now,
            ..Sms::new(Carrier::EngageLab, message_id.clone(), SENDER, to, text.clone())
        });
    }
    state.sms.extend(accepted.iter().cloned());
    drop(state);
    for sms in &accepted {
        phones::follow(&world, sms, receipt);
    }
    let count = recipients.len();
    let mut answer = json!({"plan_id": random::number(), "total_count": count, "accepted_count": count});
    if schedule_time.is_some() {
        answer["schedule_info"] = json!({"task_id": random::number().parse::<u64>().unwrap_or_default()});
    } else if count == 1 {
        // The answer contains the message id only for a single recipient.
        answer["message_id"] = json!(message_id);
    }
    Json(answer).into_response()
}

/// Validates a body. Returns the first problem.
fn validate(body: &Value, now: Timestamp) -> Result<(), String> {
    let mut check = Check::new(body);
    check.object("", &["to", "template"], &["plan_name", "schedule_time", "custom_args"]);
    match check.at("to") {
        Some(Value::Array(to)) if !to.is_empty() => {
            for index in 0..to.len() {
                let path = format!("to.{index}");
                let digits = check.text(&path).map(|number| number.strip_prefix('+').unwrap_or(number));
                if digits.is_some_and(|digits| {
                    !(7..=15).contains(&digits.len())
                        || digits.starts_with('0')
                        || !digits.bytes().all(|digit| digit.is_ascii_digit())
                }) {
                    check.refuse(&path, "is not a phone number");
                }
            }
        }
        Some(_) => check.refuse("to", "must be a list of phone numbers"),
        None => {}
    }
    if check.at("template").is_some() {
        check.object("template", &["id", "params"], &[]);
        check.text("template.id");
        match check.at("template.params") {
            Some(Value::Object(params)) => {
                for name in params.iter().filter(|(_, value)| !value.is_string()).map(|(name, _)| name) {
                    check.refuse(&format!("template.params.{name}"), "must be a string");
                }
            }
            Some(_) => check.refuse("template.params", "must be an object"),
            None => {}
        }
    }
    if check.at("plan_name").is_some() {
        check.text("plan_name");
    }
    if check.at("custom_args").is_some_and(|args| !args.is_object()) {
        check.refuse("custom_args", "must be an object");
    }
    let soonest = now.as_second() + 3 * 60;
    let latest = now.as_second() + 30 * 24 * 3600;
    if check.at("schedule_time").is_some_and(|at| at.as_i64().is_none_or(|at| !(soonest..=latest).contains(&at))) {
        check.refuse("schedule_time", "must be between 3 minutes and 30 days from now");
    }
    match check.problems.first() {
        Some(problem) => Err(format!("{} {}", problem.parameter, problem.message)),
        None => Ok(()),
    }
}

/// Replaces the variables. Returns the text, and the variables that had no value.
fn render(text: &str, params: Option<&Map<String, Value>>) -> (String, Vec<String>) {
    let mut rendered = String::new();
    let mut unfilled = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        rendered.push_str(before);
        match params.and_then(|params| params.get(name)).and_then(Value::as_str) {
            Some(value) => rendered.push_str(value),
            None => {
                rendered.push_str(&format!("{{{{{name}}}}}"));
                unfilled.push(name.to_owned());
            }
        }
        rest = after;
    }
    rendered.push_str(rest);
    (rendered, unfilled)
}

/// Returns the callback about a message's new delivery state, if a callback URL is set.
fn receipt(sms: &Sms, settings: &Settings) -> Option<Receipt> {
    let (message_status, problem) = match sms.delivery {
        Delivery::Accepted => return None,
        Delivery::Sent => ("sent", None),
        Delivery::Delivered => ("delivered", None),
        Delivery::Undelivered if sms.has_left => ("delivered_failed", Some("the handset is unreachable")),
        Delivery::Undelivered => ("sent_failed", Some("the destination cannot receive messages")),
    };
    let now = Timestamp::now().as_second();
    let mut status = json!({
        "message_status": message_status,
        "status_data": {
            "msg_time": now, "message_id": sms.message_id, "current_send_channel": "sandbox",
            "template_key": sms.template, "business_id": "1001",
        },
        "error_code": sms.error_code.unwrap_or_default(),
    });
    if let Some(problem) = problem {
        status["error_detail"] = json!({"message": problem});
    }
    let row = json!({
        "message_id": sms.message_id, "to": sms.to, "server": "sms", "channel": "sms", "itime": now,
        "custom_args": sms.custom_args, "status": status,
    });
    callback(message_status, &sms.message_id, &row, settings)
}

/// Returns the callback about a reply. It does not name the message that was answered.
pub(crate) fn uplink(reply: &Reply, settings: &Settings) -> Option<Receipt> {
    let row = json!({
        "message_id": "0", "server": "sms", "channel": "sms", "itime": reply.at.as_second(),
        "response": {
            "event": "uplink_message",
            "response_data": {
                "message_sid": reply.message_id, "account_sid": "1001", "from": reply.from, "to": reply.to,
                "body": reply.text,
            },
        },
    });
    callback("uplink_message", &reply.message_id, &row, settings)
}

fn callback(event: &str, message_id: &str, row: &Value, settings: &Settings) -> Option<Receipt> {
    let body = json!({"total": 1, "rows": [row]}).to_string();
    Some(Receipt {
        event: format!("engagelab.{event}"),
        message_id: message_id.to_owned(),
        url: settings.engagelab_callback_url.clone()?,
        content: Arc::new(move || Content { headers: signed_headers(), body: body.clone() }),
    })
}

/// Returns what is posted once to a callback URL when it is entered in the console: an empty object without
/// credentials.
pub(crate) fn probe(url: &str) -> Receipt {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Receipt {
        event: "engagelab.probe".to_owned(),
        message_id: String::new(),
        url: url.to_owned(),
        content: Arc::new(move || Content { headers: headers.clone(), body: "{}".to_owned() }),
    }
}

fn signed_headers() -> Vec<(&'static str, String)> {
    let (username, secret) = keys::ENGAGELAB_CALLBACK.split_once(':').unwrap_or_default();
    let (timestamp, nonce) = (Timestamp::now().as_second().to_string(), random::base32(16));
    let signature = signature(secret, &timestamp, &nonce, username);
    vec![
        ("Content-Type", "application/json".to_owned()),
        ("Authorization", keys::ENGAGELAB_CALLBACK_AUTHORIZATION.to_owned()),
        ("X-CALLBACK-ID", format!("timestamp={timestamp};nonce={nonce};username={username};signature={signature}")),
    ]
}

/// Returns the HMAC-SHA256 of time, nonce and user name, in hex.
fn signature(secret: &str, timestamp: &str, nonce: &str, username: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{timestamp}{nonce}{username}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_an_approvable_template_in_every_language() {
        const MESSAGES: [&str; 9] = [
            "confirmation",
            "cancellation",
            "move",
            "reminder",
            "follow_up",
            "no_show",
            "host_notice",
            "reconfirmation",
            "not_booked",
        ];
        const KNOWN: [&str; 17] = [
            "name",
            "greeting",
            "invitee",
            "event",
            "host",
            "time",
            "short_time",
            "old_time",
            "old_short_time",
            "link",
            "place",
            "cancel_link",
            "reschedule_link",
            "survey_link",
            "booking_link",
            "unsubscribe_link",
            "notice",
        ];
        for message in MESSAGES {
            for language in ["en", "ro", "da", "zh-Hant"] {
                let id = format!("{message}-{language}");
                let template = TEMPLATES.iter().find(|template| template.id == id).expect(&id);
                assert_eq!((template.message.as_str(), template.language.as_str()), (message, language));
                for forbidden in ["【", "】", "、", "测试", "test", "[", "]"] {
                    assert!(!template.text.contains(forbidden), "{id} contains {forbidden}");
                }
                let (_, variables) = render(&template.text, None);
                assert!(variables.iter().all(|variable| KNOWN.contains(&variable.as_str())), "{id} uses {variables:?}");
                let is_about_old_time = variables.iter().any(|variable| variable.starts_with("old_"));
                assert!(message == "move" || !is_about_old_time, "{id} has no old time");
            }
        }
    }

    #[test]
    fn a_variable_without_a_value_stays_literally() {
        let params = json!({"name": "Ana"});
        let (text, unfilled) = render("Hi {{name}}, {{time}}!", params.as_object());
        assert_eq!(text, "Hi Ana, {{time}}!");
        assert_eq!(unfilled, ["time"]);
    }

    #[test]
    fn signs_as_the_vendor_documents() {
        let signature = signature("my_secret", "1701234567", "abc123", "my_user");
        assert_eq!(signature, "404794bf3409ad56077e11dac58f0f1d19e5a3b898b669360fb888a5efe4e729");
    }
}
