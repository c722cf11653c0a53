//! Messages to invitees and hosts: recipients, content, and when they may be sent.

mod action;
mod compose;
mod content;
mod destination;
mod order;
mod phones;
mod timing;

pub use action::MessageAction;
pub(crate) use compose::compose;
pub use order::{Calendar, EmailOrder, MessageContent, MessageOrder, OptOut, SmsOrder};
pub use phones::{choose_phone, unnamed_phone_questions};
pub(crate) use timing::{no_show_time, time_outside_quiet_hours};
