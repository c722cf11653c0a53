//! Brevo's transactional e-mails: `POST /v3/smtp/email`, and the webhook about each event of an e-mail. Its contacts
//! are in `crm`.
//!
//! A repeated `idempotencyKey` is refused for as long as it is remembered. The error does not name the first message's
//! id.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    brevo_error::error,
    check::{Check, Problem, is_email},
    keys,
    mail::{Attachment, Carrier, Email, EmailDelivery, named},
    mailboxes, random,
    receipts::{Content, Receipt},
    settings::Settings,
    world::World,
};

/// The maximum length of a recipient's name, in characters.
const LONGEST_NAME: usize = 70;
/// The maximum number of recipients of one message.
const MOST_RECIPIENTS: usize = 99;
/// Some of the file extensions that Brevo accepts.
const EXTENSIONS: [&str; 12] = ["ics", "pdf", "txt", "csv", "html", "htm", "xml", "zip", "docx", "jpg", "png", "gif"];

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/v3/smtp/email", post(send))
        .fallback(async || error(StatusCode::NOT_FOUND, "document_not_found", "Resource not found"))
}

/// Returns the answer of a `fail` fault: the given code, or the usual one for the status.
pub(crate) fn failure(status: Option<StatusCode>, code: Option<&str>) -> Response {
    let (usual_status, usual_code) = match (status, code) {
        (Some(status), Some(code)) => (status, code),
        (_, Some("not_enough_credits")) | (Some(StatusCode::PAYMENT_REQUIRED), None) => {
            (StatusCode::PAYMENT_REQUIRED, "not_enough_credits")
        }
        (Some(StatusCode::UNAUTHORIZED), None) | (None, Some("unauthorized")) => {
            (StatusCode::UNAUTHORIZED, "unauthorized")
        }
        (Some(StatusCode::TOO_MANY_REQUESTS), None) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        (Some(StatusCode::BAD_REQUEST), None) => (StatusCode::BAD_REQUEST, "bad_request"),
        (None, Some(code)) => (StatusCode::BAD_REQUEST, code),
        (status, None) => (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "internal_error"),
    };
    error(usual_status, usual_code, "told to fail")
}

async fn send(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get("api-key").is_none_or(|key| !keys::BREVO_ACCOUNTS.iter().any(|own| key.as_bytes() == own.as_bytes()))
    {
        return error(StatusCode::UNAUTHORIZED, "unauthorized", "Key not found");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return error(StatusCode::BAD_REQUEST, "bad_request", "Input must be a valid JSON object");
    };
    let attachments = match validate(&body) {
        Ok(attachments) => attachments,
        Err((code, message)) => return error(StatusCode::BAD_REQUEST, code, &message),
    };
    let now = Timestamp::now();
    let id = format!("<{}.{}@relay.domain.com>", now.strftime("%Y%m%d%H%M"), random::number());
    let mut state = world.state();
    let kept = i128::from(state.settings.brevo_key_ms) * 1_000_000;
    state.brevo_keys.retain(|_, seen| now.as_nanosecond() - seen.as_nanosecond() < kept);
    if let Some(key) = body["headers"]["idempotencyKey"].as_str()
        && state.brevo_keys.insert(key.to_owned(), now).is_some()
    {
        return error(
            StatusCode::BAD_REQUEST,
            "duplicate_parameter",
            "A request with this idempotencyKey was already accepted",
        );
    }
    // Brevo's test mode: the request is validated, and nothing is sent.
    if body["headers"]["X-Sib-Sandbox"] != "drop" {
        let email = Email { at: now, attachments, ..email(&body, &id) };
        state.emails.push(email.clone());
        drop(state);
        mailboxes::follow(&world, &email, |state, email, address, delivery| {
            receipt(email, address, delivery, &state.settings)
        });
    }
    (StatusCode::CREATED, Json(json!({"messageId": id}))).into_response()
}

fn email(body: &Value, id: &str) -> Email {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let to: Vec<String> = body["to"].as_array().into_iter().flatten().map(|one| text(&one["email"])).collect();
    Email {
        from: Some(named(body["sender"]["name"].as_str(), &text(&body["sender"]["email"]))),
        subject: text(&body["subject"]),
        text: text(&body["textContent"]),
        html: body["htmlContent"].as_str().map(str::to_owned),
        headers: body["headers"].as_object().cloned().unwrap_or_default(),
        tags: body["tags"].clone(),
        ..Email::new(Carrier::Brevo, id.to_owned(), &to)
    }
}

