//! EngageLab's callbacks: `{"total": 1, "rows": […]}`. Each row is a status of a message, a reply, or a notification
//! about the account. Our ids are in `custom_args`.
//! Source: engagelab.com/docs/sms/api/callback; for the form of a row the OTP page, whose examples have
//! `"server":"sms"`.

use domain::settings::Price;
use domain::{Delivery, Feedback, Phone, Reply, SmsCharge, read_phone};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::{get_seconds, get_text, parse_json, unexpected};
use super::ids::parse_ids;
use super::status::{StatusEffect, build_receipt, fold_name, unhandled};
use crate::malformed::Malformed;

/// Parses a callback. `{}`, with which EngageLab tests a URL, has no feedback.
///
/// # Errors
/// The body is not as documented.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Feedback>, Malformed> {
    let document = parse_json(body)?;
    match (document.get("rows"), document.as_object()) {
        (Some(Value::Array(rows)), _) => Ok(rows.iter().map(|row| parse_row(row, received_at)).collect()),
        (Some(_), _) => Err(unexpected("rows")),
        (None, Some(fields)) if fields.is_empty() => Ok(Vec::new()),
        (None, Some(_)) => Ok(vec![unhandled("without_rows")]),
        (None, None) => Err(unexpected("the body")),
    }
}

fn parse_row(row: &Value, received_at: Timestamp) -> Feedback {
    let at =
        get_seconds(row, "/status/status_data/msg_time").or_else(|| get_seconds(row, "/itime")).unwrap_or(received_at);
    if let Some(status) = get_text(row, "/status/message_status") {
        let field = |name: &str| row.get("custom_args")?.get(name)?.as_str();
        let id = get_text(row, "/message_id").or_else(|| get_text(row, "/status/status_data/message_id"));
        return build_receipt(
            &status,
            classify(&status, row).map(|effect| effect.with_price(read_price(row))),
            parse_ids(field("booking_id"), field("command_id")),
            id,
            at,
            None,
        );
    }
    if let Some(event) = get_text(row, "/response/event") {
        return parse_reply(&event, row, at);
    }
    ["notification", "system_event"]
        .into_iter()
        .find_map(|kind| Some(unhandled(&format!("{kind}.{}", get_text(row, &format!("/{kind}/event"))?))))
        .unwrap_or_else(|| unhandled("without_status"))
}

fn classify(status: &str, row: &Value) -> Option<StatusEffect> {
    match fold_name(status).as_str() {
        "sent" => Some(StatusEffect::delivery(Delivery::Sent)),
        "delivered" => Some(StatusEffect::delivery(Delivery::Delivered)),
        // The documents have `sent_failed`, their example `sent_fail`.
        "sentfailed" | "sentfail" | "deliveredfailed" | "deliveredfail" | "deliveryfailed" | "targetinvalid" => {
            let code = get_text(row, "/status/error_code").filter(|code| code != "0");
            Some(StatusEffect::failed(code))
        }
        _ => None,
    }
}

/// Reads what EngageLab takes for the message: `{"cost": 0.005, "currency": "USD"}`.
fn read_price(row: &Value) -> Option<Price> {
    let amount = match row.pointer("/status/billing/cost")? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    SmsCharge::parse_price(&amount, &get_text(row, "/status/billing/currency")?)
}

fn parse_reply(event: &str, row: &Value, at: Timestamp) -> Feedback {
    let field = |name: &str| get_text(row, &format!("/response/response_data/{name}"));
    let from = field("from").and_then(|from| parse_phone(&from));
    let id = field("message_sid");
    match (event, from, field("body")) {
        ("uplink_message", Some(from), Some(body)) => {
            Feedback::Reply(Reply { id, from, text: body.into(), meaning: None, at })
        }
        ("uplink_message", ..) => unhandled("uplink_message_without_text_or_number"),
        _ => unhandled(&format!("response.{event}")),
    }
}

/// Parses a number with or without a plus.
fn parse_phone(text: &str) -> Option<Phone> {
    read_phone(text, None).ok().or_else(|| Phone::parse(&format!("+{text}")))
}
