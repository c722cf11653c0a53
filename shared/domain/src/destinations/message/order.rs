//! A composed message: what a provider's adapter needs to send it.

use jiff::Timestamp;

use crate::ids::{BookingId, EventTypeUri};
use crate::language::Language;
use crate::leg::PhoneSource;
use crate::message::{Message, Notice};
use crate::personal::Private;
use crate::provider::Provider;
use crate::settings::{CalendarFile, Wording};

/// What a message may speak of. Instants are UTC; the adapter writes them in `zone` and `language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageContent {
    /// The recipient's name: the invitee's first name where it is known, or the host's.
    pub name: Private<String>,
    /// The invitee's whole name.
    pub invitee: Private<String>,
    /// The event's name.
    pub event: String,
    /// Start of the meeting.
    pub start: Timestamp,
    /// End of the meeting.
    pub end: Timestamp,
    /// The start before a move.
    pub old_start: Option<Timestamp>,
    /// The IANA time zone of the times: the recipient's, or the host's for a meeting in person; where neither is known,
    /// the settings' fallback.
    pub zone: String,
    /// The host whose zone the times should be in, where Calendly has yet to be asked for it.
    pub zone_of: Option<String>,
    /// The recipient's language.
    pub language: Language,
    /// The link to join.
    pub join_url: Option<String>,
    /// The address, phone number or words, where there is no link.
    pub location: Option<Private<String>>,
    /// Whether there will be a link to join, and there is none yet.
    pub link_follows: bool,
    /// Whether the host calls the invitee.
    pub by_phone: bool,
    /// Where the invitee cancels.
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
    /// The survey about the meeting.
    pub survey_url: Option<String>,
    /// A link on which the invitee books once more.
    pub booking_url: Option<String>,
    /// The event type that such a link is to be made for, if one is.
    pub link_for: Option<EventTypeUri>,
    /// Whether it was the invitee who canceled, or moved the meeting.
    pub by_invitee: bool,
    /// What a host is notified of.
    pub notice: Option<Notice>,
    /// The host's name.
    pub host: Option<String>,
    /// The connection's own wording, where it has any.
    pub wording: Wording,
}

/// A text that may be a phone number. The rules of the telephone network, which say whether it is one, are not known
/// here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    /// The text, as the person wrote it.
    pub text: Private<String>,
    /// Where it was found.
    pub source: PhoneSource,
}

/// An SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmsOrder {
    /// The recipient: the first of these that is a number which can be texted.
    pub numbers: Vec<Number>,
    /// The country of numbers without country code.
    pub region: Option<String>,
    /// The message.
    pub message: Message,
    /// The provider that sends it.
    pub provider: Provider,
    /// The provider that takes over if that one does not.
    pub next: Option<Provider>,
    /// The provider's approved template, where it sends no other wording.
    pub template: Option<String>,
    /// The sender, where the provider does not know it.
    pub sender: Option<String>,
    /// Whether it goes without diacritics.
    pub transliterate: bool,
    /// The booking that it is about. The provider gives it back in receipts.
    pub booking: BookingId,
    /// What it says.
    pub content: MessageContent,
}

/// An e-mail to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmailOrder {
    /// The recipient.
    pub to: Private<String>,
    /// The message.
    pub message: Message,
    /// The provider that sends it.
    pub provider: Provider,
    /// The provider that takes over if that one does not.
    pub next: Option<Provider>,
    /// The provider's template, where it sends no other wording.
    pub template: Option<String>,
    /// The sender's address.
    pub from: Option<String>,
    /// The sender's name.
    pub from_name: Option<String>,
    /// Where replies go.
    pub reply_to: Option<String>,
    /// Amazon SES's configuration set.
    pub configuration_set: Option<String>,
    /// The calendar file that goes with it.
    pub calendar: Option<Calendar>,
    /// The booking that it is about. The provider gives it back in receipts.
    pub booking: BookingId,
    /// What it says.
    pub content: MessageContent,
    /// The agent's notes, for VAI's own template.
    pub notes: Option<Private<String>>,
    /// The kind of agent.
    pub agent_type: Option<String>,
}

/// What a calendar file needs besides the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// Whether it asks for an answer.
    pub kind: CalendarFile,
    /// How often the meeting has changed since it was booked: its `SEQUENCE`.
    pub sequence: u32,
    /// Whether the meeting is canceled.
    pub is_canceled: bool,
    /// When this was composed: its `DTSTAMP`.
    pub at: Timestamp,
    /// The host's address: its `ORGANIZER`.
    pub organizer: Option<Private<String>>,
}

/// A message to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MessageOrder {
    /// By SMS.
    Sms(SmsOrder),
    /// By e-mail.
    Email(EmailOrder),
}

impl SmsOrder {
    /// What the timeline says of it besides its outcome, without personal data: the provider, the language, and where
    /// the number was found.
    pub fn detail(&self, number: PhoneSource) -> String {
        format!("{}, number from {}", detail(self.provider, &self.content), number.name())
    }
}

impl EmailOrder {
    /// What the timeline says of it besides its outcome, without personal data: the provider and the language.
    pub fn detail(&self) -> String {
        detail(self.provider, &self.content)
    }
}

fn detail(provider: Provider, content: &MessageContent) -> String {
    format!("{}, {}", provider.title(), content.language.tag())
}
