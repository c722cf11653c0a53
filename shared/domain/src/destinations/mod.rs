//! The destinations: where commands act. Each module has the ids, guarantees, retries, composition and titles of its
//! actions. [`Action`] combines them.

mod action;
mod base;
mod calendly;
mod crm;
mod message;
mod publish;
mod vai;

pub use action::{Action, Order};
pub use base::{Context, DeliveryGuarantee, RetrySchedule};
pub use calendly::{CalendlyAction, CalendlyCall};
pub use crm::{AttributeValue, ConsentOrder, ContactOrder, ContactUpdate, CrmAction, CrmCall, CrmEvent, CrmEventOrder};
pub(crate) use crm::{CONTACT_LATENESS, EVENT_LATENESS, compose_consent, meeting_status, wants_event};
pub(crate) use message::no_show_time;
pub use message::{
    Calendar, EmailOrder, MessageAction, MessageContent, MessageOrder, OptOut, SmsOrder, SmsTerms, Withheld,
    choose_phone, links_to_shorten, phone_to_text, sms_terms, unnamed_phone_questions,
};
pub(crate) use publish::completion_time;
pub use publish::{PublishAction, PublishCall};
pub use vai::{Analytics, HelpOccasion, News, VaiAction, VaiCall, VaiOrder};
