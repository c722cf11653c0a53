//! Messages to invitees and hosts: recipients, content, and when they may be sent.

mod action;
mod compose;
mod content;
mod country_rules;
mod destination;
mod order;
mod phones;
mod short_links;
mod timing;

pub use action::MessageAction;
pub(crate) use compose::{compose, withholds_links};
pub use country_rules::{SmsTerms, sms_terms};
pub use order::{Calendar, EmailOrder, MessageContent, MessageOrder, OptOut, SmsOrder, Withheld};
pub use phones::{choose_phone, phone_to_text, unnamed_phone_questions};
pub use short_links::links_to_shorten;
pub(crate) use timing::{no_show_time, time_outside_quiet_hours};
