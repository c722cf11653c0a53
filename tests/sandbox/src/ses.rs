//! Amazon SES, version 2: `SendEmail`, and the events that `EventBridge` puts into a queue.
//!
//! Signatures are not verified. A repeated call sends a second message: SES has no idempotency token.

use std::sync::Arc;

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
use serde_json::{Map, Value, json};

use crate::{
    check::is_email,
    mail::{self, Attachment, Carrier, Email, EmailDelivery, bare},
    mailboxes, random,
    receipts::{Content, Receipt},
    settings::Settings,
    world::World,
};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "eu-west-1";

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/v2/email/outbound-emails", post(send))
        .fallback(async || error(StatusCode::NOT_FOUND, "NotFoundException", "Resource not found"))
}

/// Returns an error in the form that the SDKs read: its name is in a header.
pub(crate) fn error(status: StatusCode, name: &str, message: &str) -> Response {
    let id = random::uuid();
    let headers = [("x-amzn-ErrorType", name), ("x-amzn-RequestId", id.as_str())];
    (status, headers, Json(json!({"message": message}))).into_response()
}

/// Returns the answer of a `fail` fault: the error with the given name, or the usual one for the status.
pub(crate) fn failure(status: Option<StatusCode>, name: Option<&str>) -> Response {
    let name = name.unwrap_or(match status {
        Some(StatusCode::BAD_REQUEST) => "MessageRejected",
        Some(StatusCode::FORBIDDEN) => "AccessDeniedException",
        Some(StatusCode::NOT_FOUND) => "NotFoundException",
        Some(StatusCode::TOO_MANY_REQUESTS) => "TooManyRequestsException",
        Some(StatusCode::SERVICE_UNAVAILABLE) => "ServiceUnavailableException",
        _ => "InternalServiceErrorException",
    });
    let usual = match name {
        "TooManyRequestsException" => StatusCode::TOO_MANY_REQUESTS,
        "NotFoundException" => StatusCode::NOT_FOUND,
        "AccessDeniedException" => StatusCode::FORBIDDEN,
        "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
        "InternalServiceErrorException" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    error(status.unwrap_or(usual), name, "told to fail")
}

async fn send(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !authorization.starts_with("AWS4-HMAC-SHA256 ") {
        let message = "Missing Authentication Token";
        return error(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return error(StatusCode::BAD_REQUEST, "SerializationException", "the body is not JSON");
    };
    let email = match validate(&body) {
        Ok(email) => email,
        Err((name, message)) => return error(StatusCode::BAD_REQUEST, name, &message),
    };
    world.state().emails.push(email.clone());
    mailboxes::follow(&world, &email, |state, email, address, delivery| {
        let event = event(email, address, delivery)?;
        state.ses_events.push(event.clone());
        receipt(email, &event, &state.settings)
    });
    Json(json!({"MessageId": email.message_id})).into_response()
}

type Problem = (&'static str, String);

fn bad(message: impl Into<String>) -> Problem {
    ("BadRequestException", message.into())
}

/// Validates a call. Returns its e-mail, or the first problem.
fn validate(body: &Value) -> Result<Email, Problem> {
    let destination = &body["Destination"];
    let listed = |key: &str| destination[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut to: Vec<String> = listed("ToAddresses").map(|one| bare(one).to_owned()).collect();
    let raw = match &body["Content"]["Raw"]["Data"] {
        Value::String(data) => Some(BASE64_STANDARD.decode(data).map_err(|_| bad("Raw.Data is not base64"))?),
        _ => None,
    };
    if let Some(raw) = &raw
        && to.is_empty()
    {
        to = mail::recipients(raw);
    }
    if to.is_empty() && listed("CcAddresses").chain(listed("BccAddresses")).next().is_none() {
        return Err(bad("Destination is missing"));
    }
    if let Some(wrong) = to.iter().find(|one| !is_email(one)) {
        return Err(bad(format!("Invalid email address<{wrong}>.")));
    }
    let id = format!("0102{}-{}-000000", &random::number()[..12], random::uuid());
    let mut email = Email::new(Carrier::Ses, id, &to);
    match (&body["Content"], raw) {
        (Value::Object(content), _) if content.len() != 1 => {
            return Err(bad("Content must be one of Simple, Raw and Template"));
        }
        (_, Some(raw)) => mail::read(&raw, &mut email).ok_or_else(|| bad("Raw.Data is not a message"))?,
        (content, None) if content["Simple"].is_object() => read_simple(&content["Simple"], &mut email)?,
        _ => return Err(bad("Content must be Simple or Raw: templates are not played by the sandbox")),
    }
    let from = body["FromEmailAddress"].as_str().map(str::to_owned).or_else(|| email.from.clone());
    let from = from.ok_or_else(|| bad("FromEmailAddress is missing"))?;
    if !is_email(bare(&from)) {
        return Err(bad(format!("Invalid email address<{from}>.")));
    }
    if bare(&from).contains("@unverified.") {
        let message = "Email address is not verified. The following identities failed the check in region";
        return Err(("MessageRejected", format!("{message} {}: {from}", REGION.to_uppercase())));
    }
    email.from = email.from.or(Some(from));
    email.tags = read_tags(&body["EmailTags"])?;
    email.data = json!({"configuration_set": body["ConfigurationSetName"]});
    Ok(email)
}

fn read_simple(simple: &Value, email: &mut Email) -> Result<(), Problem> {
    let data = |content: &Value| content["Data"].as_str().map(str::to_owned);
    email.subject = data(&simple["Subject"]).ok_or_else(|| bad("Simple.Subject.Data is missing"))?;
    email.text = data(&simple["Body"]["Text"]).unwrap_or_default();
    email.html = data(&simple["Body"]["Html"]);
    if email.text.is_empty() && email.html.is_none() {
        return Err(bad("Simple.Body is empty"));
    }
    let list = |key: &str| simple[key].as_array().cloned().unwrap_or_default();
    let headers = list("Headers");
    if headers.len() > 15 {
        return Err(bad("Simple.Headers: at most 15"));
    }
    for one in headers {
        let (name, value) = (one["Name"].as_str().unwrap_or_default(), one["Value"].as_str().unwrap_or_default());
        let is_printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !(1..=126).contains(&name.len()) || !(1..=870).contains(&value.len()) || !is_printable(value) {
            return Err(bad(format!("Simple.Headers: {name} is not valid")));
        }
        email.headers.insert(name.to_owned(), json!(value));
    }
    for one in list("Attachments") {
        let name = one["FileName"].as_str().filter(|name| (1..=255).contains(&name.len()));
        let name = name.ok_or_else(|| bad("Simple.Attachments: FileName is missing or too long"))?;
        let kind = one["ContentType"].as_str().unwrap_or("application/octet-stream");
        if kind.len() > 78 {
            return Err(bad("Simple.Attachments: ContentType is too long"));
        }
        let content = one["RawContent"].as_str().and_then(|content| Attachment::decode(name, kind, content));
        email.attachments.push(content.ok_or_else(|| bad("Simple.Attachments: RawContent is not base64"))?);
    }
    Ok(())
}

/// Reads the tags, by name.
fn read_tags(list: &Value) -> Result<Value, Problem> {
    let fits = |text: &str| {
        (1..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let mut tags = Map::new();
    for one in list.as_array().into_iter().flatten() {
        let (name, value) = (one["Name"].as_str().unwrap_or_default(), one["Value"].as_str().unwrap_or_default());
        if let Some(wrong) = [name, value].into_iter().find(|text| !fits(text)) {
            let message = "only alphanumeric ASCII characters, '_', '-' are allowed.";
            return Err(bad(format!("Invalid tag value <{wrong}>, {message}")));
        }
        tags.insert(name.to_owned(), json!(value));
    }
    Ok(Value::Object(tags))
}

/// Returns the event about a new delivery state. SES has no event for unsubscribing by a link.
fn event(email: &Email, address: &str, delivery: EmailDelivery) -> Option<Value> {
    let at = millis(Timestamp::now());
    let recipient = json!({"emailAddress": address});
    let bounce = |kind: &str, subtype: &str, status: &str, code: &str| {
        json!({
            "bounceType": kind, "bounceSubType": subtype, "timestamp": at, "feedbackId": random::uuid(),
            "reportingMTA": "dsn; a7-31.smtp-out.eu-west-1.amazonses.com",
            "bouncedRecipients": [
                {"emailAddress": address, "action": "failed", "status": status, "diagnosticCode": code},
            ],
        })
    };
    let (name, key, details) = match delivery {
        EmailDelivery::Accepted | EmailDelivery::Unsubscribed => return None,
        EmailDelivery::Sent => ("Send", "send", json!({})),
        EmailDelivery::Delivered => (
            "Delivery",
            "delivery",
            json!({
                "timestamp": at, "processingTimeMillis": 546, "recipients": [address],
                "smtpResponse": "250 2.6.0 Message received",
                "reportingMTA": "a7-31.smtp-out.eu-west-1.amazonses.com",
            }),
        ),
        EmailDelivery::Bounced => {
            ("Bounce", "bounce", bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"))
        }
        EmailDelivery::SoftBounced => {
            ("Bounce", "bounce", bounce("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full"))
        }
        EmailDelivery::Suppressed => {
            let reason = "Amazon SES did not send the message to this address because it is on the suppression list";
            ("Bounce", "bounce", bounce("Permanent", "OnAccountSuppressionList", "5.1.1", reason))
        }
        EmailDelivery::Complained => (
            "Complaint",
            "complaint",
            json!({
                "complainedRecipients": [recipient], "timestamp": at, "feedbackId": random::uuid(),
                "userAgent": "Amazon SES Mailbox Simulator", "complaintFeedbackType": "abuse", "complaintSubType": null,
                "arrivalDate": at,
            }),
        ),
    };
    Some(json!({"eventType": name, "mail": mail_view(email), key: details}))
}

fn mail_view(email: &Email) -> Value {
    let source = email.from.clone().unwrap_or_default();
    let destination: Vec<&str> = email.to.split(", ").collect();
    let mut tags = Map::from_iter([
        ("ses:operation".to_owned(), json!(["SendEmail"])),
        ("ses:from-domain".to_owned(), json!([bare(&source).rsplit('@').next()])),
        ("ses:source-ip".to_owned(), json!(["127.0.0.1"])),
    ]);
    if let Some(set) = email.data["configuration_set"].as_str() {
        tags.insert("ses:configuration-set".to_owned(), json!([set]));
    }
    for (name, value) in email.tags.as_object().into_iter().flatten() {
        tags.insert(name.clone(), json!([value]));
    }
    let headers: Vec<Value> = email.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({
        "timestamp": millis(email.at), "source": source, "sendingAccountId": ACCOUNT, "messageId": email.message_id,
        "sourceArn": format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/{}", bare(&source)),
        "destination": destination, "headersTruncated": false, "headers": headers, "tags": tags,
        "commonHeaders": {
            "from": [source], "to": destination, "messageId": email.message_id, "subject": email.subject,
        },
    })
}

fn millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Returns the event as an `EventBridge` rule puts it into the queue, if a queue is set.
fn receipt(email: &Email, event: &Value, settings: &Settings) -> Option<Receipt> {
    let queue = settings.ses_events_queue_url.clone()?;
    let mut url = reqwest::Url::parse(&queue).ok()?;
    url.set_path("/");
    let name = event["eventType"].as_str().unwrap_or_default().to_owned();
    let detail_type = match name.as_str() {
        "Send" => "Email Sent",
        "Delivery" => "Email Delivered",
        "Bounce" => "Email Bounced",
        _ => "Email Complaint Received",
    };
    let message = json!({
        "version": "0", "id": random::uuid(), "detail-type": detail_type, "source": "aws.ses", "account": ACCOUNT,
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": REGION, "resources": [],
        "detail": event,
    });
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "SendMessage"),
            ("Version", "2012-11-05"),
            ("QueueUrl", &queue),
            ("MessageBody", &message.to_string()),
        ])
        .finish();
    // The emulator reads only the account and the region in it.
    let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/sqs/aws4_request");
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Authorization", format!("{credential}, SignedHeaders=host, Signature=none")),
    ];
    Some(Receipt {
        event: format!("ses.{name}"),
        message_id: email.message_id.clone(),
        url: url.into(),
        content: Arc::new(move || Content { headers: headers.clone(), body: body.clone() }),
    })
}
