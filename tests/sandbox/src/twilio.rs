//! Twilio's programmable messaging: `POST …/Messages.json`, the list of messages, status callbacks and inbound
//! messages.
//!
//! A repeated POST sends a second message: no idempotency key is documented. Twilio keeps its own list of people who
//! replied STOP, for each sender, and refuses messages to them with 21610.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::{
    keys, phones, random,
    receipts::{Content, Receipt},
    segments::Measure,
    settings::Settings,
    sms::{Carrier, Delivery, Reply, Sms, digits},
    world::{State as WorldState, World},
};

const API_VERSION: &str = "2010-04-01";
/// The number that the messaging service sends from.
const SERVICE_NUMBER: &str = "+447700900200";
/// The maximum length of a text, in characters.
const MAX_CHARACTERS: usize = 1_600;
/// The words that opt out and in, if they are the whole message.
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"];
const START: [&str; 3] = ["START", "UNSTOP", "YES"];

type Params = Vec<(String, String)>;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(list).post(send))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", get(message))
        .fallback(async || Refusal(20404))
}

/// Returns an id such as `SM0123…`.
pub(crate) fn sid(prefix: &str) -> String {
    format!("{prefix}{}", random::uuid().replace('-', ""))
}

/// A code of Twilio's table.
struct Refusal(u32);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = error(None, self.0);
        if self.0 == 20003 {
            let realm = HeaderValue::from_static("Basic realm=\"Twilio API\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}

/// Returns an error with its usual HTTP status, or the given one.
fn error(status: Option<StatusCode>, code: u32) -> Response {
    let (usual, message) = match code {
        20003 => (401, "Authenticate"),
        20404 => (404, "The requested resource was not found"),
        20429 => (429, "Too Many Requests"),
        20500 => (500, "Internal Server Error"),
        20503 => (503, "Service Unavailable"),
        21211 => (400, "Invalid 'To' Phone Number"),
        21212 => (400, "Invalid From Number (caller ID)"),
        21408 => (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"),
        21602 => (400, "Message body is required."),
        21603 => (400, "A 'From' phone number is required."),
        21604 => (400, "A 'To' phone number is required."),
        21606 => (400, "The 'From' phone number is not a valid, SMS-capable inbound phone number for your account."),
        21609 => (400, "The 'StatusCallback' URL is not a valid URL."),
        21610 => (400, "Attempt to send to unsubscribed recipient"),
        21611 => (429, "This 'From' number has exceeded the maximum number of queued messages"),
        21612 => (400, "The 'To' phone number is not currently reachable using the 'From' phone number via SMS"),
        21614 => (400, "'To' number is not a valid mobile number"),
        21617 => (400, "The concatenated message body exceeds the 1600 character limit."),
        21705 => (400, "The Messaging Service is invalid"),
        _ => (400, "Error"),
    };
    let status = status.or(StatusCode::from_u16(usual).ok()).unwrap_or_default();
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more_info, "status": status.as_u16()});
    (status, Json(body)).into_response()
}

/// Returns the answer of a `fail` fault: the given code, or the usual one for the status.
pub(crate) fn failure(status: Option<StatusCode>, code: Option<u32>) -> Response {
    let usual = match status {
        Some(StatusCode::TOO_MANY_REQUESTS) => 20429,
        Some(StatusCode::UNAUTHORIZED) => 20003,
        Some(StatusCode::NOT_FOUND) => 20404,
        Some(StatusCode::INTERNAL_SERVER_ERROR) => 20500,
        _ => 20503,
    };
    error(status, code.unwrap_or(usual))
}

/// Authenticates a caller for an account: by its token, or by its API key.
fn authenticate(headers: &HeaderMap, account: &str) -> Result<(), Refusal> {
    let logins = [(keys::TWILIO_ACCOUNT, keys::TWILIO_TOKEN), (keys::TWILIO_API_KEY, keys::TWILIO_API_SECRET)];
    let is_known = logins.iter().any(|(user, password)| {
        let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        headers.get(header::AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes())
    });
    match is_known {
        true if account == keys::TWILIO_ACCOUNT => Ok(()),
        true => Err(Refusal(20404)),
        false => Err(Refusal(20003)),
    }
}

async fn send(
    State(world): State<World>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    authenticate(&headers, &account)?;
    // Twilio ignores any other kind of body.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let form: HashMap<String, String> =
        form_urlencoded::parse(if is_form { &body } else { &[] }).into_owned().collect();
    let sms = validate(&form).map_err(Refusal)?;
    let mut state = world.state();
    if state.opted_out.contains(&(digits(&sms.to), sender(&sms))) {
        return Err(Refusal(21610));
    }
    state.sms.push(sms.clone());
    drop(state);
    phones::follow(&world, &sms, |sms, _| receipt(sms));
    Ok((StatusCode::CREATED, Json(view(&sms))).into_response())
}

/// Validates a form. Returns its message, or the code of the first problem.
fn validate(form: &HashMap<String, String>) -> Result<Sms, u32> {
    let param = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let to = param("To").ok_or(21604_u32)?;
    // The numbers of Twilio's test credentials. Here, any number that ends in 0009 is a landline.
    match to {
        "+15005550001" => return Err(21211),
        "+15005550002" => return Err(21612),
        "+15005550003" => return Err(21408),
        "+15005550004" => return Err(21610),
        to if !is_e164(to) => return Err(21211),
        to if to.ends_with("0009") => return Err(21614),
        _ => {}
    }
    let service = param("MessagingServiceSid");
    let from = match (service, param("From")) {
        (Some(service), _) if !is_sid(service, "MG") => return Err(21705),
        (Some(_), None) => SERVICE_NUMBER,
        (_, Some("+15005550001")) => return Err(21212),
        (_, Some("+15005550007")) => return Err(21606),
        (_, Some("+15005550008")) => return Err(21611),
        (_, Some(from)) if is_e164(from) || is_short_code(from) || is_name(from) => from,
        (_, Some(_)) => return Err(21212),
        (None, None) => return Err(21603),
    };
    let body = param("Body").ok_or(21602_u32)?;
    if body.chars().count() > MAX_CHARACTERS {
        return Err(21617);
    }
    let status_callback = param("StatusCallback");
    if status_callback.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(21609);
    }
    Ok(Sms {
        messaging_service: service.map(str::to_owned),
        status_callback: status_callback.map(str::to_owned),
        ..Sms::new(Carrier::Twilio, sid("SM"), from, to, body.to_owned())
    })
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn is_short_code(from: &str) -> bool {
    (5..=6).contains(&from.len()) && from.bytes().all(|digit| digit.is_ascii_digit())
}

/// Returns whether a sender is alphanumeric. Such a sender can't be replied to.
fn is_name(from: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b" +-_&".contains(&byte);
    from.len() <= 11 && from.bytes().all(fits) && from.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Returns the sender that an opt-out is about: the messaging service, or else the number.
fn sender(sms: &Sms) -> String {
    sms.messaging_service.clone().unwrap_or_else(|| sms.from.clone())
}

impl WorldState {
    /// Updates Twilio's list of opt-outs after a reply.
    pub(crate) fn record_opt_out(&mut self, reply: &Reply, answered: &Sms) {
        let word = reply.text.trim().to_uppercase();
        let key = (digits(&reply.from), sender(answered));
        if STOP.contains(&word.as_str()) {
            self.opted_out.insert(key);
        } else if START.contains(&word.as_str()) {
            self.opted_out.remove(&key);
        }
    }
}

/// Returns Twilio's name of a delivery state.
fn status(sms: &Sms) -> &'static str {
    match sms.delivery {
        Delivery::Accepted => "queued",
        Delivery::Sent => "sent",
        Delivery::Delivered => "delivered",
        Delivery::Undelivered if sms.has_left => "undelivered",
        Delivery::Undelivered => "failed",
    }
}

/// Returns a message as the API shows it.
fn view(sms: &Sms) -> Value {
    let uri = format!("/{API_VERSION}/Accounts/{}/Messages/{}", keys::TWILIO_ACCOUNT, sms.message_id);
    let date = |at: Timestamp| jiff::fmt::rfc2822::to_string(&at.to_zoned(TimeZone::UTC)).unwrap_or_default();
    let sent = (sms.delivery != Delivery::Accepted).then(|| date(sms.at));
    json!({
        "account_sid": keys::TWILIO_ACCOUNT, "api_version": API_VERSION, "body": sms.text,
        "date_created": date(sms.at), "date_sent": sent, "date_updated": date(sms.at), "direction": "outbound-api",
        "error_code": sms.error_code, "error_message": null, "from": sms.from,
        "messaging_service_sid": sms.messaging_service, "num_media": "0",
        "num_segments": sms.measure.segments.to_string(), "price": null, "price_unit": "USD", "sid": sms.message_id,
        "status": status(sms), "subresource_uris": {"media": format!("{uri}/Media.json")}, "to": sms.to,
        "uri": format!("{uri}.json"),
    })
}

/// Lists messages, newest first: `?To=&From=&DateSent=`, with `DateSent>=` and `DateSent<=` for a range of days or
/// times.
async fn list(
    State(world): State<World>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    authenticate(&headers, &account)?;
    let wanted = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
    let from = query.get("DateSent>").or(query.get("DateSent")).and_then(|day| range(day)).map(|range| range.0);
    let until = query.get("DateSent<").or(query.get("DateSent")).and_then(|day| range(day)).map(|range| range.1);
    let state = world.state();
    let messages: Vec<Value> = state
        .sms
        .iter()
        .rev()
        .filter(|sms| sms.provider == Carrier::Twilio && wanted("To", &sms.to) && wanted("From", &sms.from))
        .filter(|sms| from.is_none_or(|from| sms.at >= from) && until.is_none_or(|until| sms.at < until))
        .map(view)
        .collect();
    let uri = format!("/{API_VERSION}/Accounts/{account}/Messages.json");
    Ok(Json(json!({
        "messages": messages, "page": 0, "page_size": 50, "start": 0, "end": messages.len().saturating_sub(1),
        "first_page_uri": format!("{uri}?PageSize=50&Page=0"), "next_page_uri": null, "previous_page_uri": null,
        "uri": uri,
    })))
}

/// Returns the start and the end of a day; for a time, twice the time.
fn range(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some((moment, moment));
    }
    let day = text.parse::<Date>().ok()?;
    let midnight = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    Some((midnight(day)?, midnight(day.tomorrow().ok()?)?))
}

