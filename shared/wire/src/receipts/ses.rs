//! Amazon SES's events from EventBridge: the `detail`. Our ids are in the message's tags, each a list.
//! Source: docs.aws.amazon.com/ses, "Contents of event data that Amazon SES publishes to Amazon SNS", which is the
//! same.

use domain::{ConsentSource, Delivery, Feedback, Objection};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{get_instant, get_text, parse_json, unexpected};
use super::ids::parse_ids;
use super::status::{StatusEffect, build_receipt, fold_name, sanitize_code, unhandled};
use crate::malformed::Malformed;

/// Parses an event's detail.
///
/// # Errors
/// The body is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let detail = parse_json(body)?;
    if !detail.is_object() {
        return Err(unexpected("the body"));
    }
    let kind = get_text(&detail, "/eventType").or_else(|| get_text(&detail, "/notificationType"));
    let Some(kind) = kind else { return Ok(vec![unhandled("without_event")]) };
    let tag = |name: &str| detail.pointer(&format!("/mail/tags/{name}/0")).and_then(Value::as_str);
    let at = get_instant(&detail, &format!("/{}/timestamp", kind.to_lowercase()));
    let at = at.or_else(|| get_instant(&detail, "/mail/timestamp").filter(|_| kind == "Send")).unwrap_or(received_at);
    let ids = parse_ids(tag("booking"), tag("command"));
    let email = get_text(&detail, "/mail/destination/0");
    Ok(vec![build_receipt(&kind, classify(&kind, &detail), ids, get_text(&detail, "/mail/messageId"), at, email)])
}

fn classify(kind: &str, detail: &Value) -> Option<StatusEffect> {
    match fold_name(kind).as_str() {
        "send" => Some(StatusEffect::delivery(Delivery::Sent)),
        "delivery" | "open" | "click" => Some(StatusEffect::delivery(Delivery::Delivered)),
        "bounce" => {
            // A message has one recipient, so the first is the only one.
            let status = get_text(detail, "/bounce/bouncedRecipients/0/status");
            let failed = StatusEffect::failed(status.or_else(|| get_text(detail, "/bounce/bounceSubType")));
            let is_permanent = get_text(detail, "/bounce/bounceType").is_some_and(|it| it == "Permanent");
            Some(if is_permanent {
                failed.with_objection(Objection::Everything, ConsentSource::Bounce)
            } else {
                failed
            })
        }
        // The person moved the message out of the spam folder.
        "complaint" if get_text(detail, "/complaint/complaintFeedbackType").is_some_and(|it| it == "not-spam") => None,
        "complaint" => {
            let code = get_text(detail, "/complaint/complaintFeedbackType").map(|it| sanitize_code(&it));
            let complaint = StatusEffect { code, ..StatusEffect::default() };
            Some(complaint.with_objection(Objection::Everything, ConsentSource::Complaint))
        }
        // SES gives the cause as free text only.
        "reject" | "renderingfailure" => Some(StatusEffect::failed(Some(kind.to_lowercase()))),
        "subscription"
            if detail.pointer("/subscription/newTopicPreferences/unsubscribeAll") == Some(&Value::Bool(true)) =>
        {
            Some(StatusEffect::default().with_objection(Objection::FollowUps, ConsentSource::Link))
        }
        _ => None,
    }
}
