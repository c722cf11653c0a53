//! Shows what was received: `/inbox.json`, `/calendly.json`, `/crm.json`, and all as a page.

use axum::{Json, Router, extract::State, response::Html, routing::get};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{keys, world::World};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/inbox.json", get(inbox))
        .route("/calendly.json", get(calendly))
        .route("/crm.json", get(crm))
}

async fn inbox(State(world): State<World>) -> Json<Value> {
    let state = world.state();
    let bodies = |path: &str| -> Vec<Value> {
        let acted = state.vai.iter().filter(|call| call.path == path && !call.repeat);
        acted.map(|call| with_time(&call.body, call.at)).collect()
    };
    let handsets: Map<String, Value> =
        state.handsets.iter().map(|(digits, handset)| (format!("+{digits}"), json!(handset))).collect();
    let opted_out: Vec<Value> = state
        .opted_out
        .iter()
        .map(|(digits, sender)| json!({"number": format!("+{digits}"), "sender": sender}))
        .collect();
    Json(json!({
        "sms": state.sms, "replies": state.replies, "handsets": handsets, "opted_out": opted_out,
        "emails": state.emails, "ses_events": state.ses_events, "receipts": state.receipts,
        "vai": state.vai, "followups": bodies("/followup/schedule"), "analytics": bodies("/analytics/log"),
        "deliveries": state.deliveries, "refused": state.refused,
    }))
}

fn with_time(body: &Value, at: Timestamp) -> Value {
    let mut body = body.clone();
    body["at"] = json!(at);
    body
}

/// Returns Brevo's accounts, by the number of their keys: 1 is the first.
async fn crm(State(world): State<World>) -> Json<Value> {
    let state = world.state();
    let accounts = keys::BREVO_ACCOUNTS
        .iter()
        .enumerate()
        .filter_map(|(index, key)| Some(((index + 1).to_string(), json!(state.crm.get(*key)?))));
    Json(Value::Object(accounts.collect()))
}

async fn calendly(State(world): State<World>) -> Json<Value> {
    let state = world.state();
    let now = Timestamp::now();
    let calendar = &state.calendar;
    let events: Vec<Value> =
        calendar.events.iter().map(|event| calendar.event_rest_view(event, now, &state.settings)).collect();
    Json(json!({"events": events, "invitees": calendar.invitees, "subscriptions": calendar.subscriptions}))
}
