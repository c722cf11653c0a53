//! What the organization consists of: two hosts and their event types. Nothing here changes while the world runs.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Weekday, time},
    tz::TimeZone,
};
use serde_json::{Value, json};

pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1";
const SINCE: &str = "2026-01-05T08:00:00.000000Z";

/// A user of the organization.
pub(crate) struct Host {
    pub(crate) uuid: &'static str,
    pub(crate) membership: &'static str,
    pub(crate) name: &'static str,
    pub(crate) slug: &'static str,
    pub(crate) email: &'static str,
    pub(crate) timezone: &'static str,
    pub(crate) locale: &'static str,
}

/// Owns the token.
pub(crate) static MARIA: Host = Host {
    uuid: "00000000-0000-4000-8000-0000000000a1",
    membership: "00000000-0000-4000-8000-0000000000b1",
    name: "Maria Popescu",
    slug: "maria-popescu",
    email: "maria.popescu@example.com",
    timezone: "Europe/Bucharest",
    locale: "en",
};

static LARS: Host = Host {
    uuid: "00000000-0000-4000-8000-0000000000a2",
    membership: "00000000-0000-4000-8000-0000000000b2",
    name: "Lars Holm",
    slug: "lars-holm",
    email: "lars.holm@example.com",
    timezone: "Europe/Copenhagen",
    locale: "en",
};

pub(crate) static HOSTS: [&Host; 2] = [&MARIA, &LARS];

impl Host {
    pub(crate) fn uri(&self) -> String {
        format!("https://api.calendly.com/users/{}", self.uuid)
    }

    /// The user as `GET /users/me` shows it.
    pub(crate) fn view(&self) -> Value {
        let mut view = self.member_view();
        view["current_organization"] = json!(ORGANIZATION);
        view["resource_type"] = json!("User");
        view["locale"] = json!(self.locale);
        view["time_notation"] = json!("24h");
        view
    }

    /// The user inside a membership, with fewer keys.
    fn member_view(&self) -> Value {
        json!({
            "uri": self.uri(), "name": self.name, "slug": self.slug, "email": self.email,
            "scheduling_url": format!("https://calendly.com/{}", self.slug), "timezone": self.timezone,
            "avatar_url": null, "created_at": SINCE, "updated_at": SINCE,
        })
    }

    pub(crate) fn membership_view(&self, role: &str) -> Value {
        json!({
            "uri": format!("https://api.calendly.com/organization_memberships/{}", self.membership),
            "role": role, "user": self.member_view(), "organization": ORGANIZATION,
            "created_at": SINCE, "updated_at": SINCE,
        })
    }

    pub(crate) fn schedule_view(&self) -> Value {
        let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let rules: Vec<Value> = days
            .iter()
            .map(|day| {
                let weekend = matches!(*day, "saturday" | "sunday");
                let intervals = if weekend { json!([]) } else { json!([{"from": "08:00", "to": "18:00"}]) };
                json!({"type": "wday", "wday": day, "intervals": intervals})
            })
            .collect();
        json!({
            "uri": format!("https://api.calendly.com/user_availability_schedules/{}", self.membership),
            "default": true, "name": "Working hours", "user": self.uri(), "timezone": self.timezone, "rules": rules,
        })
    }
}

/// Which start times an event type offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    /// On the half hour, 08:00 to 18:00 of the host's weekdays.
    HalfHours,
    /// Each full minute around the clock, so that a story finds a slot wherever it needs one.
    Minutes,
}

/// A question on the booking form.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
    pub(crate) choices: &'static [&'static str],
}

/// Where an event type lets people meet.
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
pub(crate) struct EventType {
    pub(crate) uuid: &'static str,
    pub(crate) name: &'static str,
    pub(crate) slug: &'static str,
    pub(crate) minutes: i64,
    pub(crate) host: &'static Host,
    pub(crate) grid: Grid,
    /// Invitees per event; more than one makes it a group event type.
    pub(crate) limit: usize,
    pub(crate) questions: &'static [Question],
    pub(crate) places: &'static [Place],
    color: &'static str,
    description: &'static str,
}

