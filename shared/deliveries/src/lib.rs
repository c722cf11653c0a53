//! The delivery of events to customers' endpoints: fan-out, order, attempts, retries, replays.
//!
//! A message of the deliveries queue says only which lane to continue. The table says what is to be done: so a message
//! that comes twice, late or out of order does no harm. A lane behind the end of its log has a message, a timer, a live
//! lease, or is marked as stalled while its endpoint gets nothing.

mod advance;
mod attempt;
mod compose;
mod dispatcher;
mod health;
mod lane_key;
mod ports;
mod replay;
mod testing;
mod upcoming;

pub use compose::{compose_test, selects_type};
pub use dispatcher::{ATTEMPTS_OF_FUNCTION, Dispatcher, Limits};
pub use health::RESUME_AGAIN_AFTER;
pub use ports::{
    Answer, DeliveryQueue, DeliveryStore, EndpointStore, EventLog, Page, Ports, Receiver, Seal, Settlement, Slot, Vault,
};
pub use upcoming::Upcoming;
