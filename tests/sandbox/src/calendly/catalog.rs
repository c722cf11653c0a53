//! The organization's event types. They can be renamed, deactivated, added and deleted while the sandbox runs.

use std::{borrow::Cow, sync::Arc};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Weekday, time},
    tz::TimeZone,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    hosts::{FREJA, Host, LARS, MARIA, SINCE},
    micros::Micros,
    subscription::Notice,
};

/// The team of both hosts: its name, its part of a scheduling URL, its URI.
const TEAM: (&str, &str, &str) =
    ("Our Team", "our-team", "https://api.calendly.com/teams/00000000-0000-4000-8000-0000000000d1");

/// Which start times an event type offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    /// On the half hour, 08:00 to 18:00 of the host's weekdays.
    HalfHours,
    /// Each full minute, day and night, so that a test finds a slot at any time.
    Minutes,
}

/// A question on the booking form.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
    pub(crate) choices: &'static [&'static str],
}

/// A location that an event type offers.
pub(crate) struct Place {
    pub(crate) kind: &'static str,
    pub(crate) location: Option<&'static str>,
    pub(crate) additional_info: Option<&'static str>,
}

const fn place(kind: &'static str) -> Place {
    Place { kind, location: None, additional_info: None }
}

const fn question(name: &'static str, kind: &'static str, required: bool) -> Question {
    Question { name, kind, required, choices: &[] }
}

const ROLE: Question = Question {
    name: "Your role",
    kind: "single_select",
    required: false,
    choices: &["Founder", "Sales", "Engineering", "Support", "Other"],
};
const PHONE: Question = question("Phone number", "phone_number", false);

/// An event type.
#[derive(Clone)]
pub(crate) struct EventType {
    pub(crate) uuid: Cow<'static, str>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) slug: Cow<'static, str>,
    pub(crate) minutes: i64,
    /// The hosts. Several hosts make it a team's event type: by round robin, the first who is free holds the meeting.
    pub(crate) hosts: &'static [&'static Host],
    pub(crate) grid: Grid,
    /// The maximum number of invitees per event. More than one makes it a group event type.
    pub(crate) limit: usize,
    pub(crate) questions: &'static [Question],
    pub(crate) places: &'static [Place],
    /// Whether it can be booked.
    pub(crate) active: bool,
    /// When it was last changed in this sandbox.
    updated_at: Option<Timestamp>,
    color: &'static str,
    description: &'static str,
}

static EVENT_TYPES: [EventType; 9] = [
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e1"),
        name: Cow::Borrowed("Sales Demo"),
        slug: Cow::Borrowed("sales-demo"),
        minutes: 30,
        hosts: &[&MARIA],
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[question("Company", "string", true), ROLE, PHONE],
        places: &[place("zoom_conference"), place("google_conference")],
        active: true,
        updated_at: None,
        color: "#0069ff",
        description: "A walk through the product with your own questions.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e2"),
        name: Cow::Borrowed("Technical Support"),
        slug: Cow::Borrowed("technical-support"),
        minutes: 45,
        hosts: &[&LARS],
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[question("Company", "string", false), ROLE, PHONE],
        places: &[place("outbound_call"), place("google_conference")],
        active: true,
        updated_at: None,
        color: "#17a589",
        description: "Something does not work: we look at it together.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e3"),
        name: Cow::Borrowed("Strategy Call"),
        slug: Cow::Borrowed("strategy-call"),
        minutes: 60,
        hosts: &[&LARS],
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[question("Company", "string", false), ROLE, PHONE],
        places: &[
            Place {
                kind: "physical",
                location: Some("Nørregade 10, 1165 København"),
                additional_info: Some("Second floor, ring the bell"),
            },
            place("zoom_conference"),
        ],
        active: true,
        updated_at: None,
        color: "#8247f5",
        description: "Where you want to be in a year, and how to get there.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e4"),
        name: Cow::Borrowed("Quick Consultation"),
        slug: Cow::Borrowed("quick-consultation"),
        minutes: 15,
        hosts: &[&MARIA],
        grid: Grid::Minutes,
        limit: 1,
        questions: &[question("Company", "string", false), ROLE, PHONE],
        places: &[place("google_conference")],
        active: true,
        updated_at: None,
        color: "#f59e0b",
        description: "One question, a quarter of an hour.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e5"),
        name: Cow::Borrowed("Product Webinar"),
        slug: Cow::Borrowed("product-webinar"),
        minutes: 60,
        hosts: &[&LARS],
        grid: Grid::HalfHours,
        limit: 10,
        questions: &[question("Company", "string", false), PHONE],
        places: &[place("zoom_conference")],
        active: true,
        updated_at: None,
        color: "#e11d48",
        description: "What is new, for everybody who wants to know.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e6"),
        name: Cow::Borrowed("Team Intro"),
        slug: Cow::Borrowed("team-intro"),
        minutes: 30,
        hosts: &[&MARIA, &LARS],
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[PHONE],
        places: &[place("google_conference")],
        active: true,
        updated_at: None,
        color: "#0ea5e9",
        description: "Whoever of us is free shows you around.",
    },
    EventType {
        uuid: Cow::Borrowed("00000000-0000-4000-8000-0000000000e7"),
        name: Cow::Borrowed("On-site Visit"),
        slug: Cow::Borrowed("on-site-visit"),
        minutes: 60,
        hosts: &[&LARS],
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[PHONE],
        places: &[place("ask_invitee")],
        active: true,
        updated_at: None,
        color: "#65a30d",
        description: "We come to you: say where.",
    },
    EventType {
        uuid: Cow::Borrowed("abc123"),
        name: Cow::Borrowed("Discovery Call"),
        slug: Cow::Borrowed("discovery-call"),
        minutes: 15,
        hosts: &[&FREJA],
        grid: Grid::Minutes,
        limit: 1,
        questions: &[question("Company name", "string", false), ROLE, PHONE],
        places: &[place("google_conference")],
        active: true,
        updated_at: None,
        color: "#be185d",
        description: "A first talk.",
    },
    EventType {
        uuid: Cow::Borrowed("xyz789"),
        name: Cow::Borrowed("Demo"),
        slug: Cow::Borrowed("demo"),
        minutes: 30,
        hosts: &[&FREJA],
        grid: Grid::Minutes,
        limit: 1,
        questions: &[question("Company name", "string", false), ROLE, PHONE],
        places: &[place("zoom_conference")],
        active: true,
        updated_at: None,
        color: "#7c3aed",
        description: "The product, with your own questions.",
    },
];

