//! Calendly's REST API, as far as we call it.
//!
//! [`Rest`] answers the engine's questions with the connection's stored token. [`Account`] is what one token may see and
//! do: for setting a connection up and looking after it.
//!
//! What an answer means is read off its status, its title and the codes of its details, never off its message, which
//! changes; nothing but those and the names of parameters and scopes is told on, since messages may quote the person.
//!
//! A question of the engine's ends within eight seconds, however many calls it takes.

mod account;
mod account_port;
mod booking;
mod cancel;
mod catalog;
mod error;
mod meetings;
mod original_form;
mod owners;
mod paths;
mod resources;
mod rest;
mod scheduling_link;
mod subscriptions;
mod user;

#[cfg(test)]
mod fake;

pub use account::Account;
pub use error::{Error, Fault};
pub use rest::Rest;
pub use subscriptions::{EVENTS, Membership, Order, Subscription};
pub use user::User;
