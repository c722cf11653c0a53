//! What the schedule function asks of the outside beyond [`World`](crate::World): the host's agenda at Calendly, and the
//! records that only it keeps.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::scheduling::{Catalog, EventType, Meeting, QuestionAnswered, Slot};
use domain::{
    Booking, BookingId, ConnectionName, Decision, EventTypeUri, EventUri, FactRecord, InviteeUri, Metadata, Phone,
    Private, Token,
};
use jiff::Timestamp;

use crate::ports::{CommitError, Unavailable};

/// Why a question was not answered, or a wish not granted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalendlyError {
    /// It may work later; nothing personal is in the text.
    #[error("{0}")]
    Unavailable(String),
    /// The limit on calls is reached.
    #[error("Calendly takes no more calls for {0} s")]
    Limited(u32),
    /// There is no such thing.
    #[error("Calendly knows nothing of it")]
    NotFound,
    /// It will not work; nothing personal is in the text.
    #[error("{0}")]
    Refused(String),
}

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

/// A meeting of an invitee's, as Calendly lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appointment {
    /// The scheduled event.
    pub event: EventUri,
    /// The invitee in it.
    pub invitee: InviteeUri,
    /// The event's name.
    pub name: String,
    /// The event type, where it still exists.
    pub event_type: Option<EventTypeUri>,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// Calendly's kind of location.
    pub location_kind: Option<String>,
    /// The link to join.
    pub join_url: Option<String>,
    /// Where to go, when there is no link.
    pub location: Option<Private<String>>,
    /// The invitee's name.
    pub invitee_name: Private<String>,
    /// Where the invitee cancels.
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
}

/// What a booking was made with: what has to be said again when it moves.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OriginalForm {
    /// Whether it is off already, by Calendly's word.
    pub is_canceled: bool,
    /// How many of the event's seats are taken, the invitee's own among them.
    pub seats: u32,
    /// The answers to the form's questions.
    pub answers: Vec<QuestionAnswered>,
    /// Calendly's own text reminder number.
    pub phone: Option<Phone>,
    /// Further addresses.
    pub guests: Vec<Private<String>>,
    /// Where to meet, in the words of the form: `zoom_conference`, where the event says `zoom`.
    pub meeting: Option<Meeting>,
}

/// When a host is at work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilitySchedule {
    /// Its name.
    pub name: String,
    /// Whether it holds where no other is chosen.
    pub is_default: bool,
    /// IANA time zone of its hours.
    pub zone: String,
    /// Its rules; one for a date goes before one for a weekday.
    pub rules: Vec<AvailabilityRule>,
}

/// The hours of a weekday or a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilityRule {
    /// `monday` … `sunday`, or a date such as `2026-12-24`.
    pub day: String,
    /// From and to, `HH:MM`; none: not at work.
    pub intervals: Vec<(String, String)>,
}

/// A span in which a host is busy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Busy {
    /// `calendly`, `external`, `reserved`.
    pub kind: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
}

/// A webhook subscription's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Where it delivers to.
    pub callback_url: String,
    /// `active`, or `disabled`.
    pub state: String,
    /// Since when deliveries fail, if they do.
    pub retry_started_at: Option<Timestamp>,
}

/// The hosts' agenda at Calendly. Each method says how many calls it makes.
pub trait CalendlyAccount {
    /// Every active event type the token may see, with its hosts. A call per hundred event types, one per hundred hosts,
    /// and one to learn whose token it is.
    async fn catalog(&self, connection: &ConnectionName) -> Result<Catalog, CalendlyError>;

