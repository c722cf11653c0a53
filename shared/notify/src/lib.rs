//! Messages to people and news for VAI: SMS by EngageLab or Twilio; e-mail by VAI, Amazon SES or Brevo; all else by VAI; each
//! instant told in the recipient's language and zone.
//!
//! An adapter makes one call per order and says what became of it; it never retries and keeps nothing. Its outcomes name
//! statuses and codes only: what a provider says in words may quote the person.

mod brevo;
pub mod calendar;
mod email_router;
mod engagelab;
mod envelope;
mod header_text;
mod links;
mod mime;
pub mod numbers;
mod outcome;
pub mod preview;
mod samples;
mod ses;
pub mod sms;
mod sms_router;
mod twilio;
mod vai;
pub mod when;
pub mod wording;
mod words;

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod fake;

pub use brevo::Brevo;
pub use email_router::EmailRouter;
pub use engagelab::Engagelab;
pub use links::Links;
pub use ses::Ses;
pub use sms_router::SmsRouter;
pub use twilio::Twilio;
pub use vai::VaiClient;
