//! Receipts of our messages and replies to them, one module for each provider.
//!
//! Providers add fields and kinds without notice, so a body needs only be JSON, or a form. An unknown kind is
//! [`domain::Feedback::Other`]. The free text of a provider is never kept, since it may quote the person.

pub mod brevo;
pub mod engagelab;
mod fields;
mod ids;
mod parse;
pub mod ses;
mod status;
pub mod twilio;
pub mod unsubscribe;

pub use ids::is_id;
pub use parse::parse;
