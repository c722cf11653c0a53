//! Amazon SES's events, as EventBridge brings them: the `detail`. Our ids come back in the message's tags, each a list.
//! Source: docs.aws.amazon.com/ses, "Contents of event data that Amazon SES publishes to Amazon SNS", which is the same.

use domain::{ConsentSource, Delivery, Feedback, Objection};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{instant, json, text, unexpected};
use super::ids::ours;
use super::status::{Meaning, other, receipt, word};
use crate::malformed::Malformed;

/// Reads an event's detail.
///
/// # Errors
/// What is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let detail = json(body)?;
    if !detail.is_object() {
        return Err(unexpected("the body"));
    }
    let Some(kind) = text(&detail, "/eventType") else { return Ok(vec![other("without_event")]) };
    let tag = |name: &str| detail.pointer(&format!("/mail/tags/{name}/0")).and_then(Value::as_str);
    let at = instant(&detail, &format!("/{}/timestamp", kind.to_lowercase()));
    let at = at.or_else(|| instant(&detail, "/mail/timestamp").filter(|_| kind == "Send")).unwrap_or(received_at);
    let ours = ours(tag("booking"), tag("command"));
    Ok(vec![receipt(&kind, meaning(&kind, &detail), ours, text(&detail, "/mail/messageId"), at)])
}

fn meaning(kind: &str, detail: &Value) -> Option<Meaning> {
    match kind {
        "Send" => Some(Meaning::came(Delivery::Sent)),
        "Delivery" => Some(Meaning::came(Delivery::Delivered)),
        "Bounce" => {
            // We write to one person at a time, so what holds of the first holds of the message.
            let status = text(detail, "/bounce/bouncedRecipients/0/status");
            let failed = Meaning::failed(status.or_else(|| text(detail, "/bounce/bounceSubType")));
            let is_for_good = text(detail, "/bounce/bounceType").is_some_and(|it| it == "Permanent");
            Some(if is_for_good { failed.objecting(Objection::Everything, ConsentSource::Bounce) } else { failed })
        }
        // A person took it out of the spam folder.
        "Complaint" if text(detail, "/complaint/complaintFeedbackType").is_some_and(|it| it == "not-spam") => None,
        "Complaint" => {
            let code = text(detail, "/complaint/complaintFeedbackType").map(|it| word(&it));
            let complaint = Meaning { code, ..Meaning::default() };
            Some(complaint.objecting(Objection::Everything, ConsentSource::Complaint))
        }
        // Why, SES tells in words only.
        "Reject" | "Rendering Failure" => Some(Meaning::failed(Some(kind.to_lowercase()))),
        _ => None,
    }
}
