//! `/agent/book`: what VAI's backend does when an agent books for somebody. It leaves the booking's metadata in the
//! program's table under a new tracking token, then books at Calendly with the token in `utm_content`.

use std::pin::Pin;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    keys,
    people::{Form, find_event_type, read},
    random,
    world::World,
};

/// What VAI knows of a booking and Calendly does not.
#[derive(Debug, Clone, Serialize)]
pub struct Metadata {
    pub conversation_id: String,
    pub user_id: String,
    pub agent_type: String,
    /// As VAI asked for it: a name, a slug or a URI.
    pub event_type: String,
    /// Who booked: `vai_agent`.
    pub source: String,
    pub notes: Option<String>,
    pub language: Option<String>,
    pub timezone: String,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
}

/// What [`MetadataRows::put`] answers.
pub type Put<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Where the metadata of a booking is kept.
pub trait MetadataRows: Send + Sync {
    /// Writes the row of a token, before Calendly hears of the booking.
    fn put<'a>(&'a self, connection: &'a str, token: &'a str, metadata: &'a Metadata) -> Put<'a>;
}

/// Keeps nothing: the bookings look as if VAI had not made them.
pub struct NoRows;

impl MetadataRows for NoRows {
    fn put<'a>(&'a self, _: &'a str, _: &'a str, _: &'a Metadata) -> Put<'a> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Booking {
    #[serde(default = "default_connection")]
    connection: String,
    event_type: String,
    name: String,
    email: String,
    timezone: String,
    phone: Option<String>,
    language: Option<String>,
    start_time: String,
    conversation_id: String,
    user_id: String,
    agent_type: String,
    notes: Option<String>,
    /// Question to answer.
    #[serde(default)]
    answers: Map<String, Value>,
}

fn default_connection() -> String {
    "default".to_owned()
}

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/agent/book", post(book))
}

/// Gives Calendly's own answer, with its status, beside the token.
async fn book(State(world): State<World>, bytes: Bytes) -> Response {
    let booking: Booking = match read(&bytes) {
        Ok(booking) => booking,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(event_type) = find_event_type(&booking.event_type) else {
        return failed(StatusCode::BAD_REQUEST, "there is no such event type");
    };
    let token = format!("vai1-{}", random::base32(26));
    let metadata = Metadata {
        conversation_id: booking.conversation_id,
        user_id: booking.user_id,
        agent_type: booking.agent_type,
        event_type: booking.event_type,
        source: "vai_agent".to_owned(),
        notes: booking.notes,
        language: booking.language,
        timezone: booking.timezone.clone(),
        name: booking.name.clone(),
        email: booking.email.clone(),
        phone: booking.phone.clone(),
    };
    if let Err(error) = world.rows().put(&booking.connection, &token, &metadata).await {
        return failed(StatusCode::BAD_GATEWAY, &format!("the metadata could not be written: {error}"));
    }
    let body = Form {
        event_type,
        start_time: &booking.start_time,
        name: &booking.name,
        email: &booking.email,
        timezone: &booking.timezone,
        phone: booking.phone.as_deref(),
        answers: &booking.answers,
        tracking: json!({"utm_source": "vai", "utm_content": token}).as_object().unwrap_or(&Map::new()),
    }
    .body();
    let answer = world
        .http()
        .post(format!("{}/calendly/invitees", world.url()))
        .bearer_auth(keys::CALENDLY)
        .json(&body)
        .send()
        .await;
    match answer {
        Err(error) => failed(StatusCode::BAD_GATEWAY, &format!("Calendly did not answer: {error}")),
        Ok(answer) => {
            let status = answer.status();
            let calendly: Value = answer.json().await.unwrap_or_default();
            let resource = &calendly["resource"];
            let told = json!({
                "token": token, "invitee": resource["uri"], "event": resource["event"], "calendly": calendly,
            });
            (status, Json(told)).into_response()
        }
    }
}

fn failed(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}
