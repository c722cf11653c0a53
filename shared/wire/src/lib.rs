//! Bytes to typed values and back. Pure: no I/O, no clock.
//!
//! The JSON names of Calendly, VAI and the providers of messages live here and nowhere else; the rest of the program sees the domain's words.

pub mod calendly;
pub mod due;
pub mod intake;
mod malformed;
pub mod receipts;
pub mod signature;
pub mod vai;
