//! Messages to people and news for VAI: SMS by EngageLab or Twilio, e-mail and all else by VAI, each
//! instant told in the recipient's language and zone.
//!
//! An adapter makes one call per order and says what became of it; it never retries and keeps nothing. Its outcomes name
//! statuses and codes only: what a provider says in words may quote the person.

mod engagelab;
pub mod http;
pub mod numbers;
pub mod preview;
mod samples;
pub mod sms;
mod links;
mod texters;
mod twilio;
mod vai;
pub mod when;
mod words;

#[cfg(test)]
mod fake;

pub use engagelab::Engagelab;
pub use links::Links;
pub use texters::Texters;
pub use twilio::Twilio;
pub use vai::VaiClient;
