//! Brevo's webhooks for transactional e-mail: one event, or an array of them where the webhook is `batched`. Our ids come
//! back in `X-Mailin-custom`, as `<booking>/<command>`.
//! Source: developers.brevo.com, "Transactional webhooks". Of its times only `ts_event` is certain to be UTC and seconds.

use domain::{ConsentSource, Delivery, Feedback, Objection};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{json, seconds, text, unexpected};
use super::ids::ours;
use super::status::{Meaning, other, receipt};
use crate::malformed::Malformed;

/// Reads a webhook.
///
/// # Errors
/// What is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    match json(body)? {
        Value::Array(events) => Ok(events.iter().map(|event| heard(event, received_at)).collect()),
        event @ Value::Object(_) => Ok(vec![heard(&event, received_at)]),
        _ => Err(unexpected("the body")),
    }
}

fn heard(event: &Value, received_at: Timestamp) -> Feedback {
    let Some(name) = text(event, "/event") else { return other("without_event") };
    let custom = event.get("X-Mailin-custom").and_then(Value::as_str).and_then(|it| it.trim().split_once('/'));
    let ours = custom.and_then(|(booking, command)| ours(Some(booking), Some(command)));
    let at = seconds(event, "/ts_event").unwrap_or(received_at);
    receipt(&name, meaning(&name), ours, text(event, "/message-id"), at)
}

fn meaning(event: &str) -> Option<Meaning> {
    // Why, Brevo tells in words only: the code is the event's name.
    let failed = || Meaning::failed(Some(event.to_owned()));
    match event {
        "delivered" => Some(Meaning::came(Delivery::Delivered)),
        "hard_bounce" | "invalid_email" => Some(failed().objecting(Objection::Everything, ConsentSource::Bounce)),
        "soft_bounce" | "blocked" | "error" => Some(failed()),
        "spam" => Some(Meaning::default().objecting(Objection::Everything, ConsentSource::Complaint)),
        "unsubscribed" => Some(Meaning::default().objecting(Objection::FollowUps, ConsentSource::Link)),
        _ => None,
    }
}
