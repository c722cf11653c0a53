//! The verification of calls, one module for each scheme. All compare in constant time, over the bytes as they were
//! received, and refuse an empty key.

pub mod calendly;
mod check;
pub mod engagelab;
mod error;
pub mod shared_secret;
pub mod twilio;

pub use check::AHEAD_SECONDS;
pub use error::SignatureError;
