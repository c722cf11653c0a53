//! Calendly's webhooks about one meeting, in the shape of the recorded ones.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Our token in the stories' bookings.
pub(crate) const TOKEN: &str = "vai1-abcdefghijklmnopqrstuvwxyz";
pub(crate) const NAME: &str = "Ana Ionescu";
pub(crate) const EMAIL: &str = "ana.ionescu@example.com";
pub(crate) const PHONE: &str = "+40712345678";
pub(crate) const NOTES: &str = "Vrea să vadă modulul de facturare";

/// An instant, written as RFC 3339.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// One invitee of one scheduled event, as Calendly holds it.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    pub(crate) number: u32,
    pub(crate) booked: Timestamp,
    pub(crate) start: Timestamp,
    pub(crate) minutes: i64,
    pub(crate) zone: Value,
    pub(crate) token: Option<&'static str>,
    pub(crate) phone: Option<&'static str>,
    pub(crate) previous: Option<u32>,
    /// Where people meet, if it is not online.
    pub(crate) location: Option<&'static str>,
    /// When the invitee confirmed once more.
    pub(crate) reconfirmed: Option<&'static str>,
}

impl Meeting {
    /// A meeting of half an hour, booked by VAI's agent for Ana in Bucharest.
    pub(crate) fn new(number: u32, booked: &str, start: &str) -> Self {
        Self {
            number,
            booked: at(booked),
            start: at(start),
            minutes: 30,
            zone: json!("Europe/Bucharest"),
            token: Some(TOKEN),
            phone: Some(PHONE),
            previous: None,
            location: None,
            reconfirmed: None,
        }
    }

    /// The meeting that this one is moved to.
    pub(crate) fn moved(&self, number: u32, at_: &str, start: &str) -> Self {
        Self { number, booked: at(at_), start: at(start), previous: Some(self.number), ..self.clone() }
    }

    pub(crate) fn invitee_uri(number: u32) -> String {
        format!("https://api.calendly.com/scheduled_events/event-{number}/invitees/invitee-{number}")
    }

    fn payload(&self, updated: Timestamp) -> Value {
        let questions = match self.phone {
            Some(phone) => {
                json!([{"question": "Company", "answer": "Exemplu SRL", "position": 0}, {"question": "Phone number", "answer": phone, "position": 1}])
            }
            None => json!([]),
        };
        let location = match self.location {
            Some(location) => json!({"type": "physical", "location": location}),
            None => {
                json!({"type": "zoom_conference", "status": "pushed", "join_url": format!("https://zoom.example/j/{}", self.number)})
            }
        };
        let reconfirmation =
            self.reconfirmed.map(|at| json!({"created_at": self.booked.to_string(), "confirmed_at": at}));
        json!({
            "uri": Self::invitee_uri(self.number),
            "event": format!("https://api.calendly.com/scheduled_events/event-{}", self.number),
            "email": EMAIL, "name": NAME, "first_name": "Ana", "last_name": "Ionescu",
            "status": "active", "timezone": self.zone,
            "created_at": self.booked.to_string(), "updated_at": updated.to_string(),
            "questions_and_answers": questions,
            "tracking": {"utm_campaign": null, "utm_source": null, "utm_medium": null, "utm_content": self.token, "utm_term": null, "salesforce_uuid": null},
            "text_reminder_number": null, "rescheduled": false,
            "old_invitee": self.previous.map(Self::invitee_uri), "new_invitee": null,
            "cancel_url": format!("https://calendly.com/cancellations/invitee-{}", self.number),
            "reschedule_url": format!("https://calendly.com/reschedulings/invitee-{}", self.number),
            "routing_form_submission": null, "payment": null, "no_show": null, "reconfirmation": reconfirmation,
            "scheduled_event": {
                "uri": format!("https://api.calendly.com/scheduled_events/event-{}", self.number),
                "name": "Sales Demo", "status": "active",
                "start_time": self.start.to_string(),
                "end_time": (self.start + SignedDuration::from_mins(self.minutes)).to_string(),
                "event_type": "https://api.calendly.com/event_types/sales-demo",
                "location": location,
                "invitees_counter": {"total": 1, "active": 1, "limit": 1},
                "event_memberships": [{"user": "https://api.calendly.com/users/maria", "user_email": "maria@example.com", "user_name": "Maria Popescu"}],
                "event_guests": [], "created_at": self.booked.to_string(), "updated_at": updated.to_string(),
            },
        })
    }

    fn body(event: &str, created_at: Timestamp, payload: &Value) -> Vec<u8> {
        json!({"event": event, "created_at": created_at.to_string(), "created_by": "https://api.calendly.com/users/maria", "payload": payload})
            .to_string()
            .into_bytes()
    }

    /// `invitee.created`.
    pub(crate) fn created(&self) -> Vec<u8> {
        Self::body("invitee.created", self.booked, &self.payload(self.booked))
    }

    /// `invitee.canceled`, by `invitee` or `host`.
    pub(crate) fn canceled(&self, when: &str, by: &str, reason: &str) -> Vec<u8> {
        let mut payload = self.payload(at(when));
        payload["status"] = json!("canceled");
        payload["cancellation"] =
            json!({"canceled_by": NAME, "reason": reason, "canceler_type": by, "created_at": at(when).to_string()});
        Self::body("invitee.canceled", at(when), &payload)
    }

    /// `invitee_no_show.created`, or `.deleted`.
    pub(crate) fn no_show(&self, when: &str, marked: bool) -> Vec<u8> {
        let mut payload = self.payload(self.booked);
        if marked {
            payload["no_show"] =
                json!({"uri": "https://api.calendly.com/invitee_no_shows/1", "created_at": at(when).to_string()});
        }
        let event = if marked { "invitee_no_show.created" } else { "invitee_no_show.deleted" };
        Self::body(event, at(when), &payload)
    }

    /// The old half of a move to `next`: `invitee.canceled` with `rescheduled`.
    pub(crate) fn moved_away(&self, next: &Self) -> Vec<u8> {
        let payload = self.given_up_for(next);
        Self::body("invitee.canceled", next.booked, &payload)
    }

    fn given_up_for(&self, next: &Self) -> Value {
        let mut payload = self.payload(next.booked);
        payload["status"] = json!("canceled");
        payload["rescheduled"] = json!(true);
        payload["new_invitee"] = json!(Self::invitee_uri(next.number));
        payload["cancellation"] = json!({"canceled_by": NAME, "reason": null, "canceler_type": "invitee", "created_at": next.booked.to_string()});
        payload
    }

    /// The two REST resources, as Calendly answers them.
    pub(crate) fn looked_up(&self, next: Option<&Self>) -> domain::Fact {
        self.looked_up_changed(next, |_| {})
    }

    /// What Calendly answers when it is asked, with another payload.
    pub(crate) fn looked_up_changed(&self, next: Option<&Self>, change: impl FnOnce(&mut Value)) -> domain::Fact {
        let mut invitee = next.map_or_else(|| self.payload(self.booked), |next| self.given_up_for(next));
        change(&mut invitee);
        let event = invitee.as_object_mut().and_then(|it| it.remove("scheduled_event")).expect("an event");
        let resource = |value: &Value| json!({"resource": value}).to_string().into_bytes();
        wire::calendly::parse_looked_up(&resource(&invitee), &resource(&event)).expect("resources")
    }
}
