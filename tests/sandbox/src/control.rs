//! `/control`: makes the world misbehave, changes its settings, starts it anew.

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
    faults::Fault,
    world::{Settings, World},
};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/settings", get(settings).post(change_settings))
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

/// Takes any of the settings; the others stay as they are.
async fn change_settings(State(world): State<World>, body: Bytes) -> Response {
    let mut state = world.state();
    let changed = serde_json::from_slice::<serde_json::Map<String, Value>>(&body).and_then(|changes| {
        let mut all = serde_json::to_value(&state.settings)?;
        for (key, value) in changes {
            all[key] = value;
        }
        serde_json::from_value::<Settings>(all)
    });
    match changed {
        Ok(settings) => {
            state.settings = settings.clone();
            Json(settings).into_response()
        }
        Err(error) => wrong(&error),
    }
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
