//! How a call proves whose it is: one module for each way of the providers'. All compare in constant time, over the bytes
//! as they were received, and none takes an empty key.

pub mod calendly;
mod check;
pub mod engagelab;
mod error;
pub mod shared_secret;
pub mod twilio;

pub use check::AHEAD_SECONDS;
pub use error::SignatureError;
