//! The meetings: booking, canceling and moving them, and their form in the API and in webhooks.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    catalog::EventType,
    hosts::{Host, last_segment},
    micros::Micros,
    refusal::Refusal,
    subscription::{Notice, Subscription},
};
use crate::{
    random,
    settings::{MoveOrder, Settings},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Canceled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CancelerType {
    Host,
    Invitee,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cancellation {
    canceled_by: String,
    reason: Option<String>,
    canceler_type: CancelerType,
    created_at: Micros,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Tracking {
    pub(crate) utm_campaign: Option<String>,
    pub(crate) utm_source: Option<String>,
    pub(crate) utm_medium: Option<String>,
    pub(crate) utm_content: Option<String>,
    pub(crate) utm_term: Option<String>,
    pub(crate) salesforce_uuid: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Answer {
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) position: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct NoShow {
    pub(crate) uri: String,
    pub(crate) created_at: Micros,
}

/// One person's booking.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Invitee {
    pub(crate) uri: String,
    pub(crate) email: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) questions_and_answers: Vec<Answer>,
    pub(crate) timezone: String,
    pub(crate) event: String,
    pub(crate) created_at: Micros,
    pub(crate) updated_at: Micros,
    pub(crate) tracking: Tracking,
    pub(crate) text_reminder_number: Option<String>,
    pub(crate) rescheduled: bool,
    pub(crate) old_invitee: Option<String>,
    pub(crate) new_invitee: Option<String>,
    pub(crate) cancel_url: String,
    pub(crate) reschedule_url: String,
    pub(crate) routing_form_submission: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancellation: Option<Cancellation>,
    pub(crate) payment: Option<Value>,
    pub(crate) no_show: Option<NoShow>,
    pub(crate) reconfirmation: Option<Value>,
    pub(crate) scheduling_method: Option<&'static str>,
    pub(crate) invitee_scheduled_by: Option<String>,
}

/// The location of a meeting, as it was booked.
#[derive(Debug, Clone)]
pub(crate) struct Meeting {
    pub(crate) kind: String,
    pub(crate) location: Option<String>,
}

/// A meeting: one invitee, or several for a group event type.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) uuid: String,
    pub(crate) event_type: Arc<EventType>,
    /// For a team's meeting, the host who was free.
    pub(crate) host: &'static Host,
    pub(crate) status: Status,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    meeting: Meeting,
    guests: Vec<String>,
    created_at: Micros,
    updated_at: Micros,
    cancellation: Option<Cancellation>,
}

impl Event {
    pub(crate) fn uri(&self) -> String {
        format!("https://api.calendly.com/scheduled_events/{}", self.uuid)
    }

    /// Returns the location as the API shows it. A Google Meet link is `processing` at first.
    fn location(&self, now: Timestamp, settings: &Settings) -> Value {
        let short: String = self.uuid.chars().filter(char::is_ascii_alphabetic).cycle().take(10).collect();
        match self.meeting.kind.as_str() {
            "google_conference" => {
                let age = now.as_millisecond() - self.created_at.0.as_millisecond();
                if age < i64::try_from(settings.meet_link_ms).unwrap_or(i64::MAX) {
                    let join_url = format!("https://calendly.com/events/{}/google_meet", self.uuid);
                    json!({"type": "google_conference", "status": "processing", "join_url": join_url})
                } else {
                    let join_url = format!("https://meet.google.com/{}-{}-{}", &short[..3], &short[3..7], &short[7..]);
                    json!({"type": "google_conference", "status": "pushed", "join_url": join_url})
                }
            }
            // Captured from Calendly: the type is `zoom` and the id a number, other than documented.
            "zoom_conference" => {
                let number = u64::from_str_radix(&self.uuid[..8], 16).unwrap_or_default() + 80_000_000_000;
                json!({
                    "type": "zoom", "status": "pushed", "join_url": format!("https://us05web.zoom.us/j/{number}"),
                    "data": {"id": number, "settings": {}, "password": "••••••", "extra": null},
                })
            }
            "physical" => json!({
                "type": "physical", "location": self.meeting.location,
                "additional_info": self.event_type.places.iter().find_map(|place| place.additional_info),
            }),
            kind => json!({"type": kind, "location": self.meeting.location}),
        }
    }
}

/// A booking to be made.
pub(crate) struct Order {
    pub(crate) event_type: Arc<EventType>,
    pub(crate) start: Timestamp,
    pub(crate) name: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) email: String,
    pub(crate) timezone: String,
    pub(crate) text_reminder_number: Option<String>,
    pub(crate) meeting: Meeting,
    pub(crate) answers: Vec<Answer>,
    pub(crate) tracking: Tracking,
    pub(crate) guests: Vec<String>,
    pub(crate) scheduling_method: Option<&'static str>,
}

