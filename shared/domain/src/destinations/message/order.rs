//! A composed message: what a provider's adapter needs to send it.

use countries::TextLimits;
use jiff::Timestamp;
use stranger::StrangerText;

use crate::feedback::ContactKey;
use crate::ids::{BookingId, EventTypeUri};
use crate::language::Language;
use crate::leg::PhoneSource;
use crate::message::{Message, Notice};
use crate::personal::{Phone, Private};
use crate::provider::Provider;
use crate::settings::{CalendarFile, Price, WordingParts};

/// The content of a message. Instants are UTC; the adapter formats them in `zone` and `language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageContent {
    /// The recipient's name: the invitee's first name if known, or the host's name.
    pub name: StrangerText,
    /// The invitee's full name.
    pub invitee: StrangerText,
    /// The event's name.
    pub event: String,
    /// Start of the meeting.
    pub start: Timestamp,
    /// End of the meeting.
    pub end: Timestamp,
    /// The start before a move.
    pub old_start: Option<Timestamp>,
    /// How long before the start a reminder is sent, in minutes. If it is sent at its hour, it is the planned number.
    pub minutes_ahead: Option<u32>,
    /// The IANA time zone of the times: the recipient's, or the host's for a meeting in person. If not known, the
    /// settings' fallback.
    pub zone: String,
    /// The host whose zone must still be read from Calendly; the times will be in that zone.
    pub zone_of: Option<String>,
    /// The host's IANA time zone, if the settings name it and the host is not the recipient.
    pub host_zone: Option<String>,
    /// The recipient's language.
    pub language: Language,
    /// The link to join.
    pub join_url: Option<String>,
    /// The host's address, phone number or text, if there is no link.
    pub location: Option<Private<String>>,
    /// The place that the invitee named. Only hosts are told of it.
    pub invitee_place: Option<StrangerText>,
    /// Whether the link to join does not exist yet, but will.
    pub link_follows: bool,
    /// Whether the host calls the invitee.
    pub by_phone: bool,
    /// The page where the invitee cancels.
    pub cancel_url: Option<String>,
    /// The page where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
    /// The survey about the meeting.
    pub survey_url: Option<String>,
    /// A link with which the invitee can book again.
    pub booking_url: Option<String>,
    /// The event type for which such a link must be created.
    pub link_for: Option<EventTypeUri>,
    /// What the link that ends follow-ups carries. It is added before the message is sent.
    pub opt_out: Option<OptOut>,
    /// Whether the invitee canceled or moved the meeting.
    pub by_invitee: bool,
    /// The kind of notice to a host.
    pub notice: Option<Notice>,
    /// The host's name.
    pub host: Option<String>,
    /// What was left out because of the number's country. An e-mail has everything.
    pub withheld: Withheld,
    /// Whether an answer reaches us. If not, a person can't write STOP, and the message says what else they can do.
    pub can_reply: bool,
    /// The registered brand with which the text must begin, where carriers ask for that.
    pub brand: Option<String>,
    /// The connection's own wording, if any.
    pub wording: WordingParts,
}

/// What was left out of a text, because the carriers of the number's country do not let it through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Withheld {
    /// Nothing.
    #[default]
    Nothing,
    /// Links. Nobody gets them.
    Links,
    /// Links. An e-mail has them.
    LinksToEmail,
}

/// What the link that ends follow-ups carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptOut {
    /// Who gets the message.
    pub contact: ContactKey,
    /// Our signature, without which the link asks for the address.
    pub signature: String,
}

/// An SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmsOrder {
    /// The recipient.
    pub to: Phone,
    /// Where the recipient's number was found.
    pub source: PhoneSource,
    /// The message.
    pub message: Message,
    /// The provider that sends it.
    pub provider: Provider,
    /// The next provider, if that one cannot send it.
    pub next: Option<Provider>,
    /// The provider's approved template, if it sends only templates.
    pub template: Option<String>,
    /// The template's text, if the settings have it.
    pub template_text: Option<String>,
    /// The most segments. A longer message loses optional parts.
    pub most_segments: u32,
    /// The price of a segment to this number, if it is known.
    pub segment_price: Option<Price>,
    /// The sender, if the provider needs it.
    pub sender: Option<String>,
    /// Whether diacritics are removed.
    pub transliterate: bool,
    /// What the text may not have, by the rules of the number's country. A text that has it all the same is not sent.
    pub limits: TextLimits,
    /// The booking. The provider returns it in receipts.
    pub booking: BookingId,
    /// Its content.
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
    /// The next provider, if that one cannot send it.
    pub next: Option<Provider>,
    /// The provider's template, if it sends only templates.
    pub template: Option<String>,
    /// The sender's address.
    pub from: Option<String>,
    /// The sender's name.
    pub from_name: Option<String>,
    /// The address for replies.
    pub reply_to: Option<String>,
    /// Amazon SES's configuration set.
    pub configuration_set: Option<String>,
    /// The attached calendar file.
    pub calendar: Option<Calendar>,
    /// The booking. The provider returns it in receipts.
    pub booking: BookingId,
    /// Its content.
    pub content: MessageContent,
    /// The agent's notes, for VAI's own template.
    pub notes: Option<StrangerText>,
    /// The kind of agent.
    pub agent_type: Option<String>,
}

/// What a calendar file needs besides the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// The kind of file: to add, or an invitation to answer.
    pub kind: CalendarFile,
    /// The number of changes since the meeting was booked: `SEQUENCE`.
    pub sequence: u32,
    /// Whether the meeting is canceled.
    pub is_canceled: bool,
    /// When this was composed: `DTSTAMP`.
    pub at: Timestamp,
    /// The host's address, else the sender's: `ORGANIZER`.
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
    /// Returns the detail for the timeline, without personal data: the provider, the language, and the source of the
    /// number.
    pub fn detail(&self) -> String {
        let without = match self.content.withheld {
            Withheld::Nothing => "",
            Withheld::Links => ", without links (country_links)",
            Withheld::LinksToEmail => ", without links, which an e-mail has (country_links)",
        };
        format!("{}, number from {}{without}", detail(self.provider, &self.content), self.source.name())
    }
}

impl EmailOrder {
    /// Returns the detail for the timeline, without personal data: the provider and the language.
    pub fn detail(&self) -> String {
        detail(self.provider, &self.content)
    }
}

fn detail(provider: Provider, content: &MessageContent) -> String {
    format!("{}, {}", provider.title(), content.language.tag())
}