async fn message(
    State(world): State<World>,
    Path((account, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    authenticate(&headers, &account)?;
    let id = message.strip_suffix(".json").unwrap_or_default();
    let state = world.state();
    let sms = state.sms.iter().find(|sms| sms.provider == Carrier::Twilio && sms.message_id == id);
    sms.map(|sms| Json(view(sms))).ok_or(Refusal(20404))
}

/// Returns the status callback about a new delivery state, if the message asked for one.
fn receipt(sms: &Sms) -> Option<Receipt> {
    let status = status(sms);
    let mut params = vec![
        pair("MessageSid", &sms.message_id),
        pair("MessageStatus", status),
        pair("AccountSid", keys::TWILIO_ACCOUNT),
        pair("From", &sms.from),
        pair("To", &sms.to),
        pair("ApiVersion", API_VERSION),
        pair("SmsSid", &sms.message_id),
        pair("SmsStatus", status),
    ];
    params.extend(sms.messaging_service.as_deref().map(|service| pair("MessagingServiceSid", service)));
    params.extend(sms.error_code.map(|code| pair("ErrorCode", &code.to_string())));
    Some(webhook(status, &sms.message_id, sms.status_callback.as_deref()?, params))
}

/// Returns the webhook about a reply, if a URL is set.
pub(crate) fn inbound(reply: &Reply, answered: &Sms, settings: &Settings) -> Option<Receipt> {
    let mut params = vec![
        pair("MessageSid", &reply.message_id),
        pair("SmsSid", &reply.message_id),
        pair("SmsMessageSid", &reply.message_id),
        pair("SmsStatus", "received"),
        pair("AccountSid", keys::TWILIO_ACCOUNT),
        pair("From", &reply.from),
        pair("To", &reply.to),
        pair("Body", &reply.text),
        pair("NumMedia", "0"),
        pair("NumSegments", &Measure::new(&reply.text).segments.to_string()),
        pair("ApiVersion", API_VERSION),
    ];
    params.extend(answered.messaging_service.as_deref().map(|service| pair("MessagingServiceSid", service)));
    Some(webhook("received", &reply.message_id, settings.twilio_inbound_url.as_deref()?, params))
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn webhook(event: &str, message_id: &str, url: &str, params: Params) -> Receipt {
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
        ("User-Agent", "TwilioProxy/1.1".to_owned()),
        ("I-Twilio-Idempotency-Token", random::uuid()),
        ("X-Twilio-Signature", signature(keys::TWILIO_TOKEN, url, &params)),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    Receipt {
        event: format!("twilio.{event}"),
        message_id: message_id.to_owned(),
        url: url.to_owned(),
        content: Arc::new(move || Content { headers: headers.clone(), body: body.clone() }),
    }
}

/// Returns the HMAC-SHA1 of the URL as given and of each parameter's name and value, in the order of the names.
fn signature(token: &str, url: &str, params: &Params) -> String {
    let mut params: Vec<_> = params.iter().collect();
    params.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (name, value) in params {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_twilio_documents() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let params = |caller: &str| {
            vec![
                pair("To", "+18005551212"),
                pair("CallSid", "CA1234567890ABCDE"),
                pair("Caller", caller),
                pair("Digits", "1234"),
                pair("From", caller),
            ]
        };
        assert_eq!(signature("12345", url, &params("+14158675309")), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert_eq!(signature("12345", url, &params("+12349013030")), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
        assert_eq!(signature("12345", url, &Vec::new()), "zYQTYrRWXE7LtzbG4PfP7/bkkGo=");
    }

    #[test]
    fn a_sender_is_a_number_a_short_code_or_a_name() {
        let form = |from: &str| HashMap::from([pair("To", "+40712345678"), pair("Body", "Bună"), pair("From", from)]);
        for from in ["+447700900200", "12345", "VAI", "VAI Calendly"] {
            let fits = validate(&form(from)).map(|sms| sms.from);
            assert_eq!(fits, if from.len() > 11 && !from.starts_with('+') { Err(21212) } else { Ok(from.to_owned()) });
        }
        assert_eq!(validate(&form("07123")).map(|sms| sms.from), Ok("07123".to_owned()));
        assert_eq!(validate(&form("0712345678")).map(|sms| sms.from), Err(21212));
    }
}
