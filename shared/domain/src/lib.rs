//! The decision core of vai-calendly.
//!
//! A booking is one meeting of one invitee, folded from the facts that Calendly sent, in any order. [`decide()`]
//! applies facts to a booking and returns what must be done now. It reads no clock, does no I/O and cannot fail. JSON
//! payloads (crate `wire`), ports (crate `engine`) and AWS are not known here.

mod booking;
mod command;
mod connection;
mod country;
mod crm_contact;
mod decide;
mod destinations;
mod email_address;
mod error;
mod fact;
mod feedback;
mod ids;
mod language;
mod leg;
mod message;
mod pepper;
mod personal;
mod phone;
mod plain_email;
mod plain_sms;
mod plan;
mod plan_change;
mod provider;
mod publication;
pub mod quiet;
mod reason;
mod reply;
mod reply_words;
mod report;
mod request;
pub mod scheduling;
mod scope;
pub mod settings;
mod short_link;
mod sms_budget;
mod sms_cost;
pub mod time;
mod timeline;
mod words;

pub use booking::{Booking, BookingSource, BookingState};
pub use command::{Attempt, Change, Command, Note, Outcome, State};
pub use connection::{CalendlyBinding, Connection, ConnectionStatus, LoginKind};
pub use countries::TextLimits;
pub use country::zone_of_phone;
pub use crm_contact::{ContactShare, CrmContact, CrmMeeting, MeetingCounts, MeetingStatus, SyncTurn};
pub use decide::{
    CommandWrite, Decision, MOST_COMMANDS, Snapshot, Verdict, decide, decide_import, email_would_replace,
    hasten_cancellations, record_cancellation, record_feedback, record_request,
};
pub use destinations::{
    Action, Analytics, AttributeValue, Calendar, CalendlyAction, CalendlyCall, ConsentOrder, ContactOrder,
    ContactUpdate, Context, CrmAction, CrmCall, CrmEvent, CrmEventOrder, DeliveryGuarantee, EmailOrder, HelpOccasion,
    MessageAction, MessageContent, MessageOrder, News, OptOut, Order, PublishAction, PublishCall, RetrySchedule,
    SmsOrder, SmsTerms, VaiAction, VaiCall, VaiOrder, Withheld, choose_phone, links_to_shorten, phone_to_text,
    sms_terms, unnamed_phone_questions,
};
pub use email_address::{email_key, is_same_email, parse_email};
pub use error::error_chain;
pub use fact::{Fact, FactKind};
pub use feedback::{ConsentSource, ContactKey, Delivery, Feedback, Objection, Receipt, Reply};
pub use ids::{
    BookingId, CommandId, ConnectionName, EventTypeUri, EventUri, FactId, InviteeUri, Token, digest, uri_uuid,
};
pub use language::Language;
pub use leg::{
    Answer, CanceledBy, Cancellation, Details, EventHost, Leg, NoShow, PhoneCandidate, PhoneSource, Reconfirmation,
    Tracking,
};
pub use message::{Message, Notice};
pub use pepper::Pepper;
pub use personal::{Phone, Private};
pub use phone::{read_mobile, read_phone};
pub use plain_email::PlainEmail;
pub use plain_sms::PlainSms;
pub use plan::find_sent_calendar;
pub use plan_change::{PlanChange, PlannedMessage, compare_plans};
pub use publication::{EventLog, ReplyRecord, has_event};
pub use reason::Reason;
pub use reply::understand_reply;
pub use report::{BookingSummary, ReportGroup, ReportRow, count_bookings, summarize_booking};
pub use request::{
    ASK_AGAIN_AFTER, CalendlyRequest, CancellationRequest, KeyOrigin, Metadata, RequestCheck, RequestState,
    RequestStatus, SENDING_AGAIN_AFTER, ZoneSource,
};
pub use scope::Scope;
pub use settings::Settings;
pub use short_link::{LinkPurpose, Opening, ShortLink};
pub use sms_budget::check_booking_limits;
pub use sms_cost::{SmsCharge, SmsCost, SmsTotal};
pub use stranger::{StrangerText, Unchanged};
pub use timeline::{DeliveryRecord, FactRecord, Line, timeline};
