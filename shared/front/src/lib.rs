//! The common part of functions that VAI calls: reading an invocation, authentication, scopes and rate limits of keys,
//! the audit, the context of a call, the locale of an answer, refusals, and the documents that describe the API.
//!
//! [`Front::handle`] does all of it; a function has only its operations.

mod answer;
mod audit;
mod context;
mod front;
mod input;
mod keys;
mod locale;
mod phrases;
mod ports;

pub use answer::{invalid, invalid_request, to_json};
pub use context::{Caller, Context, Speaker};
pub use front::Front;
pub use input::Input;
pub use locale::Locale;
pub use ports::{Ports, TokenOwner};
