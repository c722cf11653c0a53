//! For tests: Calendly's answers, and an adapter that reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime::Secrets;
use serde_json::{Value, json};
use stand_in::Answer;

pub(crate) fn ok(body: &Value) -> Answer {
    Answer::json(200, body)
}

pub(crate) fn resource(resource: &Value) -> Answer {
    ok(&json!({"resource": resource}))
}

pub(crate) fn made(resource: &Value) -> Answer {
    Answer::json(201, json!({"resource": resource}))
}

pub(crate) fn none() -> Answer {
    Answer::new(204, "")
}

pub(crate) fn page(collection: Value, next: Option<&str>) -> Answer {
    ok(&json!({"collection": collection, "pagination": {"count": 1, "next_page_token": next}}))
}

pub(crate) fn client() -> reqwest::Client {
    http_client::client().expect("a client")
}

/// The token's owner.
pub(crate) const ME: &str = "https://api.calendly.com/users/U1";
pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/O1";

pub(crate) fn me() -> (&'static str, Answer) {
    let me = json!({
        "uri": ME, "name": "Maria Host", "email": "maria@example.com", "timezone": "Europe/Bucharest",
        "scheduling_url": "https://calendly.com/maria", "current_organization": ORGANIZATION,
    });
    ("GET /users/me ", resource(&me))
}

/// An invitee of the event `E1`, as Calendly returns it.
pub(crate) fn invitee(id: &str) -> Value {
    json!({
        "uri": format!("https://api.calendly.com/scheduled_events/E1/invitees/{id}"),
        "event": "https://api.calendly.com/scheduled_events/E1",
        "email": "ana@example.com", "name": "Ana Pop", "status": "active", "timezone": "Europe/Bucharest",
        "created_at": "2027-01-09T10:00:00.000000Z", "updated_at": "2027-01-09T10:00:00.000000Z",
        "questions_and_answers": [], "rescheduled": false, "old_invitee": null, "new_invitee": null,
        "tracking": {"utm_content": TOKEN}, "text_reminder_number": "+40712345678", "no_show": null,
        "cancel_url": "https://calendly.com/cancellations/I1",
        "reschedule_url": "https://calendly.com/reschedulings/I1",
    })
}

pub(crate) const TOKEN: &str = "vai1-abcdefghijklmnopqrstuvwxyz";

/// The event `E1`, as Calendly returns it.
pub(crate) fn event() -> Value {
    json!({
        "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Intro call", "status": "active",
        "start_time": "2127-01-11T09:00:00.000000Z", "end_time": "2127-01-11T09:30:00.000000Z",
        "event_type": "https://api.calendly.com/event_types/T1", "event_memberships": [{"user_name": "Maria Host"}],
        "location": {"type": "zoom", "join_url": "https://zoom.example/1"},
        "invitees_counter": {"active": 1, "limit": 1, "total": 1}, "event_guests": [],
    })
}

/// Returns a resource with some keys changed.
pub(crate) fn with(resource: Value, changes: &Value) -> Value {
    let mut resource = resource;
    for (key, value) in changes.as_object().expect("an object") {
        resource[key] = value.clone();
    }
    resource
}

pub(crate) fn rest(base_url: &str) -> crate::Rest {
    crate::Rest::new(client(), base_url, secrets())
}

pub(crate) fn secrets() -> Arc<Secrets> {
    let named = [("t/default/providers", r#"{"calendly_token":"a-token"}"#), ("t/empty/providers", "{}")];
    let secrets: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Arc::new(Secrets::fixed("t/", secrets))
}
