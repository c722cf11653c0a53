//! The ports: what the deliveries need from outside.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeMap;

use domain::ConnectionName;
use endpoints::{
    Attempt, AttemptResult, Delivery, DeliveryState, Endpoint, EndpointId, EndpointSecrets, Health, Lane, Statistics,
};
use engine::{Clock, CommitError, PortError};
use events::{Event, Stream};
use jiff::Timestamp;
use signing::SigningKeyPair;
use wire::deliveries;
use wire::due::Due;

/// The log of events: numbered from 1 in each stream.
pub trait EventLog {
    /// Reads events after a number, in order, strongly consistent. One read.
    async fn read_events(
        &self,
        connection: &ConnectionName,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Event)>, PortError>;

    /// Appends an event. Returns its number and whether it is new: an event with the same id keeps its first number.
    /// Used for every stream but those of bookings, whose events are committed with their decisions.
    async fn append_event(
        &self,
        connection: &ConnectionName,
        stream: &Stream,
        event: &Event,
        now: Timestamp,
    ) -> Result<(u64, bool), PortError>;
}

/// A place among the concurrent attempts to an endpoint. It ends by itself when its holder was killed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Which of the endpoint's places.
    pub index: u32,
    /// Until when it is taken.
    pub until: Timestamp,
}

/// An attempt to store, with its effects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The delivery, with the attempt as its last.
    pub delivery: Delivery,
    /// The delivery's state before the attempt.
    pub before: DeliveryState,
    /// The attempt.
    pub attempt: Attempt,
    /// The lane after the attempt; `None` for a replay.
    pub lane: Option<Lane>,
    /// Whether the endpoint asks for its events: the delivery gets the next number in its feed.
    pub is_polled: bool,
}

/// A page of a list, and where the next one begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` for the last.
    pub next: Option<String>,
}

/// The rows of endpoints and deliveries.
pub trait DeliveryStore: EventLog {
    /// Lists the endpoints of a connection, in the order of their ids. One read per 1 MB.
    async fn list_endpoints(&self, connection: &ConnectionName) -> Result<Vec<Endpoint>, PortError>;

    /// Counts the endpoints of a connection. The count may be a minute old. At most one read a minute.
    async fn count_endpoints(&self, connection: &ConnectionName) -> Result<u32, PortError>;

    /// Reads an endpoint, strongly consistent. One read.
    async fn load_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<Option<Endpoint>, PortError>;

