//! Feedback on a message after its provider accepted it: receipts, replies and opt-outs.

use events::ReplyMeaning;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

use crate::email_address::email_key;
use crate::ids::{BookingId, CommandId, ConnectionName};
use crate::message::Message;
use crate::pepper::Pepper;
use crate::personal::{Phone, Private};
use crate::reason::Reason;
use crate::settings::Price;

/// The delivery state of a message. It only moves forward, in this order: nothing that a provider says later takes an
/// arrival back, such as the bounce of an automatic answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The provider has passed it on.
    Sent,
    /// It did not arrive, or bounced.
    Failed,
    /// The phone or the mail server has it.
    Delivered,
}

impl Delivery {
    /// Returns the name that is stored and counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "undelivered",
        }
    }
}

/// What a person objects to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objection {
    /// Follow-ups: messages that are not about an upcoming meeting.
    FollowUps,
    /// Every message by this channel.
    Everything,
}

impl Objection {
    /// Returns what the timeline says of an objection that a receipt reports.
    pub fn describe(self, source: ConsentSource) -> &'static str {
        match (self, source) {
            (_, ConsentSource::Complaint) => "reported as spam: nothing more is sent to this address",
            (_, ConsentSource::Bounce) => "the address does not exist: nothing more is sent to it",
            (Self::Everything, _) => "the person asked for no more messages",
            (Self::FollowUps, _) => "the person asked for no more follow-ups",
        }
    }

    /// Returns why a message must not be sent to a person with this objection; `None` when it may be sent.
    pub fn forbids(self, source: ConsentSource, message: Message) -> Option<Reason> {
        match self {
            Self::Everything if matches!(source, ConsentSource::Bounce | ConsentSource::Complaint) => {
                Some(Reason::Suppressed)
            }
            Self::Everything => Some(Reason::OptedOut),
            Self::FollowUps => message.is_follow_up().then_some(Reason::OptedOut),
        }
    }
}

/// How an objection, or its end, became known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// The person replied with a word such as STOP or START.
    Reply,
    /// The link at the end of a message.
    Link,
    /// The provider refused: the objection is on its own list.
    Provider,
    /// The address does not exist.
    Bounce,
    /// The person marked a message as spam.
    Complaint,
}

/// A provider's report on one message that we sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The booking that the message was about. We send it to the provider, and the receipt has it.
    pub booking: BookingId,
    /// The command that sent the message.
    pub command: CommandId,
    /// The provider's own id of the message.
    pub provider_id: Option<String>,
    /// The delivery state; `None` if the receipt reports only an objection.
    pub delivery: Option<Delivery>,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The provider's code, such as `30006`. Never its text, which may quote the person.
    pub code: Option<String>,
    /// What the provider takes for the whole message, if the receipt says so.
    pub price: Option<Price>,
    /// The objection that the receipt reports. It counts whatever else is known of the message.
    pub objection: Option<(Objection, ConsentSource)>,
    /// The recipient's e-mail address, if the receipt has it.
    pub email: Option<Private<String>>,
}

/// A person's reply to one of our messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The provider's own id, if it gives one.
    pub id: Option<String>,
    /// The sender.
    pub from: Phone,
    /// The text.
    pub text: StrangerText,
    /// What the provider takes it for, if it says so. The text may be a word that the provider's customer chose.
    pub meaning: Option<ReplyMeaning>,
    /// When, by the provider's clock.
    pub at: Timestamp,
}