/// Validates a body. Returns its attachments, or the code and the message of the first problem.
fn validate(body: &Value) -> Result<Vec<Attachment>, (&'static str, String)> {
    let mut check = Check::new(body);
    for key in ["templateId", "messageVersions", "scheduledAt", "batchId"] {
        if check.at(key).is_some() {
            check.refuse(key, "is not played by the sandbox");
        }
    }
    require(&mut check, &["sender", "sender.email", "to", "subject"]);
    check.email("sender.email");
    check.text("subject");
    match (check.at("htmlContent"), check.at("textContent")) {
        (None, None) => check.refuse("htmlContent", "is missing"),
        _ => _ = (check.text("htmlContent"), check.text("textContent")),
    }
    for list in ["to", "cc", "bcc"] {
        check_recipients(&mut check, list);
    }
    if check.at("replyTo").is_some() {
        require(&mut check, &["replyTo.email"]);
        check.email("replyTo.email");
    }
    match check.at("headers") {
        Some(Value::Object(headers)) => {
            for name in headers.iter().filter(|(_, value)| !value.is_string()).map(|(name, _)| name) {
                check.refuse(&format!("headers.{name}"), "must be a string");
            }
        }
        Some(_) => check.refuse("headers", "must be an object"),
        None => {}
    }
    if check.at("tags").is_some_and(|tags| tags.as_array().is_none_or(|tags| !tags.iter().all(Value::is_string))) {
        check.refuse("tags", "must be a list of strings");
    }
    let attachments = read_attachments(&mut check);
    match check.problems.first() {
        Some(Problem { parameter, message, .. }) if message == "is missing" => {
            Err(("missing_parameter", format!("{parameter} is missing")))
        }
        Some(Problem { parameter, message, .. }) => Err(("invalid_parameter", format!("{parameter} {message}"))),
        None => Ok(attachments),
    }
}

fn require(check: &mut Check<'_>, paths: &[&str]) {
    for path in paths.iter().filter(|path| check.at(path).is_none()).collect::<Vec<_>>() {
        check.refuse(path, "is missing");
    }
}

fn check_recipients(check: &mut Check<'_>, list: &str) {
    let Some(people) = check.at(list) else { return };
    let Some(people) = people.as_array().filter(|people| (1..=MOST_RECIPIENTS).contains(&people.len())) else {
        return check.refuse(list, "must be a list of 1 to 99 recipients");
    };
    for (index, person) in people.iter().enumerate() {
        let path = format!("{list}.{index}");
        if !person["email"].as_str().is_some_and(is_email) {
            check.refuse(&format!("{path}.email"), "is not valid");
        }
        let name = &person["name"];
        if !name.is_null() && name.as_str().is_none_or(|name| name.is_empty() || name.chars().count() > LONGEST_NAME) {
            check.refuse(&format!("{path}.name"), "must be a string of 1 to 70 characters");
        }
    }
}

fn read_attachments(check: &mut Check<'_>) -> Vec<Attachment> {
    let mut read = Vec::new();
    let list = match check.at("attachment") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(_) => {
            check.refuse("attachment", "must be a list of files");
            return read;
        }
        None => return read,
    };
    for (index, file) in list.iter().enumerate() {
        let path = format!("attachment.{index}");
        let name = file["name"].as_str().unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
        let content_type = if extension == "ics" { "text/calendar" } else { "application/octet-stream" };
        if !EXTENSIONS.contains(&extension.as_str()) {
            check.refuse(&format!("{path}.name"), "has an extension that is not supported");
        }
        match file["content"].as_str().and_then(|content| Attachment::decode(name, content_type, content)) {
            Some(attachment) if !attachment.text.is_empty() => read.push(attachment),
            _ => check.refuse(&format!("{path}.content"), "is not base64"),
        }
    }
    read
}

/// Returns the webhook about an event, if a webhook URL is set.
fn receipt(email: &Email, address: &str, delivery: EmailDelivery, settings: &Settings) -> Option<Receipt> {
    let (event, reason) = match delivery {
        EmailDelivery::Accepted => return None,
        EmailDelivery::Sent => ("request", None),
        EmailDelivery::Delivered => ("delivered", None),
        EmailDelivery::Bounced => ("hard_bounce", Some("550 5.1.1 user unknown")),
        EmailDelivery::SoftBounced => ("soft_bounce", Some("452 4.2.2 mailbox full")),
        EmailDelivery::Suppressed => ("blocked", Some("blocked : due to blacklist user")),
        EmailDelivery::Complained => ("spam", None),
        EmailDelivery::Unsubscribed => ("unsubscribed", None),
    };
    let now = Timestamp::now();
    let paris = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let mut body = json!({
        "event": event, "email": address, "id": 26224, "date": now.to_zoned(paris).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "ts": now.as_second(), "ts_event": now.as_second(), "ts_epoch": now.as_millisecond(),
        "message-id": email.message_id, "subject": email.subject, "sending_ip": "185.41.28.109", "contact_id": 8,
    });
    if let Some(tags) = email.tags.as_array() {
        body["tags"] = json!(tags);
        body["tag"] = json!(email.tags.to_string());
    }
    if let Some(own) = email.headers.get("X-Mailin-custom") {
        body["X-Mailin-custom"] = own.clone();
    }
    if let Some(reason) = reason {
        body["reason"] = json!(reason);
    }
    let body = body.to_string();
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Authorization", format!("Bearer {}", keys::BREVO_BEARER)),
    ];
    Some(Receipt {
        event: format!("brevo.{event}"),
        message_id: email.message_id.clone(),
        url: settings.brevo_webhook_url.clone()?,
        content: Arc::new(move || Content { headers: headers.clone(), body: body.clone() }),
    })
}
