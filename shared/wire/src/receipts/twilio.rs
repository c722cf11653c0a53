//! Twilio's status callbacks and incoming messages: forms, without a time. Our ids are in the query of the callback's
//! URL, `?booking=…&command=…`, which the signature covers.
//! Source: twilio.com/docs/messaging/guides/track-outbound-message-status and …/messaging/guides/webhook-request.

use std::collections::BTreeMap;

use domain::{ConsentSource, Delivery, Feedback, Objection, Phone, Reply, read_phone};
use events::ReplyMeaning;
use jiff::Timestamp;

use super::fields::unexpected;
use super::ids::parse_ids;
use super::status::{StatusEffect, build_receipt, fold_name, unhandled};
use crate::malformed::{self, Malformed};

/// The code when the person opted out at Twilio.
const UNSUBSCRIBED: &str = "21610";

/// Parses a status callback or an incoming message.
///
/// # Errors
/// The body is not as documented.
pub fn parse(body: &[u8], query: Option<&str>, received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let text = malformed::decode_text(body)?;
    if !text.contains('=') {
        return Err(unexpected("the body"));
    }
    let form = parse_form(text);
    let query = parse_form(query.unwrap_or_default());
    let feedback = match (form.get("MessageStatus"), form.get("From"), form.get("Body")) {
        (Some(status), ..) => {
            let ids = parse_ids(query.get("booking").map(String::as_str), query.get("command").map(String::as_str));
            let code = form.get("ErrorCode").filter(|code| !code.is_empty());
            build_receipt(status, classify(status, code), ids, form.get("MessageSid").cloned(), received_at, None)
        }
        (None, Some(from), Some(body)) => match parse_sender(from) {
            Some(from) => {
                let id = form.get("MessageSid").cloned();
                let meaning = form.get("OptOutType").and_then(|it| parse_opt_out_type(it));
                Feedback::Reply(Reply { id, from, text: body.as_str().into(), meaning, at: received_at })
            }
            None => unhandled("reply_without_number"),
        },
        _ => unhandled("without_status"),
    };
    Ok(vec![feedback])
}

/// Parses the sender of an SMS; `None` for one of another channel (`whatsapp:+1…`).
fn parse_sender(from: &str) -> Option<Phone> {
    let from = Some(from).filter(|it| !it.contains(':'))?;
    read_phone(from, None).ok().or_else(|| Phone::parse(from))
}

/// Parses what Twilio took a reply for. Its customers choose the words, so the text need not be one of ours.
/// Source: twilio.com/docs/messaging/tutorials/advanced-opt-out.
fn parse_opt_out_type(text: &str) -> Option<ReplyMeaning> {
    match fold_name(text).as_str() {
        "stop" => Some(ReplyMeaning::Stop),
        "start" => Some(ReplyMeaning::Start),
        "help" => Some(ReplyMeaning::Other),
        _ => None,
    }
}

fn parse_form(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn classify(status: &str, code: Option<&String>) -> Option<StatusEffect> {
    match fold_name(status).as_str() {
        "sent" => Some(StatusEffect::delivery(Delivery::Sent)),
        "delivered" | "read" => Some(StatusEffect::delivery(Delivery::Delivered)),
        "undelivered" | "failed" | "canceled" => {
            let failed = StatusEffect::failed(code.cloned());
            let is_opt_out = code.is_some_and(|code| code == UNSUBSCRIBED);
            Some(if is_opt_out {
                failed.with_objection(Objection::Everything, ConsentSource::Provider)
            } else {
                failed
            })
        }
        _ => None,
    }
}
