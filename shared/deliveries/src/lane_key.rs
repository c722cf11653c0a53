//! What identifies a lane: its connection, endpoint and stream.

use domain::{ConnectionName, digest};
use endpoints::EndpointId;
use events::Stream;
use wire::deliveries::Delivery;

/// What identifies a lane.
#[derive(Clone, Copy)]
pub(crate) struct LaneKey<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) endpoint: &'a EndpointId,
    pub(crate) stream: &'a Stream,
}

impl LaneKey<'_> {
    /// Returns the message that continues the lane.
    pub(crate) fn message(&self) -> Delivery {
        self.waiting_message(0)
    }

    /// Returns the message that continues the lane after it has found no place for so many times.
    pub(crate) fn waiting_message(&self, waits: u32) -> Delivery {
        Delivery::Advance {
            connection: self.connection.clone(),
            endpoint: self.endpoint.as_str().to_owned(),
            stream: self.stream.clone(),
            waits,
        }
    }

    /// Returns the name of a timer of the lane: at most 64 characters, as EventBridge Scheduler needs it.
    pub(crate) fn timer(&self, what: &str) -> String {
        let parts = [self.connection.as_str(), self.endpoint.as_str(), &self.stream.to_string(), what];
        format!("delivery-{}", digest(&parts))
    }
}