pub(crate) static EVENT_TYPES: [EventType; 5] = [
    EventType {
        uuid: "00000000-0000-4000-8000-0000000000e1",
        name: "Sales Demo",
        slug: "sales-demo",
        minutes: 30,
        host: &MARIA,
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[question("Company", "string", true), ROLE, PHONE],
        places: &[place("zoom_conference"), place("google_conference")],
        color: "#0069ff",
        description: "A walk through the product with your own questions.",
    },
    EventType {
        uuid: "00000000-0000-4000-8000-0000000000e2",
        name: "Technical Support",
        slug: "technical-support",
        minutes: 45,
        host: &LARS,
        grid: Grid::HalfHours,
        limit: 1,
        questions: &[question("Company", "string", false), ROLE, PHONE],
        places: &[place("outbound_call"), place("google_conference")],
        color: "#17a589",
        description: "Something does not work: we look at it together.",
    },
    EventType {
        uuid: "00000000-0000-4000-8000-0000000000e3",
        name: "Strategy Call",
        slug: "strategy-call",
        minutes: 60,
        host: &LARS,
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
        color: "#8247f5",
        description: "Where you want to be in a year, and how to get there.",
    },
    EventType {
        uuid: "00000000-0000-4000-8000-0000000000e4",
        name: "Quick Consultation",
        slug: "quick-consultation",
        minutes: 15,
        host: &MARIA,
        grid: Grid::Minutes,
        limit: 1,
        questions: &[question("Company", "string", false), ROLE, PHONE],
        places: &[place("google_conference")],
        color: "#f59e0b",
        description: "One question, a quarter of an hour.",
    },
    EventType {
        uuid: "00000000-0000-4000-8000-0000000000e5",
        name: "Product Webinar",
        slug: "product-webinar",
        minutes: 60,
        host: &LARS,
        grid: Grid::HalfHours,
        limit: 10,
        questions: &[question("Company", "string", false), PHONE],
        places: &[place("zoom_conference")],
        color: "#e11d48",
        description: "What is new, for everybody who wants to know.",
    },
];

/// The resource that a URI names by its last segment.
pub(crate) fn last_segment(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap_or(uri)
}

/// The event type with this URI.
pub(crate) fn event_type(uri: &str) -> Option<&'static EventType> {
    EVENT_TYPES.iter().find(|event_type| event_type.uri() == uri)
}

impl EventType {
    pub(crate) fn uri(&self) -> String {
        format!("https://api.calendly.com/event_types/{}", self.uuid)
    }

    pub(crate) fn scheduling_url(&self) -> String {
        format!("https://calendly.com/{}/{}", self.host.slug, self.slug)
    }

    pub(crate) fn duration(&self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes)
    }

    pub(crate) fn is_group(&self) -> bool {
        self.limit > 1
    }

    /// Whether the host would ever offer this start, booked or not.
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

    /// The starts offered from `from` until `until`.
    pub(crate) fn starts(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        // Half hours of every zone in use lie on half hours of UTC.
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
        TimeZone::get(self.host.timezone).expect("hosts live in zones of the database")
    }

    /// The event type as the API shows it.
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
        json!({
            "uri": self.uri(), "name": self.name, "active": true, "slug": self.slug,
            "scheduling_url": self.scheduling_url(), "duration": self.minutes, "duration_options": null,
            "kind": if self.is_group() { "group" } else { "solo" }, "pooling_type": null, "type": "StandardEventType",
            "color": self.color, "created_at": SINCE, "updated_at": SINCE, "internal_note": null, "is_paid": false,
            "description_plain": self.description, "description_html": format!("<p>{}</p>", self.description),
            "profile": {"type": "User", "name": self.host.name, "owner": self.host.uri()},
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
    fn half_hours_are_the_hosts_own_on_weekdays() {
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
