//! Events of API Gateway: a webhook with a recorded payload, signed now, and requests to our API.

use std::error::Error;
use std::time::{Duration, SystemTime, SystemTimeError};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The signing key, which the stand-in for Secrets Manager returns too.
pub(crate) const SIGNING_KEY: &str = "a signing key of the benchmark's";

const BODY: &str = include_str!("../../../events/invitee_created_vai.json");

/// Builds the event of a webhook of Calendly, signed now.
pub(crate) fn build_webhook() -> Result<String, Box<dyn Error>> {
    let seconds = now()?.as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes())?;
    mac.update(format!("{seconds}.{BODY}").as_bytes());
    let signature = format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()));
    let headers = json!({
        "accept": "*/*",
        "calendly-webhook-signature": signature,
        "content-length": BODY.len().to_string(),
        "content-type": "application/json",
        "user-agent": "Calendly-Webhook",
    });
    build_event("POST", "/webhooks/calendly", "", headers, Some(BODY))
}

/// Builds the event of a request to our API.
pub(crate) fn build_request(
    method: &str,
    path: &str,
    query: &str,
    key: &str,
    body: Option<&str>,
) -> Result<String, Box<dyn Error>> {
    let headers = json!({
        "accept": "application/json",
        "authorization": format!("Bearer {key}"),
        "content-type": "application/json",
        "user-agent": "vai",
    });
    build_event(method, path, query, headers, body)
}

/// Builds an event in the payload format 2.0 of HTTP APIs.
fn build_event(
    method: &str,
    path: &str,
    query: &str,
    mut headers: Value,
    body: Option<&str>,
) -> Result<String, Box<dyn Error>> {
    let route = format!("{method} {path}");
    for (name, value) in [
        ("host", "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"),
        ("x-amzn-trace-id", "Root=1-67890abc-0123456789abcdef01234567"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ] {
        headers[name] = json!(value);
    }
    let event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers["user-agent"],
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "20/Nov/2026:09:00:02 +0000",
            "timeEpoch": now()?.as_millis() as u64,
        },
        "headers": headers,
        "body": body,
        "isBase64Encoded": false,
    });
    Ok(event.to_string())
}

fn now() -> Result<Duration, SystemTimeError> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)
}
