//! The admin function over a world in memory: each operation, each refusal, what is never shown, and who sees what.

mod catch_up;
mod connections;
mod emails;
mod endpoints;
mod incoming;
mod isolation;
mod logins;
mod records;
mod reports;
mod secrets;
mod settings;
mod setup;
mod short_links;
mod world;
