//! What providers tell of our messages, and people through them: one module for each provider.
//!
//! Providers add fields and kinds without notice, so nothing is asked of a body but that it is JSON, or a form: what isn't
//! known is [`Feedback::Other`]. What a provider says in words is never taken over, for it may quote the person.

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
