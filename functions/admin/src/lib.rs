//! The API of webhooks: endpoints, their secrets, tests, statistics and deliveries; VAI's events; catching up. The API
//! of connections: the customers' Calendly accounts, their keys and logins.
//!
//! Secrets and values of headers are encrypted before they are stored. An answer shows a secret once: when it is made.

mod account;
mod admin;
mod catch_up;
mod change;
mod check;
mod confirm;
mod connections;
mod create;
mod csv_file;
mod email;
mod import;
mod incoming;
mod keys;
mod logins;
mod page;
mod ports;
mod records;
mod reports;
mod settings;
mod setup;
mod short_links;
mod testing;
mod token;
mod tokens;
mod view;

pub use admin::{Admin, MOST_ENDPOINTS};
pub use logins::LOGIN_SCOPES;
pub use ports::{CalendlyService, Documents, Grants, Ports};
pub use token::find_token_owner;
