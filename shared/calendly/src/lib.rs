//! Calendly's REST API, as far as we call it.
//!
//! [`Rest`] answers the engine's questions with the connection's stored token. [`Account`] is what one token may see and
//! do: for setting a connection up and looking after it.
//!
//! What an answer means is read off its status and title, never off its message, which changes; nothing but status,
//! title and scopes is told on, since messages may quote the person.

mod account;
mod error;
mod rest;

#[cfg(test)]
mod fake;

pub use account::{Account, EVENTS, Membership, Order, Subscription, User};
pub use error::Error;
pub use rest::Rest;
