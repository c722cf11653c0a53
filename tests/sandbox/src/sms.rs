//! Text messages, the replies to them, and the phones that receive them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::segments::Measure;

/// The providers of text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carrier {
    EngageLab,
    Twilio,
}

/// The delivery state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    Accepted,
    Sent,
    Delivered,
    Undelivered,
}

/// A message that a provider accepted, as the phone shows it.
#[derive(Clone, Serialize)]
pub(crate) struct Sms {
    pub(crate) provider: Carrier,
    pub(crate) message_id: String,
    /// The number or the name that the phone shows as the sender.
    pub(crate) from: String,
    pub(crate) to: String,
    /// The rendered text. A variable without a value stays as it is.
    pub(crate) text: String,
    pub(crate) measure: Measure,
    pub(crate) delivery: Delivery,
    /// Why it was not delivered: a code of the provider's table.
    pub(crate) error_code: Option<u32>,
    /// `EngageLab`'s template, its language and its message.
    pub(crate) template: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) params: Value,
    /// The variables that had no value.
    pub(crate) unfilled: Vec<String>,
    pub(crate) custom_args: Value,
    pub(crate) plan_name: Option<String>,
    pub(crate) schedule_time: Option<i64>,
    /// Twilio's messaging service, if it chose the number.
    pub(crate) messaging_service: Option<String>,
    /// Where Twilio posts the message's delivery states.
    pub(crate) status_callback: Option<String>,
    /// Whether it has left the provider.
    #[serde(skip)]
    pub(crate) has_left: bool,
    pub(crate) at: Timestamp,
}

impl Sms {
    /// Returns an accepted message from `from` to `to`.
    pub(crate) fn new(provider: Carrier, message_id: String, from: &str, to: &str, text: String) -> Self {
        Self {
            provider,
            message_id,
            from: from.to_owned(),
            to: to.to_owned(),
            measure: Measure::new(&text),
            text,
            delivery: Delivery::Accepted,
            error_code: None,
            template: None,
            language: None,
            message: None,
            params: Value::Null,
            unfilled: Vec::new(),
            custom_args: Value::Null,
            plan_name: None,
            schedule_time: None,
            messaging_service: None,
            status_callback: None,
            has_left: false,
            at: Timestamp::now(),
        }
    }
}

/// A person's reply.
#[derive(Clone, Serialize)]
pub(crate) struct Reply {
    pub(crate) provider: Carrier,
    pub(crate) message_id: String,
    /// The person's number.
    pub(crate) from: String,
    /// The sender of the last message to the person.
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// The state of a phone; on unless it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Handset {
    On,
    /// A message leaves the provider and never arrives.
    Off,
    /// A message doesn't leave the provider.
    Landline,
}

/// The phones whose state was set, by the digits of their number.
pub(crate) type Handsets = HashMap<String, Handset>;

/// Returns a number's digits only: some providers leave out the plus, and people type spaces.
pub(crate) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}
