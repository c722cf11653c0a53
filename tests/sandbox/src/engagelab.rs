//! The SMS provider `EngageLab`: `POST /v1/messages` with approved templates only.
//!
//! Its errors carry a `code` of its own table, mostly with HTTP 400 but, when told so, with HTTP 200. Nothing is deduplicated:
//! the vendor knows no idempotency key.

use std::sync::LazyLock;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{check::Check, keys, random, world::World};

/// A message that the provider accepted, as the phone shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Sms {
    pub(crate) message_id: String,
    pub(crate) to: String,
    /// The rendered text. A variable without a value stands in it literally.
    pub(crate) text: String,
    pub(crate) template: String,
    pub(crate) language: String,
    pub(crate) message: String,
    pub(crate) params: Value,
    /// The variables that had no value.
    pub(crate) unfilled: Vec<String>,
    pub(crate) custom_args: Value,
    pub(crate) plan_name: String,
    pub(crate) schedule_time: Option<i64>,
    pub(crate) at: Timestamp,
}

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

/// The provider's error with the HTTP status of its table, or another one.
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
    if let Err(problem) = examine(&body, now) {
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
        sms.template == template.id
            && recipients.contains(&sms.to)
            && now.as_nanosecond() - sms.at.as_nanosecond() < window
    });
    if too_soon {
        return error(None, 3004, None);
    }

    let (text, unfilled) = render(&template.text, body["template"]["params"].as_object());
    let message_id = random::number();
    let schedule_time = body["schedule_time"].as_i64();
    for to in &recipients {
        state.sms.push(Sms {
            message_id: message_id.clone(),
            to: to.clone(),
            text: text.clone(),
            template: template.id.clone(),
            language: template.language.clone(),
            message: template.message.clone(),
            params: body["template"]["params"].clone(),
            unfilled: unfilled.clone(),
            custom_args: body["custom_args"].clone(),
            plan_name: body["plan_name"].as_str().unwrap_or("-").to_owned(),
            schedule_time,
            at: now,
        });
    }
    let count = recipients.len();
    let mut answer = json!({"plan_id": random::number(), "total_count": count, "accepted_count": count});
    if schedule_time.is_some() {
        answer["schedule_info"] = json!({"task_id": random::number().parse::<u64>().unwrap_or_default()});
    } else if count == 1 {
        // Only a message to one recipient gets its id told.
        answer["message_id"] = json!(message_id);
    }
    Json(answer).into_response()
}

/// The first thing wrong with a body.
fn examine(body: &Value, now: Timestamp) -> Result<(), String> {
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

/// Fills in the variables; tells which had no value.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_an_approvable_template_in_every_language() {
        let known = ["name", "event", "time", "old_time", "link", "cancel_link", "reschedule_link", "host"];
        for message in ["confirmation", "cancellation", "move", "reminder", "follow_up"] {
            for language in ["en", "ro", "da", "zh-Hant"] {
                let id = format!("{message}-{language}");
                let template = TEMPLATES.iter().find(|template| template.id == id).expect(&id);
                assert_eq!((template.message.as_str(), template.language.as_str()), (message, language));
                for forbidden in ["【", "】", "、", "测试", "test", "[", "]"] {
                    assert!(!template.text.contains(forbidden), "{id} contains {forbidden}");
                }
                let (_, variables) = render(&template.text, None);
                assert!(variables.iter().all(|variable| known.contains(&variable.as_str())), "{id} uses {variables:?}");
                assert!(message == "move" || !variables.contains(&"old_time".to_owned()), "{id} has no old time");
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
}
