//! `/people/reply` and `/people/handset`: what a person does with a phone.

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    calendly::refusal::Refusal,
    callbacks,
    check::is_phone,
    engagelab,
    people::{Answer, read},
    random,
    sms::{Carrier, Handset, Reply, digits},
    twilio,
    world::World,
};

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/people/reply", post(reply)).route("/people/handset", post(handset))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyRequest {
    /// The person's number.
    from: String,
    text: String,
}

/// Replies to the last message that the number received.
async fn reply(State(world): State<World>, bytes: Bytes) -> Answer {
    let request: ReplyRequest = read(&bytes)?;
    let (reply, receipt) = {
        let mut state = world.state();
        let person = digits(&request.from);
        let last = state.sms.iter().rev().find(|sms| digits(&sms.to) == person).cloned();
        let last = last.ok_or_else(|| Refusal::parameter("from", "nobody has texted this number"))?;
        if !is_phone(&last.from) {
            return Err(Refusal::parameter("from", "the last message came from a name, which nobody can answer"));
        }
        let reply = Reply {
            provider: last.provider,
            message_id: match last.provider {
                Carrier::EngageLab => random::number(),
                Carrier::Twilio => twilio::sid("SM"),
            },
            from: format!("+{person}"),
            to: last.from.clone(),
            text: request.text,
            at: Timestamp::now(),
        };
        let receipt = match last.provider {
            Carrier::EngageLab => engagelab::uplink(&reply, &state.settings),
            Carrier::Twilio => {
                state.record_opt_out(&reply, &last);
                twilio::inbound(&reply, &last, &state.settings)
            }
        };
        state.replies.push(reply.clone());
        (reply, receipt)
    };
    let is_posted = receipt.is_some();
    if let Some(receipt) = receipt {
        tokio::spawn(async move { callbacks::deliver(&world, receipt).await });
    }
    Ok(Json(json!({"reply": reply, "told": is_posted})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandsetRequest {
    number: String,
    state: Handset,
}

/// Sets the state of a phone.
async fn handset(State(world): State<World>, bytes: Bytes) -> Answer {
    let request: HandsetRequest = read(&bytes)?;
    if !is_phone(&request.number) {
        return Err(Refusal::parameter("number", "is not a valid phone number"));
    }
    world.state().handsets.insert(digits(&request.number), request.state);
    Ok(Json(json!({"number": request.number, "state": request.state})))
}
