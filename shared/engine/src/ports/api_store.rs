//! The table, as functions with an API use it beyond [`Store`](super::store::Store).
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::scheduling::budget::Bucket;
use domain::{Booking, BookingId, Command, ConnectionName, Decision, FactRecord, Metadata, Private, Token};
use jiff::Timestamp;

use super::error::{CommitError, PortError};

/// All that a booking request needs to know before Calendly is asked, in one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestSnapshot {
    /// The booking, without its commands.
    pub booking: Booking,
    /// Its revision; 0 when there is none yet.
    pub revision: u64,
    /// How many bookings were taken out of each bucket of the owner's budget.
    pub spent: BTreeMap<Bucket, u32>,
    /// Until when Calendly takes no bookings of this owner, by its own answer.
    pub closed_until: Option<Timestamp>,
    /// When event types were last said to have changed.
    pub event_types_changed_at: Option<Timestamp>,
}

/// Why a reservation was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The decision was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The last booking of this bucket was taken concurrently. Nothing was written.
    #[error("the budget is spent")]
    Spent(Bucket),
}

/// How many bookings are stored, past ones for 90 days.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BookingCounts {
    /// Active meetings that are still to come.
    pub upcoming: u64,
    /// Active meetings whose start has passed.
    pub past: u64,
    /// Canceled meetings.
    pub canceled: u64,
    /// Meetings of which only the old half of a move is known.
    pub moving: u64,
}

/// Everything that is stored of a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookingRecord {
    /// The booking.
    pub booking: Booking,
    /// The facts that it was folded from, in order of arrival.
    pub facts: Vec<FactRecord>,
    /// Its commands.
    pub commands: Vec<Command>,
}

/// The table, as functions with an API use it. Each method is one call unless it says otherwise.
pub trait ApiStore {
    /// Reads a [`RequestSnapshot`].
    async fn load_request(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, PortError>;

    /// Commits a decision and takes one booking out of each bucket, unless a bucket has reached its cap. All or
    /// nothing.
    async fn reserve_budget(
        &self,
        decision: &Decision,
        owner: &str,
        caps: &[(Bucket, u32)],
    ) -> Result<(), ReserveError>;

    /// Writes that Calendly takes no bookings of an owner until an instant, unless a later one is stored.
    async fn close_budget(&self, connection: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError>;

    /// Reads the IANA time zone of an invitee's latest active booking.
    async fn find_zone(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
    ) -> Result<Option<String>, PortError>;

    /// Reads when event types were last said to have changed.
    async fn event_types_changed_at(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError>;

    /// Writes what VAI knows of a booking to come, under the token that it will carry.
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

    /// Reads a hold's document and its end. It may be readable for some time after that.
    async fn load_hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError>;

    /// Takes up to `wanted` of a key's permits for the minute of `now`. Returns how many it got.
    async fn take_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError>;

    /// Finds the bookings that an id leads to: our own id, the UUID or URI of an invitee or event, or a conversation.
    /// Up to three calls.
    async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError>;

    /// Reads everything that is stored of a booking; `None` when there is no such booking.
    async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError>;

    /// Counts the bookings. A call per some thousands, for each of three states.
    async fn count_bookings(&self, connection: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError>;

    /// Reads when Calendly last told something new, to the minute.
    async fn last_webhook(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError>;
}
