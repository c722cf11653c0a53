//! The phones: what becomes of a message after a provider took it, and what people do with what they hold in their hands.

use std::{collections::HashMap, time::Duration};

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    calendly::refusal::Refusal,
    check::is_phone,
    engagelab,
    people::{Answer, read},
    receipts,
    segments::Measure,
    twilio,
    world::{self, World},
};

/// Who carries text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Carrier {
    EngageLab,
    Twilio,
}

/// How far a message has come.
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
    /// The number, or the name, that the phone shows as the sender.
    pub(crate) from: String,
    pub(crate) to: String,
    /// The rendered text. A variable without a value stands in it literally.
    pub(crate) text: String,
    pub(crate) measure: Measure,
    pub(crate) delivery: Delivery,
    /// Why it was not delivered, by the provider's table.
    pub(crate) error_code: Option<u32>,
    /// `EngageLab`'s template, its language and the message it is for.
    pub(crate) template: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) params: Value,
    /// The variables that had no value.
    pub(crate) unfilled: Vec<String>,
    pub(crate) custom_args: Value,
    pub(crate) plan_name: Option<String>,
    pub(crate) schedule_time: Option<i64>,
    /// Twilio's messaging service, when it was asked to choose the number.
    pub(crate) messaging_service: Option<String>,
    /// Where Twilio tells how far the message has come.
    pub(crate) status_callback: Option<String>,
    /// Whether it has left the provider.
    #[serde(skip)]
    pub(crate) has_left: bool,
    pub(crate) at: Timestamp,
}

impl Sms {
    /// A message from `from` to `to`, with nothing else known about it.
    pub(crate) fn new(provider: Carrier, message_id: String, from: &str, to: &str, text: String) -> Self {
        Self {
            provider,
            message_id,
            from: from.to_owned(),
            to: to.to_owned(),
            measure: Measure::of(&text),
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

/// What a person wrote back.
#[derive(Clone, Serialize)]
pub(crate) struct Reply {
    pub(crate) provider: Carrier,
    pub(crate) message_id: String,
    /// The person's number.
    pub(crate) from: String,
    /// The number that had last texted them.
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// What state somebody's phone is in; without a word about it, it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Handset {
    On,
    /// A message leaves the provider and never arrives.
    Off,
    /// A message doesn't even leave the provider.
    Landline,
}

/// The phones that are not simply on, by number.
pub(crate) type Handsets = HashMap<String, Handset>;

/// A number without what people put between its digits, and without the plus that some providers leave out.
pub(crate) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/people/reply", post(reply)).route("/people/handset", post(handset))
}

/// Lets a message go its way: sent, then delivered or not, each after `receipts_after_ms`, and the program is told of both.
/// The phone's state counts at the time.
pub(crate) fn follow(world: &World, sms: &Sms) {
    let (world, id, to) = (world.clone(), sms.message_id.clone(), sms.to.clone());
    let wait = sms.schedule_time.map_or(0, |at| at - Timestamp::now().as_second());
    let generation = world.state().generation;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(u64::try_from(wait).unwrap_or_default())).await;
        loop {
            let pause = world.state().settings.receipts_after_ms;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let (receipt, is_over) = {
                let mut state = world.state();
                if state.generation != generation {
                    return;
                }
                let Some(sms) = state.advance(&id, &to) else { return };
                let receipt = match sms.provider {
                    Carrier::EngageLab => engagelab::receipt(&sms, &state.settings),
                    Carrier::Twilio => twilio::receipt(&sms),
                };
                (receipt, sms.delivery != Delivery::Sent)
            };
            if let Some(receipt) = receipt {
                receipts::tell(&world, receipt).await;
            }
            if is_over {
                return;
            }
        }
    });
}

impl world::State {
    /// Takes a message one step further.
    fn advance(&mut self, id: &str, to: &str) -> Option<Sms> {
        let handset = self.handsets.get(&digits(to)).copied().unwrap_or(Handset::On);
        let sms = self.sms.iter_mut().find(|sms| sms.message_id == id && sms.to == to)?;
        sms.delivery = match (handset, sms.delivery) {
            (Handset::Landline, _) => Delivery::Undelivered,
            (_, Delivery::Accepted) => Delivery::Sent,
            (Handset::Off, _) => Delivery::Undelivered,
            (Handset::On, _) => Delivery::Delivered,
        };
        sms.has_left |= sms.delivery == Delivery::Sent;
        if sms.delivery == Delivery::Undelivered {
            sms.error_code = Some(match (sms.provider, handset) {
                (Carrier::Twilio, Handset::Landline) => 30006,
                (Carrier::Twilio, _) => 30003,
                // Which codes these are is not published.
                (Carrier::EngageLab, _) => 5001,
            });
        }
        Some(sms.clone())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    /// The person's number.
    from: String,
    text: String,
}

/// The person answers whoever texted them last.
async fn reply(State(world): State<World>, bytes: Bytes) -> Answer {
    let answered: Answered = read(&bytes)?;
    let (reply, receipt) = {
        let mut state = world.state();
        let person = digits(&answered.from);
        let last = state.sms.iter().rev().find(|sms| digits(&sms.to) == person).cloned();
        let last = last.ok_or_else(|| Refusal::parameter("from", "nobody has texted this number"))?;
        if !is_phone(&last.from) {
            return Err(Refusal::parameter("from", "the last message came from a name, which nobody can answer"));
        }
        let reply = Reply {
            provider: last.provider,
            message_id: match last.provider {
                Carrier::EngageLab => crate::random::number(),
                Carrier::Twilio => twilio::sid("SM"),
            },
            from: format!("+{person}"),
            to: last.from.clone(),
            text: answered.text,
            at: Timestamp::now(),
        };
        let receipt = match last.provider {
            Carrier::EngageLab => engagelab::uplink(&reply, &state.settings),
            Carrier::Twilio => {
                state.heed(&reply, &last);
                twilio::inbound(&reply, &last, &state.settings)
            }
        };
        state.replies.push(reply.clone());
        (reply, receipt)
    };
    let told = receipt.is_some();
    if let Some(receipt) = receipt {
        tokio::spawn(async move { receipts::tell(&world, receipt).await });
    }
    Ok(Json(json!({"reply": reply, "told": told})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switched {
    number: String,
    state: Handset,
}

/// Somebody's phone is switched off or on, or turns out to hang on a wall.
async fn handset(State(world): State<World>, bytes: Bytes) -> Answer {
    let switched: Switched = read(&bytes)?;
    if !is_phone(&switched.number) {
        return Err(Refusal::parameter("number", "is not a valid phone number"));
    }
    world.state().handsets.insert(digits(&switched.number), switched.state);
    Ok(Json(json!({"number": switched.number, "state": switched.state})))
}
