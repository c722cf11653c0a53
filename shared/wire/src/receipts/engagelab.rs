//! EngageLab's callbacks: `{"total": 1, "rows": […]}`, each row a status of a message, a person's reply, or news of the
//! account. Our ids come back in `custom_args`.
//! Source: engagelab.com/docs/sms/api/callback, and the OTP page for what a row looks like, whose examples say
//! `"server":"sms"`.

use domain::{Delivery, Feedback, Phone, Private, Reply};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{json, seconds, text, unexpected};
use super::ids::ours;
use super::status::{Meaning, other, receipt};
use crate::malformed::Malformed;

/// Reads a callback. The one that EngageLab tries an address with, `{}`, tells nothing.
///
/// # Errors
/// What is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let document = json(body)?;
    match (document.get("rows"), document.as_object()) {
        (Some(Value::Array(rows)), _) => Ok(rows.iter().map(|row| heard(row, received_at)).collect()),
        (Some(_), _) => Err(unexpected("rows")),
        (None, Some(fields)) if fields.is_empty() => Ok(Vec::new()),
        (None, Some(_)) => Ok(vec![other("without_rows")]),
        (None, None) => Err(unexpected("the body")),
    }
}

fn heard(row: &Value, received_at: Timestamp) -> Feedback {
    let at = seconds(row, "/status/status_data/msg_time").or_else(|| seconds(row, "/itime")).unwrap_or(received_at);
    if let Some(status) = text(row, "/status/message_status") {
        let field = |name: &str| row.get("custom_args")?.get(name)?.as_str();
        let id = text(row, "/message_id").or_else(|| text(row, "/status/status_data/message_id"));
        return receipt(&status, meaning(&status, row), ours(field("booking_id"), field("command_id")), id, at);
    }
    if let Some(event) = text(row, "/response/event") {
        return reply(&event, row, at);
    }
    ["notification", "system_event"]
        .into_iter()
        .find_map(|kind| Some(other(&format!("{kind}.{}", text(row, &format!("/{kind}/event"))?))))
        .unwrap_or_else(|| other("without_status"))
}

fn meaning(status: &str, row: &Value) -> Option<Meaning> {
    match status {
        "sent" => Some(Meaning::came(Delivery::Sent)),
        "delivered" => Some(Meaning::came(Delivery::Delivered)),
        // The documents say `sent_failed`, their example `sent_fail`.
        "sent_failed" | "sent_fail" | "delivered_failed" | "target_invalid" => {
            let code = text(row, "/status/error_code").filter(|code| code != "0");
            Some(Meaning::failed(code))
        }
        _ => None,
    }
}

fn reply(event: &str, row: &Value, at: Timestamp) -> Feedback {
    let said = |name: &str| text(row, &format!("/response/response_data/{name}"));
    let from = said("from").and_then(|from| phone(&from));
    let id = said("message_sid");
    match (event, from, said("body")) {
        ("uplink_message", Some(from), Some(body)) => Feedback::Reply(Reply { id, from, text: Private::new(body), at }),
        ("uplink_message", ..) => other("uplink_message_without_text_or_number"),
        _ => other(&format!("response.{event}")),
    }
}

/// Numbers come with a plus and without.
fn phone(text: &str) -> Option<Phone> {
    Phone::parse(text).or_else(|_| Phone::parse(&format!("+{text}"))).ok()
}
