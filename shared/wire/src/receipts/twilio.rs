//! Twilio's status callbacks and incoming messages: forms, without a time. Our ids come back in the query of the callback's
//! URL, `?booking=…&command=…`, which the signature covers.
//! Source: twilio.com/docs/messaging/guides/track-outbound-message-status and …/messaging/guides/webhook-request.

use std::collections::BTreeMap;

use domain::{ConsentSource, Delivery, Feedback, Objection, Phone, Private, Reply};
use jiff::Timestamp;

use super::fields::unexpected;
use super::ids::ours;
use super::status::{Meaning, other, receipt};
use crate::malformed::{self, Malformed};

/// The person has told Twilio that they want no more of our messages.
const UNSUBSCRIBED: &str = "21610";

/// Reads a status callback or an incoming message.
///
/// # Errors
/// What is not as documented.
pub fn parse(body: &[u8], query: Option<&str>, received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let text = malformed::text(body)?;
    if !text.contains('=') {
        return Err(unexpected("the body"));
    }
    let form = fields(text);
    let asked = fields(query.unwrap_or_default());
    let heard = match (form.get("MessageStatus"), form.get("From"), form.get("Body")) {
        (Some(status), ..) => {
            let ours = ours(asked.get("booking").map(String::as_str), asked.get("command").map(String::as_str));
            let code = form.get("ErrorCode").filter(|code| !code.is_empty());
            receipt(status, meaning(status, code), ours, form.get("MessageSid").cloned(), received_at)
        }
        (None, Some(from), Some(body)) => match Phone::parse(from) {
            Ok(from) => {
                let id = form.get("MessageSid").cloned();
                Feedback::Reply(Reply { id, from, text: Private::new(body.clone()), at: received_at })
            }
            // Another channel's: `whatsapp:+1…`.
            Err(_) => other("reply_without_number"),
        },
        _ => other("without_status"),
    };
    Ok(vec![heard])
}

fn fields(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn meaning(status: &str, code: Option<&String>) -> Option<Meaning> {
    match status {
        "sent" => Some(Meaning::came(Delivery::Sent)),
        "delivered" | "read" => Some(Meaning::came(Delivery::Delivered)),
        "undelivered" | "failed" | "canceled" => {
            let failed = Meaning::failed(code.cloned());
            let is_refused = code.is_some_and(|code| code == UNSUBSCRIBED);
            Some(if is_refused { failed.objecting(Objection::Everything, ConsentSource::Provider) } else { failed })
        }
        _ => None,
    }
}