    /// Writes an endpoint at its next revision, if the stored one still has the revision of `endpoint`.
    async fn write_endpoint(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError>;

    /// Reads a lane, strongly consistent; a new one if there is none. One read.
    async fn load_lane(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
    ) -> Result<Lane, PortError>;

    /// Writes a lane at its next revision, if the stored one still has the revision of `lane`. Returns whether it had.
    async fn write_lane(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        lane: &Lane,
        now: Timestamp,
    ) -> Result<bool, PortError>;

    /// Lists lanes that have stalled, in the order of their streams, after a stream. One read.
    async fn stalled_lanes(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        after: Option<&Stream>,
        limit: u32,
    ) -> Result<Vec<Stream>, PortError>;

    /// Reads a delivery by its number in the endpoint's sequence of a stream. One read.
    async fn load_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<Delivery>, PortError>;

    /// Stores an attempt in one transaction: the delivery and the lane, each at its next revision if it is unchanged,
    /// and the statistics of the hour. Returns whether they were unchanged.
    async fn settle_attempt(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        settlement: &Settlement,
    ) -> Result<bool, PortError>;

    /// Lists the deliveries of an endpoint whose events happened at or after an instant, oldest first.
    async fn deliveries_since(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        since: Timestamp,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError>;

    /// Reads the health of an endpoint, and which places of concurrent attempts are taken until when. One read.
    async fn load_health(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<(Health, BTreeMap<u32, Timestamp>), PortError>;

    /// Writes the health at its next revision, if the stored one still has the revision of `health`. Returns whether
    /// it had.
    async fn write_health(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        health: &Health,
    ) -> Result<bool, PortError>;

    /// Takes a place, if it is free. Returns whether it was. One write.
    async fn take_slot(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        slot: &Slot,
        now: Timestamp,
    ) -> Result<bool, PortError>;

    /// Gives a place back, unless it has ended and another function has taken it. One write.
    async fn release_slot(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        slot: &Slot,
    ) -> Result<(), PortError>;
}

/// What the API needs of the rows of endpoints and deliveries.
pub trait EndpointStore: DeliveryStore {
    /// Deletes an endpoint, if the stored one still has the revision of `endpoint`. Its lanes and deliveries expire.
    async fn delete_endpoint(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError>;

    /// Reads the statistics of an endpoint since an instant, by hour.
    async fn load_statistics(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        since: Timestamp,
    ) -> Result<Statistics, PortError>;

    /// Lists the deliveries of an endpoint, newest event first. `before` is where the page before ended.
    async fn recent_deliveries(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError>;

    /// Lists the deliveries of an endpoint that asks for its events, over all streams, after a number in its feed. The
    /// numbers have no gaps, and a later number is never visible before an earlier one.
    async fn feed_after(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Delivery)>, PortError>;

    /// Lists the deliveries of one stream after a number, in order.
    async fn stream_deliveries(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Delivery>, PortError>;
}

/// The deliveries queue.
pub trait DeliveryQueue {
    /// Sends messages now.
    async fn send(&self, messages: &[deliveries::Delivery]) -> Result<(), PortError>;

    /// Sends a message at an instant: delayed by at most 15 minutes, or by a one-shot schedule. `name` identifies the
    /// schedule: setting it twice creates one.
    async fn send_at(
        &self,
        name: &str,
        message: &deliveries::Delivery,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PortError>;

    /// Hands an e-mail over to the function that sends messages. It is handled some seconds later, so that what is
    /// stored right after this call is there by then.
    async fn hand_over(&self, email: &Due) -> Result<(), PortError>;
}

/// The answer of a customer's URL, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// How the attempt ended.
    pub result: AttemptResult,
    /// The wait that the receiver asked for, in seconds.
    pub retry_after: Option<u32>,
    /// How long it took, in milliseconds.
    pub millis: u32,
}

/// The HTTP client for customers' URLs.
pub trait Receiver {
    /// Posts a body. It never fails: an error is an attempt that failed.
    async fn post(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> Answer;
}

/// The secrets of endpoints, and the connections' keys.
pub trait Vault {
    /// Decrypts an endpoint's secrets.
    async fn open(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError>;

    /// Returns the connection's ed25519 key that signs now; `None` if it has none.
    async fn signing_key(
        &self,
        connection: &ConnectionName,
        now: Timestamp,
    ) -> Result<Option<SigningKeyPair>, PortError>;
}

/// The encryption of endpoints' secrets, for functions that change them.
pub trait Seal: Vault {
    /// Encrypts the secrets of an endpoint. [`Vault::open`] decrypts them for the same connection and endpoint only.
    async fn seal(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        secrets: &EndpointSecrets,
    ) -> Result<String, PortError>;
}

/// Everything that the deliveries need from outside.
pub trait Ports {
    /// The table.
    type Store: DeliveryStore;
    /// The deliveries queue.
    type Queue: DeliveryQueue;
    /// The HTTP client.
    type Receiver: Receiver;
    /// The secrets.
    type Vault: Vault;
    /// The clock.
    type Clock: Clock;

    /// Returns the table.
    fn store(&self) -> &Self::Store;
    /// Returns the deliveries queue.
    fn queue(&self) -> &Self::Queue;
    /// Returns the HTTP client.
    fn receiver(&self) -> &Self::Receiver;
    /// Returns the secrets.
    fn vault(&self) -> &Self::Vault;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;

    /// Adds one to a metric.
    fn count(&self, metric: &str, dimensions: &[(&str, &str)]);
}
