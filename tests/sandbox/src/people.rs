//! `/people`: what a person does on Calendly's own pages. No key is needed; the rules for bookings are those of the
//! API.

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    calendly::{calendar::Order, catalog::EventType, order, refusal::Refusal, webhooks},
    world::World,
};

pub(crate) type Answer = Result<Json<Value>, Refusal>;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/people/book", post(book))
        .route("/people/cancel", post(cancel))
        .route("/people/move", post(move_booking))
        .route("/people/host_cancel", post(host_cancel))
}

/// Parses a posted body.
pub(crate) fn read<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::parameter("body", &error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Booking {
    event_type: String,
    start_time: String,
    name: String,
    email: String,
    timezone: String,
    phone: Option<String>,
    /// The answers by question.
    #[serde(default)]
    answers: Map<String, Value>,
    /// Instead of the first suitable location of the event type: `{kind, location?}`.
    location: Option<Value>,
    guests: Option<Value>,
    utm_campaign: Option<String>,
    utm_source: Option<String>,
    utm_medium: Option<String>,
    utm_content: Option<String>,
    utm_term: Option<String>,
    salesforce_uuid: Option<String>,
}

impl Booking {
    /// Returns the body of `POST /invitees` for this booking.
    fn body(&self, event_type: &EventType) -> Value {
        let mut invitee = json!({"name": self.name, "email": self.email, "timezone": self.timezone});
        if let Some(phone) = &self.phone {
            invitee["text_reminder_number"] = json!(phone);
        }
        let answers: Vec<Value> = self
            .answers
            .iter()
            .map(|(question, answer)| {
                let position = event_type.questions.iter().position(|one| one.name == question).unwrap_or_default();
                json!({"question": question, "answer": answer, "position": position})
            })
            .collect();
        let mut body = json!({
            "event_type": event_type.uri(), "start_time": self.start_time, "invitee": invitee,
            "questions_and_answers": answers,
            "tracking": {
                "utm_campaign": self.utm_campaign, "utm_source": self.utm_source, "utm_medium": self.utm_medium,
                "utm_content": self.utm_content, "utm_term": self.utm_term, "salesforce_uuid": self.salesforce_uuid,
            },
        });
        if let Some(location) = self.location.clone().or_else(|| self.first_location(event_type)) {
            body["location"] = location;
        }
        if let Some(guests) = &self.guests {
            body["event_guests"] = guests.clone();
        }
        body
    }

    /// Returns the first location of the event type that needs no further input. The location of a team can't be
    /// chosen.
    fn first_location(&self, event_type: &EventType) -> Option<Value> {
        let places = if event_type.is_team() { &[] } else { event_type.places };
        places.iter().find_map(|place| match (place.kind, place.location, &self.phone) {
            ("outbound_call", _, Some(phone)) => Some(json!({"kind": place.kind, "location": phone})),
            ("outbound_call" | "ask_invitee", ..) => None,
            (kind, Some(location), _) => Some(json!({"kind": kind, "location": location})),
            (kind, None, _) => Some(json!({"kind": kind})),
        })
    }
}

async fn book(State(world): State<World>, bytes: Bytes) -> Answer {
    let booking: Booking = read(&bytes)?;
    let now = Timestamp::now();
    let (invitee, notice) = {
        let mut state = world.state();
        let event_type = state.catalog.find(&booking.event_type).ok_or_else(Refusal::not_found)?;
        let order = order::read(&booking.body(&event_type), &state.catalog, now)?;
        let settings = state.settings.clone();
        state.calendar.book(Order { scheduling_method: None, ..order }, now, &settings)?
    };
    webhooks::notify(&world, vec![notice]);
    Ok(Json(json!({"invitee": invitee.uri, "event": invitee.event})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    /// URI or UUID.
    invitee: String,
    reason: Option<String>,
}

async fn cancel(State(world): State<World>, bytes: Bytes) -> Answer {
    let cancel: Cancel = read(&bytes)?;
    let (cancellation, notice) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        state.calendar.cancel_invitee(&cancel.invitee, cancel.reason, Timestamp::now(), &settings)?
    };
    webhooks::notify(&world, vec![notice]);
    Ok(Json(json!({"invitee": cancel.invitee, "cancellation": cancellation})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    /// URI or UUID.
    invitee: String,
    start_time: Timestamp,
}

async fn move_booking(State(world): State<World>, bytes: Bytes) -> Answer {
    let wanted: Move = read(&bytes)?;
    let (invitee, notices) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        state.calendar.move_invitee(&wanted.invitee, wanted.start_time, Timestamp::now(), &settings)?
    };
    webhooks::notify(&world, notices);
    Ok(Json(json!({"invitee": invitee.uri, "event": invitee.event, "old_invitee": invitee.old_invitee})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostCancel {
    /// URI or UUID.
    event: String,
    reason: Option<String>,
}

async fn host_cancel(State(world): State<World>, bytes: Bytes) -> Answer {
    let cancel: HostCancel = read(&bytes)?;
    let (cancellation, notices) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        state.calendar.cancel_event(&cancel.event, cancel.reason, Timestamp::now(), &settings)?
    };
    webhooks::notify(&world, notices);
    Ok(Json(json!({"event": cancel.event, "cancellation": cancellation})))
}
