//! An account at Calendly: its event types, free times and hosts.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::scheduling::{Catalog, EventType, Meeting, QuestionAnswered, Slot};
use domain::{ConnectionName, EventTypeUri, EventUri, InviteeUri, Phone, Private, StrangerText};
use jiff::Timestamp;

use super::error::CalendlyError;

/// A user at Calendly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CalendlyUser {
    /// The user's URI.
    pub uri: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: Private<String>,
    /// IANA time zone.
    pub zone: Option<String>,
    /// The user's page.
    pub scheduling_url: Option<String>,
    /// The user's organization, by URI.
    pub organization: String,
}

/// An invitee's meeting in Calendly's list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appointment {
    /// The scheduled event.
    pub event: EventUri,
    /// The invitee in it.
    pub invitee: InviteeUri,
    /// The event's name.
    pub name: String,
    /// The event type, if it still exists.
    pub event_type: Option<EventTypeUri>,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// Calendly's kind of location.
    pub location_kind: Option<String>,
    /// The link to join.
    pub join_url: Option<String>,
    /// The host's address, phone number or text, if there is no link.
    pub location: Option<Private<String>>,
    /// The place that the invitee named.
    pub invitee_place: Option<StrangerText>,
    /// The invitee's name.
    pub invitee_name: StrangerText,
    /// The page where the invitee cancels.
    pub cancel_url: Option<String>,
    /// The page where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
}

/// The form of a booking, read from Calendly. A move books with it again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OriginalForm {
    /// Whether the booking is canceled at Calendly.
    pub is_canceled: bool,
    /// The number of the event's invitees, including this one.
    pub seats: u32,
    /// The answers to the form's questions.
    pub answers: Vec<QuestionAnswered>,
    /// Calendly's own text reminder number.
    pub phone: Option<Phone>,
    /// The guests' e-mail addresses.
    pub guests: Vec<Private<String>>,
    /// The location in the form's kinds: `zoom_conference` instead of the event's `zoom`.
    pub meeting: Option<Meeting>,
}

/// A host's working hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilitySchedule {
    /// Its name.
    pub name: String,
    /// Whether it applies to event types that choose no other schedule.
    pub is_default: bool,
    /// IANA time zone of its hours.
    pub zone: String,
    /// Its rules. One for a date takes precedence over one for a weekday.
    pub rules: Vec<AvailabilityRule>,
}

/// The hours of a weekday or a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilityRule {
    /// `monday` … `sunday`, or a date such as `2026-12-24`.
    pub day: String,
    /// From and to, `HH:MM`. None: the host does not work.
    pub intervals: Vec<(String, String)>,
}

/// A span in which a host is busy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BusyTime {
    /// `calendly`, `external`, `reserved`.
    pub kind: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
}

/// A webhook subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The URL that it delivers to.
    pub callback_url: String,
    /// `active`, or `disabled`.
    pub state: String,
    /// Since when deliveries have been failing, if they are.
    pub retry_started_at: Option<Timestamp>,
}

/// An account at Calendly. The comment of each method says how many calls it makes.
pub trait CalendlyAccount {
    /// Lists every active event type that the token can read, with its hosts. One call per hundred event types, one per
    /// hundred hosts, and one for the token's owner.
    async fn list_event_types(&self, connection: &ConnectionName) -> Result<Catalog, CalendlyError>;

    /// Lists the free slots of at most 31 days, from an instant in the future. One call.
    async fn list_available_times(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError>;

    /// Lists an invitee's active meetings that begin within `from..until`, in order. One call per hundred, and one per
    /// meeting.
    async fn list_appointments(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Appointment>, CalendlyError>;

    /// Reads the form of a booking. Two calls, concurrently.
    async fn fetch_original_form(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
    ) -> Result<OriginalForm, CalendlyError>;

    /// Marks the invitee as a no-show, or removes the mark. If nothing must change, that is success. Two calls.
    async fn set_no_show(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
        is_no_show: bool,
    ) -> Result<(), CalendlyError>;

    /// Lists a host's availability schedules. One call.
    async fn list_availability_schedules(
        &self,
        connection: &ConnectionName,
        host: &str,
    ) -> Result<Vec<AvailabilitySchedule>, CalendlyError>;

    /// Lists the spans in which a host is busy. One call per seven days, concurrently.
    async fn list_busy_times(
        &self,
        connection: &ConnectionName,
        host: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<BusyTime>, CalendlyError>;

    /// Reads the token's owner. One call.
    async fn fetch_user(&self, connection: &ConnectionName) -> Result<CalendlyUser, CalendlyError>;

    /// Lists the organization's webhook subscriptions. Two calls.
    async fn list_subscriptions(&self, connection: &ConnectionName) -> Result<Vec<Subscription>, CalendlyError>;
}