/// Feedback from a provider or a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Feedback {
    /// A provider's report on one of our messages.
    Receipt(Receipt),
    /// A person's reply.
    Reply(Reply),
    /// A provider reports an objection, without our ids.
    Objected {
        /// The person's e-mail address.
        email: Private<String>,
        /// The objection.
        objection: Objection,
        /// How it became known.
        source: ConsentSource,
    },
    /// A person followed the link that ends messages.
    Unsubscribed {
        /// The booking that the message was about. Its rows may have expired.
        booking: BookingId,
        /// Who got the message.
        contact: ContactKey,
        /// The link's signature. It counts only if it is ours.
        signature: String,
    },
    /// A person whose link was not whole wrote an address that shall get no more messages. It counts if we wrote to it.
    AskedToStop {
        /// The booking that the message was about.
        booking: BookingId,
        /// A phone number or an e-mail address, as the person wrote it.
        address: Private<String>,
    },
    /// Feedback without an effect. It is counted under this name.
    Other(String),
}

/// A phone number or an e-mail address, as an HMAC under the stack's pepper. Consent is stored under it, and whoever
/// holds one can't find out whose it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactKey(String);

impl ContactKey {
    /// Returns the key of a phone number.
    pub fn for_phone(pepper: &Pepper, connection: &ConnectionName, phone: &Phone) -> Self {
        Self(pepper.digest(&["contact-by-sms", connection.as_str(), phone.expose()]))
    }

    /// Returns the key of an e-mail address. Upper and lower case, and the form of an internationalized domain, do not
    /// matter.
    pub fn for_email(pepper: &Pepper, connection: &ConnectionName, email: &str) -> Self {
        Self(pepper.digest(&["contact-by-email", connection.as_str(), &email_key(email)]))
    }

    /// Returns the key of an address as a person writes it: an e-mail address, or a phone number with its country code.
    pub fn for_address(pepper: &Pepper, connection: &ConnectionName, address: &str) -> Option<Self> {
        if address.contains('@') {
            return Some(Self::for_email(pepper, connection, address));
        }
        let bare: String = address.chars().filter(|it| !it.is_whitespace() && !"-.()/".contains(*it)).collect();
        let number = bare.strip_prefix("00").map_or_else(|| bare.clone(), |rest| format!("+{rest}"));
        Some(Self::for_phone(pepper, connection, &Phone::parse(&number)?))
    }

    /// Parses a key from a link: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_key.then(|| Self(text.to_owned()))
    }

    /// Returns the HMAC, in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_contact_does_not_reveal_the_contact() {
        let phone = Phone::parse("+40712345678").expect("a phone number");
        let (one, other) = (ConnectionName::default(), ConnectionName::parse("acme").expect("a name"));
        let [pepper, another] = ["a", "b"].map(|it| Pepper::new(it.repeat(32)).expect("a pepper"));
        let key = ContactKey::for_phone(&pepper, &one, &phone);
        assert_eq!(ContactKey::parse(key.as_str()), Some(key.clone()));
        assert_ne!(key, ContactKey::for_phone(&pepper, &other, &phone), "each connection has its own");
        assert_ne!(key, ContactKey::for_phone(&another, &one, &phone), "who lacks the pepper can't try all numbers");
        let email = |text| ContactKey::for_email(&pepper, &one, text);
        assert_eq!(email(" Ana@Example.com"), email("ana@example.com"));
        for wrong in ["", "0123", "0123456789ABCDEF0123456789ABCDEF", "g123456789abcdef0123456789abcdef"] {
            assert_eq!(ContactKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_is_read_as_a_person_writes_it() {
        let (connection, pepper) = (ConnectionName::default(), Pepper::new("a".repeat(32)).expect("a pepper"));
        let read = |text| ContactKey::for_address(&pepper, &connection, text);
        let phone = Phone::parse("+40712345678").expect("a phone number");
        for written in ["+40712345678", " +40 712-345-678", "0040 (712) 345.678"] {
            assert_eq!(read(written), Some(ContactKey::for_phone(&pepper, &connection, &phone)), "{written}");
        }
        let email = ContactKey::for_email(&pepper, &connection, "ana@example.com");
        assert_eq!(read(" Ana@example.com "), Some(email));
        for unreadable in ["", "0712345678", "Ana", "+4071234567x"] {
            assert_eq!(read(unreadable), None, "{unreadable}");
        }
    }
}
