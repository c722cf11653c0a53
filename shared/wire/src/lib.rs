//! Bytes to typed values and back. Pure: no I/O, no clock.
//!
//! The JSON names of Calendly and VAI live here and nowhere else; the rest of the program sees the domain's words.

pub mod calendly;
pub mod due;
pub mod intake;
pub mod signature;
pub mod vai;
