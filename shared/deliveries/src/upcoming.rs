//! The events that an endpoint is still to get, for endpoints that catch up.

use std::collections::VecDeque;

use domain::ConnectionName;
use endpoints::{Endpoint, Lane};
use engine::PortError;
use events::{Sequence, Stream, digest};

use crate::compose::{Composed, compose_body, selects};
use crate::dispatcher::Dispatcher;
use crate::ports::{DeliveryStore, EventLog, Ports};

/// So many events are read at once.
const PAGE: u32 = 100;

/// An event that an endpoint is still to get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upcoming {
    /// Its number in the endpoint's sequence of the stream.
    pub number: u64,
    /// Its id.
    pub event_id: String,
    /// The body that will be delivered, if the endpoint's output stays as it is. Empty if it cannot be made.
    pub body: String,
}

impl<P: Ports> Dispatcher<'_, P> {
    /// Returns the events of a stream behind a lane, up to the number `last` in the endpoint's sequence: numbers,
    /// digests and bytes are those of the deliveries to come.
    ///
    /// # Errors
    /// The table gave no result.
    pub async fn upcoming_events(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        stream: &Stream,
        lane: &Lane,
        last: u64,
    ) -> Result<Vec<Upcoming>, PortError> {
        let store = self.ports.store();
        let mut previous = lane.previous.clone();
        let mut upcoming = Vec::new();
        let mut events = VecDeque::from(store.read_events(connection, stream, lane.through, PAGE).await?);
        while let Some((log_number, event)) = events.pop_front() {
            if events.is_empty() {
                events.extend(store.read_events(connection, stream, log_number, PAGE).await?);
            }
            if lane.begun() != Some(log_number) && !selects(endpoint, &event) {
                continue;
            }
            if lane.number + upcoming.len() as u64 >= last {
                break;
            }
            let number = lane.number + 1 + upcoming.len() as u64;
            // The body of an event that was attempted is fixed.
            let stored = match lane.begun() {
                Some(begun) if begun == log_number => {
                    store.load_delivery(connection, &endpoint.id, stream, number).await?
                }
                _ => None,
            };
            let body = match stored.map(|delivery| delivery.body).filter(|body| !body.is_empty()) {
                Some(body) => body,
                None => {
                    let sequence = Sequence { stream: stream.to_string(), number, previous };
                    let composed = compose_body(connection, endpoint, &event, Some(&sequence));
                    composed.map_or_else(|_| String::new(), |Composed { body, .. }| body)
                }
            };
            previous = Some(digest(&body));
            upcoming.push(Upcoming { number, event_id: event.id, body });
        }
        Ok(upcoming)
    }
}
