//! The dispatcher: what each message of the deliveries queue causes.

use domain::ConnectionName;
use endpoints::{EndpointId, Speed};
use engine::{Clock, PortError};
use events::Stream;
use jiff::{SignedDuration, Timestamp};
use wire::deliveries::{Delivery, NewEvent};

use crate::compose::selects_type;
use crate::ports::{DeliveryQueue, DeliveryStore, Ports};

/// The longest duration of an attempt with the calls around it. One is begun only if it can end before the function is
/// stopped.
const LONGEST_ATTEMPT: SignedDuration = SignedDuration::from_secs(20);

/// So many stalled lanes are continued by one message.
const LANES_PER_PAGE: u32 = 50;

/// So many attempts are made by one function at the same time: it gets one for each message of a batch.
pub const ATTEMPTS_OF_FUNCTION: u32 = 5;

/// The limits of the deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most concurrent attempts to one endpoint.
    pub concurrency: u32,
    /// The most concurrent attempts to an endpoint whose last attempt failed.
    pub concurrency_when_failing: u32,
    /// The most concurrent attempts to all endpoints of a connection. Each has an equal share of them and takes nothing
    /// of the others'.
    pub concurrency_of_connection: u32,
    /// How much faster than written time passes for retries: 1 in production.
    pub speed: Speed,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 10, concurrency_when_failing: 5, concurrency_of_connection: 250, speed: Speed::default() }
    }
}

impl Limits {
    /// Returns the limits where so many functions run at the same time: a connection gets five sixths of their attempts
    /// and leaves the rest to others.
    pub fn of_functions(functions: u32) -> Self {
        let all = functions.saturating_mul(ATTEMPTS_OF_FUNCTION);
        let limits = Self::default();
        let of_connection = (all - all.div_ceil(6)).min(limits.concurrency_of_connection);
        Self { concurrency_of_connection: of_connection, ..limits }
    }

    /// Returns the most concurrent attempts to each endpoint of a connection that has so many.
    pub fn share(&self, endpoints: u32) -> u32 {
        (self.concurrency_of_connection / endpoints.max(1)).clamp(1, self.concurrency)
    }
}

/// One invocation of the dispatcher.
#[derive(Debug)]
pub struct Dispatcher<'a, P> {
    /// The ports.
    pub ports: &'a P,
    /// The limits.
    pub limits: Limits,
    /// When the function will be stopped.
    pub deadline: Timestamp,
}

impl<P: Ports> Dispatcher<'_, P> {
    /// Processes a message.
    ///
    /// # Errors
    /// A port gave no result. The message must be delivered again.
    pub async fn process(&self, message: &Delivery) -> Result<(), PortError> {
        if !self.has_time() {
            return Err(PortError::unavailable("there was no time left for an attempt"));
        }
        match message {
            Delivery::Published { connection, stream, events } => self.fan_out(connection, stream, events).await,
            Delivery::Advance { connection, endpoint, stream, waits } => {
                self.advance_lane(connection, &parse_endpoint(endpoint)?, stream, *waits).await
            }
            Delivery::Resume { connection, endpoint, probe: Some(opening), .. } => {
                self.probe_endpoint(connection, endpoint, *opening).await
            }
            Delivery::Resume { connection, endpoint, probe: None, after } => {
                self.resume_lanes(connection, endpoint, after.as_ref()).await
            }
            Delivery::Replay { connection, endpoint, stream, number, attempts } => {
                self.replay_delivery(connection, &parse_endpoint(endpoint)?, stream, *number, *attempts).await
            }
            Delivery::ReplaySince { connection, endpoint, since, only_failed, after } => {
                self.replay_page(connection, endpoint, *since, *only_failed, after.as_deref()).await
            }
        }
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.ports.clock().now()
    }

    /// Returns whether an attempt that begins now ends before the function is stopped.
    pub(crate) fn has_time(&self) -> bool {
        self.now() + LONGEST_ATTEMPT <= self.deadline
    }

    /// Sends a message to each endpoint that gets one of the new events. An endpoint that gets none has no cost.
    async fn fan_out(
        &self,
        connection: &ConnectionName,
        stream: &Stream,
        events: &[NewEvent],
    ) -> Result<(), PortError> {
        let endpoints = self.ports.store().list_endpoints(connection).await?;
        let messages: Vec<_> = endpoints
            .iter()
            // The trouble of an endpoint is told to the others.
            .filter(|endpoint| !matches!(stream, Stream::Endpoint(id) if id == endpoint.id.as_str()))
            .filter(|endpoint| events.iter().any(|event| selects_type(endpoint, event.kind)))
            .map(|endpoint| Delivery::Advance {
                connection: connection.clone(),
                endpoint: endpoint.id.as_str().to_owned(),
                stream: stream.clone(),
                waits: 0,
            })
            .collect();
        self.ports.queue().send(&messages).await
    }

    /// Continues the lanes of an endpoint that have stalled, page by page.
    async fn resume_lanes(
        &self,
        connection: &ConnectionName,
        endpoint: &str,
        after: Option<&Stream>,
    ) -> Result<(), PortError> {
        let id = parse_endpoint(endpoint)?;
        let lanes = self.ports.store().stalled_lanes(connection, &id, after, LANES_PER_PAGE).await?;
        let is_last_page = lanes.len() < usize::try_from(LANES_PER_PAGE).unwrap_or(usize::MAX);
        let next = lanes.last().cloned().filter(|_| !is_last_page);
        let advance = |stream| Delivery::Advance {
            connection: connection.clone(),
            endpoint: endpoint.to_owned(),
            stream,
            waits: 0,
        };
        let mut messages: Vec<_> = lanes.into_iter().map(advance).collect();
        messages.extend(next.map(|last| Delivery::Resume {
            connection: connection.clone(),
            endpoint: endpoint.to_owned(),
            probe: None,
            after: Some(last),
        }));
        self.ports.queue().send(&messages).await
    }
}

pub(crate) fn parse_endpoint(id: &str) -> Result<EndpointId, PortError> {
    EndpointId::parse(id).ok_or_else(|| PortError::unreadable("a message names an endpoint that cannot exist"))
}
