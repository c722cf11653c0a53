//! Sends messages to people (SMS by EngageLab or Twilio; e-mail by VAI, Amazon SES or Brevo) and news to VAI.
//!
//! An adapter makes one call per order and returns its outcome. It never retries and stores nothing. An outcome names
//! statuses and codes only, since the text of a provider's answer may quote the person.

mod brevo;
pub mod calendar;
mod email_router;
mod engagelab;
mod envelope;
mod fit;
mod header_text;
mod limits;
mod links;
mod mime;
mod phrases;
pub mod preview;
mod samples;
mod segments;
mod ses;
pub mod sms;
mod sms_router;
mod twilio;
mod vai;
pub mod wording;

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod fixtures;

pub use brevo::Brevo;
pub use email_router::EmailRouter;
pub use engagelab::Engagelab;
pub use fit::estimate_cost;
pub use links::Links;
pub use segments::segment_table;
pub use ses::Ses;
pub use sms_router::SmsRouter;
pub use twilio::Twilio;
pub use vai::VaiClient;
