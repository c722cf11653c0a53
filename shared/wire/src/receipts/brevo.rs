//! Brevo's webhooks for transactional e-mail: one event, or an array of them when the webhook is `batched`. Our ids are
//! in `X-Mailin-custom`, as `<booking>/<command>`.
//! Source: developers.brevo.com, "Transactional webhooks", whose pages write the events' names in several ways. Of the
//! times, only `ts_event` is certain to be UTC and seconds.

use domain::{ConsentSource, Delivery, Feedback, Objection};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{get_seconds, get_text, parse_json, unexpected};
use super::ids::parse_ids;
use super::status::{StatusEffect, build_receipt, fold_name, unhandled};
use crate::malformed::Malformed;

/// Parses a webhook.
///
/// # Errors
/// The body is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    match parse_json(body)? {
        Value::Array(events) => Ok(events.iter().map(|event| parse_event(event, received_at)).collect()),
        event @ Value::Object(_) => Ok(vec![parse_event(&event, received_at)]),
        _ => Err(unexpected("the body")),
    }
}

fn parse_event(event: &Value, received_at: Timestamp) -> Feedback {
    let Some(name) = get_text(event, "/event") else { return unhandled("without_event") };
    let custom = event.get("X-Mailin-custom").and_then(Value::as_str).and_then(|it| it.trim().split_once('/'));
    let ids = custom.and_then(|(booking, command)| parse_ids(Some(booking), Some(command)));
    let at = get_seconds(event, "/ts_event").unwrap_or(received_at);
    let email = get_text(event, "/email");
    build_receipt(&name, classify(&name), ids, get_text(event, "/message-id"), at, email)
}

fn classify(event: &str) -> Option<StatusEffect> {
    // Brevo gives the cause as free text only, so the code is the event's name.
    let failed = || StatusEffect::failed(Some(event.to_owned()));
    match fold_name(event).as_str() {
        "delivered" | "opened" | "uniqueopened" | "proxyopen" | "uniqueproxyopen" | "click" | "clicked" => {
            Some(StatusEffect::delivery(Delivery::Delivered))
        }
        "hardbounce" | "invalid" | "invalidemail" => {
            Some(failed().with_objection(Objection::Everything, ConsentSource::Bounce))
        }
        "softbounce" | "blocked" | "error" => Some(failed()),
        "spam" | "complaint" => {
            Some(StatusEffect::default().with_objection(Objection::Everything, ConsentSource::Complaint))
        }
        "unsubscribed" | "unsubscribe" => {
            Some(StatusEffect::default().with_objection(Objection::FollowUps, ConsentSource::Link))
        }
        _ => None,
    }
}
