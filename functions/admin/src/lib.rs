//! The API of webhooks: endpoints, their secrets, tests, statistics and deliveries; VAI's events; catching up.
//!
//! Secrets and values of headers are encrypted before they are stored. An answer shows a secret once: when it is made.

mod admin;
mod catch_up;
mod change;
mod check;
mod confirm;
mod create;
mod email;
mod incoming;
mod keys;
mod page;
mod ports;
mod records;
mod setup;
mod testing;
mod token;
mod view;

pub use admin::{Admin, MOST_ENDPOINTS};
pub use ports::Ports;
pub use token::find_token_owner;
