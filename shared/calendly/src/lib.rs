//! Calendly's REST API, as far as we call it.
//!
//! [`Rest`] implements the engine's ports with the connection's stored token. [`Account`] makes calls with one token;
//! the operator uses it to set up and check a connection. [`App`] logs people in and refreshes their tokens.
//!
//! The meaning of an answer depends on its status, its title and the codes of its details, never on its message, which
//! changes. Only these and the names of parameters and scopes are logged or returned: a message may quote the person.
//!
//! Each method of a port ends within eight seconds, however many calls it makes.

mod account;
mod account_port;
mod app;
mod booking;
mod cancel;
mod catalog;
mod error;
mod logins;
mod meetings;
mod original_form;
mod owners;
mod pace;
mod paths;
mod resources;
mod rest;
mod scheduling_link;
mod subscriptions;
mod user;

#[cfg(test)]
mod fixtures;

pub use account::Account;
pub use app::{App, Granted, TokenRequestError};
pub use error::{Error, Fault};
pub use logins::LoginTokens;
pub use reqwest::Client;
pub use rest::Rest;
pub use subscriptions::{EVENTS, Membership, Order, Subscription};
pub use user::User;
