//! The decision core of vai-calendly.
//!
//! A booking is what is known of one meeting of one invitee, folded from the facts Calendly told, in whatever order they
//! arrived. [`decide()`] adds a fact and says what must be done now; it reads no clock, asks nobody and cannot fail.
//! Nothing here knows of JSON payloads (crate `wire`), of ports (crate `engine`) or of AWS.

mod booking;
mod command;
mod compose;
mod decide;
mod fact;
mod feedback;
mod ids;
mod language;
mod personal;
mod plan;
pub mod quiet;
mod reason;
pub mod scheduling;
pub mod settings;
mod timeline;

pub use booking::{
    Booking, BookingState, CalendlyRequest, CanceledBy, Cancellation, CancellationRequest, Details, EventHost, Leg,
    Metadata, NoShow, PhoneCandidate, PhoneSource, Reconfirmation, RequestState,
};
pub use command::{Action, Analytics, Command, DeliveryGuarantee, Message, News, Note, Notice, Outcome, State};
pub use compose::{Calendar, EmailOrder, MessageContent, Number, Order, SmsOrder, VaiOrder, compose, postponed};
pub use decide::{CommandWrite, Decision, Snapshot, Verdict, cancel, decide, request};
pub use fact::{Fact, FactKind};
pub use feedback::{ConsentSource, ContactKey, Delivery, Feedback, Objection, Receipt, Reply};
pub use ids::{
    BookingId, CommandId, ConnectionName, EventTypeUri, EventUri, FactId, InviteeUri, Token, digest, uri_uuid,
};
pub use language::Language;
pub use personal::{Phone, PhoneError, Private};
pub use reason::Reason;
pub use settings::Settings;
pub use timeline::{FactRecord, Line, timeline};
