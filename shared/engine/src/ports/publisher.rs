//! The deliveries queue.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{ConnectionName, Outcome, PublishCall};

/// The deliveries queue.
pub trait Publisher {
    /// Tells that events were appended to a stream's log. Telling it again changes nothing.
    async fn publish(&self, connection: &ConnectionName, call: &PublishCall) -> Outcome;
}
