//! `/people`: what a person does on Calendly's own pages. No key is needed; the rules of booking are the same.

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    calendly::{
        calendar::Order,
        catalog::{EVENT_TYPES, EventType},
        order,
        refusal::Refusal,
        webhooks,
    },
    world::World,
};

type Answer = Result<Json<Value>, Refusal>;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/people/book", post(book))
        .route("/people/cancel", post(cancel))
        .route("/people/move", post(move_booking))
        .route("/people/host_cancel", post(host_cancel))
}

/// What was posted, or what is wrong with it, in one sentence.
pub(crate) fn read<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::parameter("body", &error.to_string()))
}

/// An event type by name, slug, URI or UUID.
pub(crate) fn find_event_type(wanted: &str) -> Option<&'static EventType> {
    EVENT_TYPES.iter().find(|event_type| {
        event_type.name.eq_ignore_ascii_case(wanted)
            || event_type.slug == wanted
            || event_type.uuid == wanted
            || event_type.uri() == wanted
    })
}

/// A body for `POST /invitees` out of what a person (or an agent) knows.
pub(crate) struct Form<'a> {
    pub(crate) event_type: &'static EventType,
    pub(crate) start_time: &'a str,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) timezone: &'a str,
    pub(crate) phone: Option<&'a str>,
    pub(crate) answers: &'a Map<String, Value>,
    pub(crate) tracking: &'a Map<String, Value>,
}

impl Form<'_> {
    pub(crate) fn body(&self) -> Value {
        let mut invitee = json!({"name": self.name, "email": self.email, "timezone": self.timezone});
        if let Some(phone) = self.phone {
            invitee["text_reminder_number"] = json!(phone);
        }
        let questions = self.event_type.questions;
        let answers: Vec<Value> = self
            .answers
            .iter()
            .map(|(question, answer)| {
                let position = questions.iter().position(|one| one.name == question).unwrap_or_default();
                json!({"question": question, "answer": answer, "position": position})
            })
            .collect();
        let mut tracking = json!({
            "utm_campaign": null, "utm_source": null, "utm_medium": null, "utm_content": null, "utm_term": null,
            "salesforce_uuid": null,
        });
        for (key, value) in self.tracking {
            tracking[key] = value.clone();
        }
        let mut body = json!({
            "event_type": self.event_type.uri(), "start_time": self.start_time, "invitee": invitee,
            "questions_and_answers": answers, "tracking": tracking,
        });
        if let Some(location) = self.location() {
            body["location"] = location;
        }
        body
    }

    /// The first place on offer that needs nothing more than is known.
    fn location(&self) -> Option<Value> {
        self.event_type.places.iter().find_map(|place| match (place.kind, place.location, self.phone) {
            ("outbound_call", _, Some(phone)) => Some(json!({"kind": place.kind, "location": phone})),
            ("outbound_call", ..) => None,
            (kind, Some(location), _) => Some(json!({"kind": kind, "location": location})),
            (kind, None, _) => Some(json!({"kind": kind})),
        })
    }
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
    /// Question to answer.
    #[serde(default)]
    answers: Map<String, Value>,
    /// Instead of the first place on offer: `{kind, location?}`.
    location: Option<Value>,
    guests: Option<Value>,
    utm_campaign: Option<String>,
    utm_source: Option<String>,
    utm_medium: Option<String>,
    utm_content: Option<String>,
    utm_term: Option<String>,
    salesforce_uuid: Option<String>,
}

async fn book(State(world): State<World>, bytes: Bytes) -> Answer {
    let booking: Booking = read(&bytes)?;
    let event_type = find_event_type(&booking.event_type).ok_or_else(Refusal::not_found)?;
    let tracking = json!({
        "utm_campaign": booking.utm_campaign, "utm_source": booking.utm_source, "utm_medium": booking.utm_medium,
        "utm_content": booking.utm_content, "utm_term": booking.utm_term, "salesforce_uuid": booking.salesforce_uuid,
    });
    let mut body = Form {
        event_type,
        start_time: &booking.start_time,
        name: &booking.name,
        email: &booking.email,
        timezone: &booking.timezone,
        phone: booking.phone.as_deref(),
        answers: &booking.answers,
        tracking: tracking.as_object().unwrap_or(&Map::new()),
    }
    .body();
    if let Some(location) = booking.location {
        body["location"] = location;
    }
    if let Some(guests) = booking.guests {
        body["event_guests"] = guests;
    }
    let now = Timestamp::now();
    let order = Order { scheduling_method: None, ..order::read(&body, now)? };
    let (invitee, notice) = {
        let mut state = world.state();
        let settings = state.settings.clone();
        state.calendar.book(order, now, &settings)?
    };
    webhooks::tell(&world, vec![notice]);
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
    webhooks::tell(&world, vec![notice]);
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
    webhooks::tell(&world, notices);
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
    webhooks::tell(&world, notices);
    Ok(Json(json!({"event": cancel.event, "cancellation": cancellation})))
}
