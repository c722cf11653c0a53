//! What API Gateway hands the webhook function: a real payload, signed now.

use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

/// What Secrets Manager's stand-in gives out, too.
pub(crate) const SIGNING_KEY: &str = "a signing key of the benchmark's";

const BODY: &str = include_str!("../../../events/invitee_created_vai.json");

/// The event, as HTTP API's payload 2.0.
pub(crate) fn signed_now() -> Result<String, Box<dyn std::error::Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seconds = now.as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes())?;
    mac.update(format!("{seconds}.{BODY}").as_bytes());
    let signature = format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()));
    let event = json!({
        "version": "2.0",
        "routeKey": "POST /webhooks/calendly",
        "rawPath": "/webhooks/calendly",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "calendly-webhook-signature": signature,
            "content-length": BODY.len().to_string(),
            "content-type": "application/json",
            "host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "Calendly-Webhook",
            "x-amzn-trace-id": "Root=1-67890abc-0123456789abcdef01234567",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": "POST",
                "path": "/webhooks/calendly",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "Calendly-Webhook",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /webhooks/calendly",
            "stage": "$default",
            "time": "20/Nov/2026:09:00:02 +0000",
            "timeEpoch": now.as_millis() as u64,
        },
        "body": BODY,
        "isBase64Encoded": false,
    });
    Ok(event.to_string())
}
