//! Parses bytes to typed values and serializes them. Pure: no I/O, no clock.
//!
//! It knows the JSON of webhooks, receipts, queue messages and VAI's API, and how each sender signs. The adapters know
//! the JSON of the calls that they make.

pub mod calendly;
pub mod code;
pub mod deliveries;
pub mod due;
pub mod intake;
mod malformed;
pub mod receipts;
pub mod signature;
pub mod tokens;
pub mod vai;
