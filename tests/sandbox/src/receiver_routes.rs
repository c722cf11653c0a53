//! `/receiver/{name}`: the routes of the customer's receivers.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::{
    calendly::refusal::Refusal,
    people::{Answer, read},
    receiver::Behavior,
    signature::Secret,
    world::World,
};

/// How many deliveries of each receiver `/receiver.json` shows.
const NEWEST: usize = 50;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/receiver.json", get(show_all).delete(remove_all))
        .route("/receiver/{name}", post(receive).put(set_up).get(show).delete(remove))
}

async fn receive(State(world): State<World>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let (status, answer, delay) = {
        let mut state = world.state();
        let (delivery, delay) = state.receivers.entry(name).or_default().receive(&headers, &body, Timestamp::now());
        let answer = json!({"outcome": delivery.outcome, "v1": delivery.v1, "xVai": delivery.x_vai});
        (delivery.status, answer, delay)
    };
    tokio::time::sleep(delay).await;
    match status.map(StatusCode::from_u16) {
        Some(status) => (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(answer)).into_response(),
        None => std::future::pending().await,
    }
}

/// Changes a receiver. What is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Null removes it.
    #[serde(default, deserialize_with = "read_given")]
    secret: Option<Option<String>>,
    behavior: Option<Behavior>,
}

/// Reads a value that is there, null or not.
fn read_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn set_up(State(world): State<World>, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let change: Change = read(&bytes)?;
    let secret = change.secret.map(|given| given.map(Secret::parse).transpose()).transpose();
    let secret = secret.map_err(|problem| Refusal::parameter("secret", problem))?;
    let mut state = world.state();
    let receiver = state.receivers.entry(name).or_default();
    if let Some(secret) = secret {
        receiver.secret = secret;
    }
    if let Some(behavior) = change.behavior {
        receiver.behavior = behavior;
    }
    Ok(Json(receiver.view(0)))
}

/// Shows a receiver with all its deliveries.
async fn show(State(world): State<World>, Path(file): Path<String>) -> Response {
    let state = world.state();
    match file.strip_suffix(".json").and_then(|name| state.receivers.get(name)) {
        Some(receiver) => Json(receiver.view(usize::MAX)).into_response(),
        None => {
            let error = "no receiver: see /receiver.json; deliveries are posted to /receiver/<name>, and \
                         /receiver/<name>.json shows them";
            (StatusCode::NOT_FOUND, Json(json!({"error": error}))).into_response()
        }
    }
}

/// Shows all receivers with their newest deliveries.
async fn show_all(State(world): State<World>) -> Json<Map<String, Value>> {
    let state = world.state();
    Json(state.receivers.iter().map(|(name, receiver)| (name.clone(), receiver.view(NEWEST))).collect())
}

async fn remove(State(world): State<World>, Path(name): Path<String>) -> StatusCode {
    world.state().receivers.remove(&name);
    StatusCode::NO_CONTENT
}

async fn remove_all(State(world): State<World>) -> StatusCode {
    world.state().receivers.clear();
    StatusCode::NO_CONTENT
}
