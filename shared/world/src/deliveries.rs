//! The deliveries queue.

use std::time::Duration;

use domain::{ConnectionName, Outcome, PublishCall, Reason, error_chain};
use engine::Publisher;
use runtime::Queue;
use wire::deliveries::{Delivery, NewEvent};

/// The deliveries queue.
#[derive(Debug)]
pub struct DeliveriesQueue(Queue);

impl DeliveriesQueue {
    pub(crate) fn new(queue: Queue) -> Self {
        Self(queue)
    }
}

impl Publisher for DeliveriesQueue {
    async fn publish(&self, connection: &ConnectionName, call: &PublishCall) -> Outcome {
        let events = call.events.iter().map(|(number, kind)| NewEvent { number: *number, kind: *kind });
        let delivery = Delivery::Published {
            connection: connection.clone(),
            stream: call.stream.clone(),
            events: events.collect(),
        };
        let group = delivery.group();
        match self.0.send(delivery.to_json(), &group, Duration::ZERO).await {
            Ok(()) => Outcome::done(None),
            Err(error) => {
                let detail = error_chain(&error);
                Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail }
            }
        }
    }
}