    /// The free slots of at most 31 days, from an instant that is not past. One call.
    async fn available(
        &self,
        connection: &ConnectionName,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError>;

    /// A link that books once. One call.
    async fn link(&self, connection: &ConnectionName, event_type: &EventTypeUri) -> Result<String, CalendlyError>;

    /// An invitee's meetings that are on and begin within `from..until`, in order. A call per hundred, and one per
    /// meeting.
    async fn appointments(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Appointment>, CalendlyError>;

    /// What a booking was made with. Two calls, side by side.
    async fn original_form(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
    ) -> Result<OriginalForm, CalendlyError>;

    /// Marks the invitee as not having come, or takes that back. What is so already is success. Two calls.
    async fn set_no_show(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
        is_no_show: bool,
    ) -> Result<(), CalendlyError>;

    /// A host's availability schedules. One call.
    async fn schedules(
        &self,
        connection: &ConnectionName,
        host: &str,
    ) -> Result<Vec<AvailabilitySchedule>, CalendlyError>;

    /// When a host is busy. A call per seven days, side by side.
    async fn busy(
        &self,
        connection: &ConnectionName,
        host: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Busy>, CalendlyError>;

    /// The token's owner. One call.
    async fn me(&self, connection: &ConnectionName) -> Result<CalendlyUser, CalendlyError>;

    /// The organization's webhook subscriptions. Two calls.
    async fn subscriptions(&self, connection: &ConnectionName) -> Result<Vec<Subscription>, CalendlyError>;
}

/// All that a booking request needs to know before it asks Calendly, in one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestSnapshot {
    /// The booking as it stands, without its commands.
    pub booking: Booking,
    /// Its revision; 0 when there is none yet.
    pub revision: u64,
    /// What was booked of the owner's budget.
    pub spent: BTreeMap<Bucket, u32>,
    /// Until when Calendly takes no bookings of this owner's, by its own word.
    pub closed_until: Option<Timestamp>,
    /// When event types were last said to have changed.
    pub event_types_changed_at: Option<Timestamp>,
}

/// Why a reservation was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// See [`CommitError`].
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Somebody else took the last of this bucket meanwhile. Nothing was written.
    #[error("the budget is spent")]
    Spent(Bucket),
}

/// How many bookings there are: counted, every one that is kept (past ones go after 90 days).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BookingCounts {
    /// Meetings that are on and ahead.
    pub upcoming: u64,
    /// Meetings that took place, or should have.
    pub past: u64,
    /// Meetings that were canceled.
    pub canceled: u64,
    /// Meetings of which only the old half of a move is known.
    pub moving: u64,
}

/// Everything that is kept of a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingRecord {
    /// The booking.
    pub booking: Booking,
    /// The facts it was folded from, as they arrived.
    pub facts: Vec<FactRecord>,
    /// Its commands.
    pub commands: Vec<domain::Command>,
}

/// The table, as the schedule function uses it. Each method is one call unless it says otherwise.
pub trait ApiStore {
    /// Reads a [`RequestSnapshot`].
    async fn request_snapshot(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, Unavailable>;

    /// Commits a decision and takes one booking out of each bucket, unless a bucket holds as many as its cap already.
    /// All or nothing.
    async fn reserve(&self, decision: &Decision, owner: &str, caps: &[(Bucket, u32)]) -> Result<(), ReserveError>;

    /// Writes down that Calendly takes no bookings of an owner's until an instant, unless a later one stands there.
    async fn close(&self, connection: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), Unavailable>;

    /// The time zone of an invitee's latest booking that is on.
    async fn zone_of(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
    ) -> Result<Option<String>, Unavailable>;

    /// When event types were last said to have changed.
    async fn event_types_changed_at(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, Unavailable>;

    /// Writes down what VAI knows of a booking to come, under the token it will carry.
    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), Unavailable>;

    /// Keeps a hold until it expires.
    async fn put_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), Unavailable>;

    /// A hold's document and its end; it may be read for some time after that.
    async fn hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, Unavailable>;

    /// Takes up to `wanted` of a key's permits for the minute of `now`; says how many it got.
    async fn permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, Unavailable>;

    /// The bookings an id leads to: our own id, the UUID or URI of an invitee or event, a conversation. Up to three calls.
    async fn find(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, Unavailable>;

    /// Everything that is kept of a booking; `None` when there is no such booking.
    async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, Unavailable>;

    /// Counts the bookings. A call per some thousands, for each of three standings.
    async fn count_bookings(&self, connection: &ConnectionName, now: Timestamp) -> Result<BookingCounts, Unavailable>;

    /// When Calendly last told something new, to the minute.
    async fn last_webhook(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, Unavailable>;
}