/// The event types. A booking keeps its event type as it was at that time.
pub(crate) struct Catalog(Vec<Arc<EventType>>);

impl Default for Catalog {
    fn default() -> Self {
        Self(EVENT_TYPES.iter().cloned().map(Arc::new).collect())
    }
}

/// A change of an event type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    uuid: String,
    name: Option<String>,
    active: Option<bool>,
    #[serde(default)]
    deleted: bool,
}

impl Catalog {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<EventType>> {
        self.0.iter()
    }

    /// Returns the event type with this URI.
    pub(crate) fn by_uri(&self, uri: &str) -> Option<Arc<EventType>> {
        self.0.iter().find(|event_type| event_type.uri() == uri).cloned()
    }

    /// Finds an event type by name, slug, URI or UUID.
    pub(crate) fn find(&self, wanted: &str) -> Option<Arc<EventType>> {
        let is_it = |event_type: &&Arc<EventType>| {
            event_type.name.eq_ignore_ascii_case(wanted)
                || event_type.slug == wanted
                || event_type.uuid == wanted
                || event_type.uri() == wanted
        };
        self.0.iter().find(is_it).cloned()
    }

    /// Changes, adds or deletes an event type. Returns its new form and the webhook. A new one is a copy of Quick
    /// Consultation.
    pub(crate) fn change(&mut self, change: Change, now: Timestamp) -> (Value, Notice) {
        let position = self.0.iter().position(|event_type| event_type.uuid == change.uuid);
        let mut event_type = match position {
            Some(position) => EventType::clone(&self.0[position]),
            None => {
                let slug = format!("new-{}", self.0.len());
                EventType { uuid: change.uuid.into(), slug: slug.into(), ..EVENT_TYPES[3].clone() }
            }
        };
        event_type.updated_at = Some(now);
        event_type.active = change.active.unwrap_or(event_type.active) && !change.deleted;
        if let Some(name) = change.name {
            event_type.name = name.into();
        }
        let mut view = event_type.view();
        if change.deleted {
            view["deleted_at"] = json!(Micros(now));
        }
        let mut payload = view.clone();
        if let Some(payload) = payload.as_object_mut() {
            payload.remove("description_html");
        }
        let event = match position {
            Some(_) if change.deleted => "event_type.deleted",
            Some(_) => "event_type.updated",
            None => "event_type.created",
        };
        let host = event_type.hosts[0].uri();
        match position {
            Some(position) if change.deleted => _ = self.0.remove(position),
            Some(position) => self.0[position] = Arc::new(event_type),
            None => self.0.push(Arc::new(event_type)),
        }
        (view, Notice { event, invitee: None, host, payload, at: now })
    }
}

impl EventType {
    pub(crate) fn uri(&self) -> String {
        format!("https://api.calendly.com/event_types/{}", self.uuid)
    }

