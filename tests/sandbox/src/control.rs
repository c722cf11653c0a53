//! `/control`: adds faults, changes settings and event types, shows messages, ends logins, resets the sandbox.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    calendly::{catalog::Change, refusal::Refusal, webhooks},
    callbacks, engagelab,
    faults::Fault,
    mail::{self, Email, EmailDelivery},
    people::read,
    random::{self, SeededRandom},
    receipts::Receipt,
    settings::Settings,
    sms::{self, Delivery, Sms},
    world::{self, World},
};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/settings", get(settings).post(change_settings))
        .route("/control/event_type", post(change_event_type))
        .route("/control/show", post(show))
        .route("/control/revoke", post(revoke))
        .route("/control/reset", post(reset))
}

async fn faults(State(world): State<World>) -> Json<Vec<Fault>> {
    Json(world.state().faults.clone())
}

async fn add_fault(State(world): State<World>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            world.state().faults.push(fault.clone());
            (StatusCode::CREATED, Json(fault)).into_response()
        }
        Err(error) => bad_request(&error),
    }
}

async fn clear_faults(State(world): State<World>) -> StatusCode {
    world.state().faults.clear();
    StatusCode::NO_CONTENT
}

async fn settings(State(world): State<World>) -> Json<Settings> {
    Json(world.state().settings.clone())
}

/// Changes the given settings. A new callback URL of `EngageLab` gets a probe, as when somebody enters it in the
/// console.
async fn change_settings(State(world): State<World>, body: Bytes) -> Response {
    let (answer, probe) = change(&mut world.state(), &body);
    if let Some(probe) = probe {
        callbacks::deliver(&world, probe).await;
    }
    answer
}

fn change(state: &mut world::State, body: &Bytes) -> (Response, Option<Receipt>) {
    let changed = serde_json::from_slice::<serde_json::Map<String, Value>>(body).and_then(|changes| {
        let mut all = serde_json::to_value(&state.settings)?;
        for (key, value) in changes {
            all[key] = value;
        }
        serde_json::from_value::<Settings>(all)
    });
    match changed {
        Ok(settings) => {
            if settings.seed != state.settings.seed {
                state.random = SeededRandom::new(settings.seed);
            }
            let is_new = settings.engagelab_callback_url != state.settings.engagelab_callback_url;
            let probe = settings.engagelab_callback_url.as_deref().filter(|_| is_new).map(engagelab::probe);
            state.settings = settings.clone();
            (Json(settings).into_response(), probe)
        }
        Err(error) => (bad_request(&error), None),
    }
}

/// Changes an event type, as on Calendly's page: `{"uuid", "name"?, "active"?, "deleted"?}`. An unknown UUID creates an
/// event type. Subscribers are notified.
async fn change_event_type(State(world): State<World>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let change: Change = read(&body)?;
    let (view, notice) = world.state().catalog.change(change, jiff::Timestamp::now());
    webhooks::notify(&world, vec![notice]);
    Ok(Json(view))
}

/// Messages to be shown on the page without having been sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Shown {
    sms: Vec<ShownSms>,
    emails: Vec<ShownEmail>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownSms {
    from: String,
    to: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownEmail {
    from: String,
    to: String,
    subject: String,
    text: String,
    html: Option<String>,
}

/// Puts messages into the inbox as if they had arrived: `{"sms": [{"from", "to", "text"}], "emails": [{"from", "to",
/// "subject", "text", "html"?}]}`. No receipts are sent for them.
async fn show(State(world): State<World>, body: Bytes) -> Result<StatusCode, Refusal> {
    let Shown { sms, emails } = read(&body)?;
    let mut state = world.state();
    state.sms.extend(sms.into_iter().map(|one| Sms {
        delivery: Delivery::Delivered,
        ..Sms::new(sms::Carrier::Twilio, random::uuid(), &one.from, &one.to, one.text)
    }));
    state.emails.extend(emails.into_iter().map(|one| Email {
        from: Some(one.from),
        subject: one.subject,
        text: one.text,
        html: one.html,
        delivery: EmailDelivery::Delivered,
        ..Email::new(mail::Carrier::Ses, random::uuid(), &[one.to])
    }));
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the tokens of all logins, as when the people remove the app from their Calendly accounts.
async fn revoke(State(world): State<World>) -> StatusCode {
    world.state().logins.revoke_all();
    StatusCode::NO_CONTENT
}

/// `{"keep_subscriptions": true}` leaves the webhook subscriptions in place.
async fn reset(State(world): State<World>, body: Bytes) -> StatusCode {
    let keep = serde_json::from_slice::<Value>(&body).is_ok_and(|body| body["keep_subscriptions"] == true);
    world.state().reset(keep);
    StatusCode::NO_CONTENT
}

fn bad_request(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error.to_string()}))).into_response()
}
