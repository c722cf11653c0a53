//! What the table and the queue hold.

use std::collections::{BTreeMap, BTreeSet};

use endpoints::{Delivery, Endpoint, EndpointId, Health, HourStatistics, Lane};
use events::{Event, Stream};
use jiff::Timestamp;
use wire::due::Due;

use crate::receivers::{Behavior, Received};

/// A message of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The message.
    pub(crate) body: wire::deliveries::Delivery,
    /// How often it was received.
    pub(crate) receives: u32,
}

/// What the table and the queue hold, and what the receivers got.
#[derive(Debug)]
pub struct State {
    /// The time now.
    pub now: Timestamp,
    /// The logs of events.
    pub logs: BTreeMap<Stream, Vec<Event>>,
    /// The events of the logs that have expired.
    pub expired: BTreeSet<(Stream, u64)>,
    /// The endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// The lanes.
    pub lanes: BTreeMap<(EndpointId, Stream), Lane>,
    /// The deliveries by their numbers.
    pub deliveries: BTreeMap<(EndpointId, Stream, u64), Delivery>,
    /// The feeds of the endpoints that ask for their events.
    pub feeds: BTreeMap<EndpointId, Vec<Delivery>>,
    /// The statistics by hour.
    pub statistics: BTreeMap<(EndpointId, String), HourStatistics>,
    /// The health.
    pub health: BTreeMap<EndpointId, Health>,
    /// Until when the places of concurrent attempts are taken.
    pub slots: BTreeMap<(EndpointId, u32), Timestamp>,
    /// What the receivers got, in order.
    pub received: Vec<Received>,
    /// The e-mails that were handed over to the function that sends messages.
    pub handed_over: Vec<Due>,
    /// How the receivers behave.
    pub behaviors: BTreeMap<EndpointId, Behavior>,
    /// The calls of ports by name.
    pub calls: BTreeMap<&'static str, u64>,
    /// The most concurrent attempts to each endpoint.
    pub most_concurrent: BTreeMap<EndpointId, u32>,
    /// The most concurrent attempts to all endpoints together.
    pub most_in_all: u32,
    pub(crate) concurrent: BTreeMap<EndpointId, u32>,
    /// By the time when they can be received, in the order in which they were sent.
    pub(crate) messages: BTreeMap<(Timestamp, u64), Message>,
    pub(crate) sent: u64,
    pub(crate) schedules: BTreeSet<String>,
    pub(crate) seen_events: BTreeMap<(Stream, String), u64>,
}

impl State {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            logs: BTreeMap::new(),
            expired: BTreeSet::new(),
            endpoints: BTreeMap::new(),
            lanes: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            feeds: BTreeMap::new(),
            statistics: BTreeMap::new(),
            health: BTreeMap::new(),
            slots: BTreeMap::new(),
            received: Vec::new(),
            handed_over: Vec::new(),
            behaviors: BTreeMap::new(),
            calls: BTreeMap::new(),
            most_concurrent: BTreeMap::new(),
            most_in_all: 0,
            concurrent: BTreeMap::new(),
            messages: BTreeMap::new(),
            sent: 0,
            schedules: BTreeSet::new(),
            seen_events: BTreeMap::new(),
        }
    }

    pub(crate) fn send(&mut self, body: wire::deliveries::Delivery, available_at: Timestamp, receives: u32) {
        self.sent += 1;
        self.messages.insert((available_at, self.sent), Message { body, receives });
    }

    /// Returns the number of messages that wait or are delayed.
    pub fn waiting_messages(&self) -> usize {
        self.messages.len()
    }
}
