//! Signs the webhooks that we send, and verifies them.
//!
//! A delivery has the headers of Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature` with
//! `v1` and, if the connection has a key, `v1a`) and VAI's own (`X-VAI-…`), for receivers that exist already.
//! Time and randomness are arguments.

mod headers;
mod keys;
mod ring;
mod secret;
mod sign;
mod verify;

pub use headers::{HeaderProblem, MAX_HEADER_BYTES, MAX_HEADERS, check_custom_headers};
pub use keys::{KeyError, PublicKey, SigningKeyPair};
pub use ring::{CACHE_LIFETIME, KEPT_AFTER_USE, KeyRing, KeySet, PUBLISHED_BEFORE_USE, PublishedKey};
pub use secret::{Secret, SecretError};
pub use sign::{Delivery, DeliveryError, JSON, SigningKeys, USER_AGENT, sign_delivery};
pub use verify::{Outcome, Received, Refusal, TOLERANCE, Verified, verify_delivery};