/// All bookings and subscriptions.
#[derive(Default)]
pub(crate) struct Calendar {
    pub(crate) events: Vec<Event>,
    pub(crate) invitees: Vec<Invitee>,
    pub(crate) subscriptions: Vec<Subscription>,
}

impl Calendar {
    pub(crate) fn event(&self, uri_or_uuid: &str) -> Option<&Event> {
        let uuid = last_segment(uri_or_uuid);
        self.events.iter().find(|event| event.uuid == uuid)
    }

    fn event_mut(&mut self, uri: &str) -> Option<&mut Event> {
        let uuid = last_segment(uri);
        self.events.iter_mut().find(|event| event.uuid == uuid)
    }

    pub(crate) fn invitee(&self, uri_or_uuid: &str) -> Option<&Invitee> {
        let uuid = last_segment(uri_or_uuid);
        self.invitees.iter().find(|invitee| last_segment(&invitee.uri) == uuid)
    }

    pub(crate) fn invitee_mut(&mut self, uri: &str) -> Option<&mut Invitee> {
        self.invitees.iter_mut().find(|invitee| invitee.uri == uri)
    }

    pub(crate) fn invitees_of<'a>(&'a self, event: &Event) -> impl Iterator<Item = &'a Invitee> {
        let uri = event.uri();
        self.invitees.iter().filter(move |invitee| invitee.event == uri)
    }

    fn active(&self, event: &Event) -> usize {
        self.invitees_of(event).filter(|invitee| invitee.status == Status::Active).count()
    }

    /// Returns how many more people can book this start, and with which host. Nothing when it is not available.
    pub(crate) fn room(&self, event_type: &EventType, start: Timestamp) -> Option<(usize, &'static Host)> {
        if !event_type.offers(start) {
            return None;
        }
        let rooms = event_type.hosts.iter().map(|host| (self.room_with(host, event_type, start), *host));
        rooms.into_iter().find(|(room, _)| *room > 0)
    }

    fn room_with(&self, host: &Host, event_type: &EventType, start: Timestamp) -> usize {
        let end = start + event_type.duration();
        let mut meetings = self.events.iter().filter(|event| {
            event.status == Status::Active && event.host.uuid == host.uuid && event.start < end && start < event.end
        });
        match (meetings.next(), meetings.next()) {
            (None, _) => event_type.limit,
            // A group meeting with the same start can be joined. Any other meeting blocks the time.
            (Some(event), None) if event.event_type.uuid == event_type.uuid && event.start == start => {
                event_type.limit - self.active(event).min(event_type.limit)
            }
            _ => 0,
        }
    }

    /// Makes a booking. Returns it and its webhook.
    pub(crate) fn book(
        &mut self,
        order: Order,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<(Invitee, Notice), Refusal> {
        let invitee = self.add_invitee(order, now)?;
        let notice = self.notice("invitee.created", &invitee, now, settings);
        Ok((invitee, notice))
    }

    fn add_invitee(&mut self, order: Order, now: Timestamp) -> Result<Invitee, Refusal> {
        if order.start <= now {
            return Err(Refusal::parameter("start_time", "start_time must be in the future"));
        }
        let (_, host) = self.room(&order.event_type, order.start).ok_or_else(Refusal::already_filled)?;
        let joined = self.events.iter_mut().find(|event| {
            event.status == Status::Active
                && event.event_type.uuid == order.event_type.uuid
                && event.host.uuid == host.uuid
                && event.start == order.start
        });
        let event = match joined {
            Some(event) => {
                event.guests.extend(order.guests);
                event.updated_at = Micros(now);
                event.uri()
            }
            None => {
                let event = Event {
                    uuid: random::uuid(),
                    end: order.start + order.event_type.duration(),
                    event_type: order.event_type,
                    host,
                    status: Status::Active,
                    start: order.start,
                    meeting: order.meeting,
                    guests: order.guests,
                    created_at: Micros(now),
                    updated_at: Micros(now),
                    cancellation: None,
                };
                let uri = event.uri();
                self.events.push(event);
                uri
            }
        };
        let uuid = random::uuid();
        let invitee = Invitee {
            uri: format!("{event}/invitees/{uuid}"),
            email: order.email,
            first_name: order.first_name,
            last_name: order.last_name,
            name: order.name,
            status: Status::Active,
            questions_and_answers: order.answers,
            timezone: order.timezone,
            event,
            created_at: Micros(now),
            updated_at: Micros(now),
            tracking: order.tracking,
            text_reminder_number: order.text_reminder_number,
            rescheduled: false,
            old_invitee: None,
            new_invitee: None,
            cancel_url: format!("https://calendly.com/cancellations/{uuid}"),
            reschedule_url: format!("https://calendly.com/reschedulings/{uuid}"),
            routing_form_submission: None,
            cancellation: None,
            payment: None,
            no_show: None,
            reconfirmation: None,
            scheduling_method: order.scheduling_method,
            invitee_scheduled_by: None,
        };
        self.invitees.push(invitee.clone());
        Ok(invitee)
    }

    /// Cancels one invitee's booking, and the event when no invitee is left.
    pub(crate) fn cancel_invitee(
        &mut self,
        uri: &str,
        reason: Option<String>,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<(Cancellation, Notice), Refusal> {
        let invitee = self.invitee(uri).ok_or_else(Refusal::not_found)?.clone();
        self.check_cancelable(&invitee.event, now)?;
        if invitee.status == Status::Canceled {
            return Err(Refusal::denied("Event is already canceled"));
        }
        let cancellation = Cancellation {
            canceled_by: invitee.name.clone(),
            reason,
            canceler_type: CancelerType::Invitee,
            created_at: Micros(now),
        };
        let invitee = self.cancel_booking(&invitee.uri, &cancellation, None);
        let notice = self.notice("invitee.canceled", &invitee, now, settings);
        Ok((cancellation, notice))
    }

    /// Cancels an event for the host. Returns a webhook for each invitee.
    pub(crate) fn cancel_event(
        &mut self,
        uri: &str,
        reason: Option<String>,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<(Cancellation, Vec<Notice>), Refusal> {
        let event = self.event(uri).ok_or_else(Refusal::not_found)?.clone();
        self.check_cancelable(uri, now)?;
        let cancellation = Cancellation {
            canceled_by: event.host.name.to_owned(),
            reason,
            canceler_type: CancelerType::Host,
            created_at: Micros(now),
        };
        let active: Vec<String> = self
            .invitees_of(&event)
            .filter(|invitee| invitee.status == Status::Active)
            .map(|invitee| invitee.uri.clone())
            .collect();
        let left: Vec<Invitee> = active.iter().map(|uri| self.cancel_booking(uri, &cancellation, None)).collect();
        let notices = left.iter().map(|invitee| self.notice("invitee.canceled", invitee, now, settings)).collect();
        Ok((cancellation, notices))
    }

    /// Moves a booking, as Calendly's reschedule page does: a new event and a new invitee, and two webhooks.
    pub(crate) fn move_invitee(
        &mut self,
        uri: &str,
        start: Timestamp,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<(Invitee, Vec<Notice>), Refusal> {
        let old = self.invitee(uri).ok_or_else(Refusal::not_found)?.clone();
        self.check_cancelable(&old.event, now)?;
        if old.status == Status::Canceled {
            return Err(Refusal::denied("Event is already canceled"));
        }
        let old_event = self.event(&old.event).ok_or_else(Refusal::not_found)?.clone();
        let cancellation = Cancellation {
            canceled_by: old.name.clone(),
            reason: None,
            canceler_type: CancelerType::Invitee,
            created_at: Micros(now),
        };
        let order = Order {
            event_type: old_event.event_type.clone(),
            start,
            name: old.name.clone(),
            first_name: old.first_name.clone(),
            last_name: old.last_name.clone(),
            email: old.email.clone(),
            timezone: old.timezone.clone(),
            text_reminder_number: old.text_reminder_number.clone(),
            meeting: old_event.meeting.clone(),
            answers: old.questions_and_answers.clone(),
            tracking: if settings.move_keeps_tracking { old.tracking.clone() } else { Tracking::default() },
            guests: old_event.guests.clone(),
            scheduling_method: None,
        };
        // The old booking must not block the new time, so it is canceled first. If the new time is refused, it is
        // restored.
        let before = (self.events.clone(), self.invitees.clone());
        self.cancel_booking(&old.uri, &cancellation, None);
        let new = match self.add_invitee(order, now) {
            Ok(new) => new,
            Err(refusal) => {
                (self.events, self.invitees) = before;
                return Err(refusal);
            }
        };
        let old = self.cancel_booking(&old.uri, &cancellation, Some(&new.uri));
        if let Some(invitee) = self.invitee_mut(&new.uri) {
            invitee.old_invitee = Some(old.uri.clone());
        }
        let new = Invitee { old_invitee: Some(old.uri.clone()), ..new };

        let mut notices = vec![
            self.notice("invitee.canceled", &old, now, settings),
            self.notice("invitee.created", &new, now, settings),
        ];
        if settings.move_order == MoveOrder::CreatedFirst {
            notices.reverse();
        }
        Ok((new, notices))
    }

    pub(crate) fn check_cancelable(&self, event: &str, now: Timestamp) -> Result<(), Refusal> {
        let event = self.event(event).ok_or_else(Refusal::not_found)?;
        if event.status == Status::Canceled {
            return Err(Refusal::denied("Event is already canceled"));
        }
        if event.start <= now {
            return Err(Refusal::denied("Event in the past"));
        }
        Ok(())
    }

    fn cancel_booking(&mut self, uri: &str, cancellation: &Cancellation, new_invitee: Option<&str>) -> Invitee {
        let invitee = self.invitee_mut(uri).expect("callers have found the invitee");
        invitee.status = Status::Canceled;
        invitee.cancellation = Some(cancellation.clone());
        invitee.updated_at = cancellation.created_at;
        invitee.rescheduled = new_invitee.is_some();
        invitee.new_invitee = new_invitee.map(str::to_owned);
        let invitee = invitee.clone();
        if let Some(event) = self.event(&invitee.event)
            && self.active(event) == 0
            && let Some(event) = self.event_mut(&invitee.event)
        {
            event.status = Status::Canceled;
            event.cancellation = Some(cancellation.clone());
            event.updated_at = cancellation.created_at;
        }
        invitee
    }

    /// Returns an event as webhooks contain it.
    pub(crate) fn event_view(&self, event: &Event, now: Timestamp, settings: &Settings) -> Value {
        let host = event.host;
        let guests: Vec<Value> = event
            .guests
            .iter()
            .map(|email| json!({"email": email, "created_at": event.created_at, "updated_at": event.updated_at}))
            .collect();
        let mut view = json!({
            "uri": event.uri(), "name": event.event_type.name, "meeting_notes_plain": null, "meeting_notes_html": null,
            "status": event.status, "start_time": Micros(event.start), "end_time": Micros(event.end),
            "event_type": event.event_type.uri(), "location": event.location(now, settings),
            "invitees_counter": {
                "total": self.invitees_of(event).count(), "active": self.active(event), "limit": event.event_type.limit,
            },
            "created_at": event.created_at, "updated_at": event.updated_at,
            "event_memberships": [{"user": host.uri(), "user_email": host.email, "user_name": host.name}],
            "event_guests": guests,
        });
        if let Some(cancellation) = &event.cancellation {
            view["cancellation"] = json!(cancellation);
        }
        view
    }

    /// Returns an event as the API shows it, with the keys that webhooks leave out.
    pub(crate) fn event_rest_view(&self, event: &Event, now: Timestamp, settings: &Settings) -> Value {
        let mut view = self.event_view(event, now, settings);
        view["event_memberships"][0]["buffered_start_time"] = json!(Micros(event.start));
        view["event_memberships"][0]["buffered_end_time"] = json!(Micros(event.end));
        view["calendar_event"] = json!({"kind": "google", "external_id": event.uuid.replace('-', "")});
        view
    }

    /// Returns a webhook about an invitee: the invitee's keys, and its event as `scheduled_event`.
    pub(crate) fn notice(&self, name: &'static str, invitee: &Invitee, now: Timestamp, settings: &Settings) -> Notice {
        let event = self.event(&invitee.event).expect("an invitee has an event");
        let mut payload = json!(invitee);
        payload["scheduled_event"] = self.event_view(event, now, settings);
        Notice { event: name, invitee: Some(invitee.uri.clone()), host: event.host.uri(), payload, at: now }
    }
}
