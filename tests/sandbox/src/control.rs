//! `/control`: makes the world misbehave, changes its settings and its event types, starts it anew.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    calendly::{catalog::Change, refusal::Refusal, webhooks},
    engagelab,
    faults::Fault,
    people::read,
    random::Dice,
    receipts::{self, Receipt},
    world::{self, Settings, World},
};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/settings", get(settings).post(change_settings))
        .route("/control/event_type", post(change_event_type))
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
        Err(error) => wrong(&error),
    }
}

async fn clear_faults(State(world): State<World>) -> StatusCode {
    world.state().faults.clear();
    StatusCode::NO_CONTENT
}

async fn settings(State(world): State<World>) -> Json<Settings> {
    Json(world.state().settings.clone())
}

/// Takes any of the settings; the others stay as they are. A callback URL is probed before it is used, as when somebody
/// enters it in the console.
async fn change_settings(State(world): State<World>, body: Bytes) -> Response {
    let (answer, probe) = change(&mut world.state(), &body);
    if let Some(probe) = probe {
        receipts::tell(&world, probe).await;
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
                state.dice = Dice::new(settings.seed);
            }
            let is_new = settings.engagelab_callback_url != state.settings.engagelab_callback_url;
            let probe = settings.engagelab_callback_url.as_deref().filter(|_| is_new).map(engagelab::probe);
            state.settings = settings.clone();
            (Json(settings).into_response(), probe)
        }
        Err(error) => (wrong(&error), None),
    }
}

/// What somebody does on Calendly's page of event types: `{"uuid", "name"?, "active"?, "deleted"?}`. A UUID that is not
/// known becomes a new one. Subscribers are told.
async fn change_event_type(State(world): State<World>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let change: Change = read(&body)?;
    let (view, notice) = world.state().catalog.change(change, jiff::Timestamp::now());
    webhooks::tell(&world, vec![notice]);
    Ok(Json(view))
}

/// `{"keep_subscriptions": true}` leaves the webhook subscriptions in place.
async fn reset(State(world): State<World>, body: Bytes) -> StatusCode {
    let keep = serde_json::from_slice::<Value>(&body).is_ok_and(|body| body["keep_subscriptions"] == true);
    world.state().reset(keep);
    StatusCode::NO_CONTENT
}

fn wrong(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error.to_string()}))).into_response()
}
