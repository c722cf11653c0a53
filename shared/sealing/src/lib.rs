//! Secrets of customers' endpoints, encrypted at rest.
//!
//! A secret is encrypted with a data key, and stored together with the form of that key that only KMS can unwrap. A
//! connection has data keys of its own: KMS unwraps one only for the connection for which it was made. A secret is
//! bound to its connection and endpoint: it can't be opened for another one.

#[cfg(test)]
mod calls;
mod error;
mod kms;
mod sealed;

pub use error::SealingError;
pub use kms::Sealing;
pub use sealed::{DataKey, Sealed};
