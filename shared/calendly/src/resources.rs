//! Calendly's resources, as far as we read them. Optional fields may be missing or null; every enumeration is open.

use domain::Private;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Deserializes `null` as the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A user who hosts meetings.
#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) uri: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) email: Private<String>,
    pub(crate) timezone: Option<String>,
}

/// A member of an organization.
#[derive(Deserialize)]
pub(crate) struct OrganizationMembership {
    pub(crate) user: Member,
}

/// A host of an event type.
#[derive(Deserialize)]
pub(crate) struct EventTypeMembership {
    pub(crate) member: Member,
}

/// An event type. One that can't be booked has fewer fields.
#[derive(Deserialize)]
pub(crate) struct EventType {
    pub(crate) uri: String,
    pub(crate) name: Option<String>,
    pub(crate) active: Option<bool>,
    pub(crate) deleted_at: Option<String>,
    pub(crate) booking_method: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) description_plain: Option<String>,
    /// Minutes.
    pub(crate) duration: f64,
    pub(crate) kind: Option<String>,
    pub(crate) pooling_type: Option<String>,
    pub(crate) scheduling_url: String,
    pub(crate) profile: Option<Profile>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) custom_questions: Vec<Question>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) locations: Vec<Location>,
}

/// The owner of an event type.
#[derive(Default, Deserialize)]
pub(crate) struct Profile {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) owner: Option<String>,
}

/// A question of the booking form.
#[derive(Deserialize)]
pub(crate) struct Question {
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) position: Option<u32>,
    pub(crate) enabled: Option<bool>,
    pub(crate) required: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) answer_choices: Vec<String>,
    pub(crate) include_other: Option<bool>,
}

/// A location to meet at.
#[derive(Deserialize)]
pub(crate) struct Location {
    pub(crate) kind: Option<String>,
    pub(crate) location: Option<String>,
}

/// A free start.
#[derive(Deserialize)]
pub(crate) struct AvailableTime {
    pub(crate) status: Option<String>,
    pub(crate) start_time: Timestamp,
    pub(crate) invitees_remaining: Option<f64>,
    pub(crate) scheduling_url: Option<String>,
}

/// A span in which a host is busy.
#[derive(Deserialize)]
pub(crate) struct BusyTime {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub(crate) kind: String,
    pub(crate) start_time: Timestamp,
    pub(crate) end_time: Timestamp,
}

/// A host's availability schedule.
#[derive(Deserialize)]
pub(crate) struct AvailabilitySchedule {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) default: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) timezone: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) rules: Vec<Rule>,
}

/// The hours of a weekday or a date.
#[derive(Deserialize)]
pub(crate) struct Rule {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) wday: Option<String>,
    pub(crate) date: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) intervals: Vec<Interval>,
}

/// A part of a day.
#[derive(Deserialize)]
pub(crate) struct Interval {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// A single-use link.
#[derive(Deserialize)]
pub(crate) struct SchedulingLink {
    pub(crate) booking_url: String,
}

/// A scheduled event.
#[derive(Deserialize)]
pub(crate) struct ScheduledEvent {
    pub(crate) status: Option<String>,
    pub(crate) start_time: Timestamp,
    invitees_counter: InviteesCounter,
    /// Captured answers have more forms than the documentation, so it is parsed only where needed.
    #[serde(default)]
    pub(crate) location: Value,
    #[serde(default)]
    pub(crate) event_guests: Value,
}

impl ScheduledEvent {
    pub(crate) fn is_canceled(&self) -> bool {
        self.status.as_deref() == Some("canceled")
    }

    /// Returns the number of active invitees.
    pub(crate) fn seats(&self) -> u32 {
        self.invitees_counter.active as u32
    }
}

#[derive(Deserialize)]
struct InviteesCounter {
    active: f64,
}

/// An invitee.
#[derive(Deserialize)]
pub(crate) struct Invitee {
    pub(crate) status: Option<String>,
    pub(crate) no_show: Option<NoShow>,
    pub(crate) text_reminder_number: Option<String>,
    #[serde(default)]
    pub(crate) questions_and_answers: Value,
}

impl Invitee {
    pub(crate) fn is_canceled(&self) -> bool {
        self.status.as_deref() == Some("canceled")
    }
}

/// A mark that the invitee did not come.
#[derive(Deserialize)]
pub(crate) struct NoShow {
    pub(crate) uri: String,
}