    pub(crate) fn scheduling_url(&self) -> String {
        let whose = if self.is_team() { TEAM.1 } else { self.hosts[0].slug };
        format!("https://calendly.com/{whose}/{}", self.slug)
    }

    pub(crate) fn duration(&self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes)
    }

    pub(crate) fn is_group(&self) -> bool {
        self.limit > 1
    }

    /// Returns whether it is a team's, by round robin.
    pub(crate) fn is_team(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Returns whether this start is within the host's hours, booked or not.
    pub(crate) fn offers(&self, start: Timestamp) -> bool {
        if start.as_nanosecond() % 60_000_000_000 != 0 {
            return false;
        }
        if self.grid == Grid::Minutes {
            return true;
        }
        let local = start.to_zoned(self.zone()).datetime();
        let Ok(end) = local.checked_add(self.duration()) else { return false };
        local.minute() % 30 == 0
            && !matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday)
            && local.time() >= time(8, 0, 0, 0)
            && end <= local.date().to_datetime(time(18, 0, 0, 0))
    }

    /// Returns the starts from `from` until `until`.
    pub(crate) fn starts(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        // The hosts' zones differ from UTC by multiples of 30 minutes.
        let step = match self.grid {
            Grid::HalfHours => 30,
            Grid::Minutes => 1,
        };
        let seconds = step * 60;
        let first = from.as_second() + (-from.as_second()).rem_euclid(seconds);
        let first = if first == from.as_second() && from.subsec_nanosecond() > 0 { first + seconds } else { first };
        std::iter::successors(Timestamp::from_second(first).ok(), move |start| start.checked_add(step.minutes()).ok())
            .take_while(move |start| *start < until)
            .filter(|start| self.offers(*start))
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get(self.hosts[0].timezone).expect("hosts live in zones of the database")
    }

    /// Returns the hosts as `GET /event_type_memberships` shows them.
    pub(crate) fn memberships_view(&self) -> Vec<Value> {
        let uri = self.uri();
        self.hosts.iter().map(|host| json!({"event_type": uri, "member": host.member_view()})).collect()
    }

    /// Returns the event type as the API shows it.
    pub(crate) fn view(&self) -> Value {
        let questions: Vec<Value> = self
            .questions
            .iter()
            .enumerate()
            .map(|(position, question)| {
                json!({
                    "name": question.name, "type": question.kind, "position": position, "enabled": true,
                    "required": question.required, "answer_choices": question.choices, "include_other": false,
                })
            })
            .collect();
        let places: Vec<Value> = self
            .places
            .iter()
            .map(|place| match place.location {
                Some(location) => {
                    json!({"kind": place.kind, "location": location, "additional_info": place.additional_info})
                }
                None => json!({"kind": place.kind}),
            })
            .collect();
        let profile = if self.is_team() {
            json!({"type": "Team", "name": TEAM.0, "owner": TEAM.2})
        } else {
            json!({"type": "User", "name": self.hosts[0].name, "owner": self.hosts[0].uri()})
        };
        let pooling = self.is_team().then_some("round_robin");
        let updated_at = self.updated_at.map_or_else(|| json!(SINCE), |at| json!(Micros(at)));
        json!({
            "uri": self.uri(), "name": self.name, "active": self.active, "slug": self.slug,
            "scheduling_url": self.scheduling_url(), "duration": self.minutes, "duration_options": null,
            "kind": if self.is_group() { "group" } else { "solo" }, "pooling_type": pooling, "type": "StandardEventType",
            "color": self.color, "created_at": SINCE, "updated_at": updated_at, "internal_note": null, "is_paid": false,
            "description_plain": self.description, "description_html": format!("<p>{}</p>", self.description),
            "profile": profile,
            "secret": false, "booking_method": "instant", "custom_questions": questions, "deleted_at": null,
            "admin_managed": false, "locations": places, "position": 0, "locale": "en",
            "start_time_increment": if self.grid == Grid::Minutes { 1 } else { 30 },
            "before_buffer": 0, "after_buffer": 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_hours_are_in_the_hosts_zone_on_weekdays() {
        let demo = &EVENT_TYPES[0];
        let monday: Timestamp = "2027-01-11T00:00:00Z".parse().expect("a moment");
        let starts: Vec<Timestamp> = demo.starts(monday, monday + 24.hours()).collect();
        assert_eq!(starts.len(), 20);
        // Eight in the morning in Bucharest.
        assert_eq!(starts[0].to_string(), "2027-01-11T06:00:00Z");
        let saturday = monday - 48.hours();
        assert_eq!(demo.starts(saturday, monday).count(), 0);
    }
}
