//! The table, for functions with an API, in addition to [`Store`](super::store::Store).
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::{
    Booking, BookingId, Command, ConnectionName, Decision, DeliveryRecord, EventLog, FactRecord, Metadata, Opening,
    Private, Token,
};
use jiff::Timestamp;

use super::error::{CommitError, PortError};

/// All data that a booking request needs before it is sent, from one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestSnapshot {
    /// The booking, without its commands.
    pub booking: Booking,
    /// Its revision; 0 when there is none yet.
    pub revision: u64,
    /// Its log of events, as in [`domain::Snapshot`].
    pub events: Option<EventLog>,
    /// Until when it is kept, as in [`domain::Snapshot`].
    pub kept_until: Option<Timestamp>,
    /// The number of bookings in each bucket of the owner's budget.
    pub spent: BTreeMap<Bucket, u32>,
    /// When Calendly accepts bookings of this owner again, according to its own answer.
    pub closed_until: Option<Timestamp>,
    /// When the last change of event types was reported.
    pub event_types_changed_at: Option<Timestamp>,
}

/// What is known of an invitee from their bookings. The index may be a second behind.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KnownInvitee {
    /// The IANA time zone of their latest active or requested booking.
    pub zone: Option<String>,
    /// Their bookings that have not begun, at most [`MOST_UPCOMING`]: active ones, and requests that are not settled.
    pub upcoming: Vec<BookingId>,
}

/// The most upcoming bookings of a person that are read.
pub const MOST_UPCOMING: usize = 20;

/// Why a reservation was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The decision was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Another function reserved the last booking of this bucket. Nothing was written.
    #[error("the budget is spent")]
    Spent(Bucket),
}

/// The numbers of stored bookings. Past ones are stored for 90 days.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BookingCounts {
    /// Active meetings that have not started.
    pub upcoming: u64,
    /// Active meetings that have started.
    pub past: u64,
    /// Canceled meetings.
    pub canceled: u64,
    /// Meetings of which only the old half of a move is known.
    pub moving: u64,
}

/// The stored data of a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingRecord {
    /// The booking.
    pub booking: Booking,
    /// Its facts, in order of arrival.
    pub facts: Vec<FactRecord>,
    /// Its commands.
    pub commands: Vec<Command>,
    /// When the short links in its messages were opened.
    pub openings: Vec<Opening>,
}

/// The operations on the table that only functions with an API need. Each method makes one call of DynamoDB unless it
/// says otherwise.
pub trait ApiStore {
    /// Reads a [`RequestSnapshot`].
    async fn load_request(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, PortError>;

    /// Commits a decision and counts one booking in each bucket, unless a bucket has reached its cap. All or nothing.
    async fn reserve_budget(
        &self,
        decision: &Decision,
        owner: &str,
        caps: &[(Bucket, u32)],
    ) -> Result<(), ReserveError>;

    /// Stores that Calendly refuses bookings of an owner until an instant, unless a later instant is stored.
    async fn close_budget(&self, connection: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError>;

    /// Reads what the index of invitees has of a person.
    async fn find_invitee(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        now: Timestamp,
    ) -> Result<KnownInvitee, PortError>;

    /// Reads when the last change of event types was reported.
    async fn event_types_changed_at(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError>;

    /// Writes VAI's metadata of a future booking, under its token.
    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PortError>;

    /// Stores a hold until it expires.
    async fn put_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError>;

    /// Reads a hold's document and its expiry. It may be readable for some time after that.
    async fn load_hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError>;

    /// Reserves up to `wanted` of a key's permits for the minute of `now`. Returns the number of reserved permits.
    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError>;

    /// Finds the bookings that an id leads to: our own id, the UUID or URI of an invitee or event, or a conversation.
    /// Up to three calls.
    async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError>;

    /// Reads the stored data of a booking; `None` if there is no such booking.
    async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError>;

    /// Reads what each endpoint of the connection got of a booking: at most 100 events for each. One call of `DynamoDB`
    /// for the endpoints, and one for each of them.
    async fn delivery_records(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Vec<DeliveryRecord>, PortError>;

    /// Counts the bookings. A call per some thousands, for each of three states.
    async fn count_bookings(&self, connection: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError>;

    /// Stores whether the connection has endpoints, so that events are published. Functions see it within a minute.
    async fn set_publishing(&self, connection: &ConnectionName, publishes: bool) -> Result<(), PortError>;

    /// Reads when the last webhook with news arrived from Calendly, to the minute.
    async fn last_webhook(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError>;
}
