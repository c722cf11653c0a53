//! What is heard of a message after its provider took it: whether it arrived, and what the person said to it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BookingId, CommandId, ConnectionName, Phone, Private, digest};

/// How far a message has come. It only moves forward, in this order: a receipt that was overtaken changes nothing. That
/// an e-mail bounces after it was delivered is possible, the reverse is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The provider has passed it on.
    Sent,
    /// The phone or the mail server has it.
    Delivered,
    /// It did not arrive, or bounced.
    Failed,
}

impl Delivery {
    /// The name that the timeline shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "undelivered",
        }
    }
}

/// What a person does not want any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objection {
    /// What is not about a meeting of theirs that is to come: follow-ups.
    FollowUps,
    /// Anything at all by this channel.
    Everything,
}

/// How an objection, or its end, became known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// The person replied with a word such as STOP or START.
    Reply,
    /// The link at the end of a message.
    Link,
    /// The provider refused: it has the objection on its own list.
    Provider,
    /// The address does not exist.
    Bounce,
    /// The person called a message spam.
    Complaint,
}

/// A provider's word on one message that we sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The booking it was about: we tell the provider, and the provider tells us back.
    pub booking: BookingId,
    /// The command that sent it.
    pub command: CommandId,
    /// The provider's own id of the message.
    pub provider_id: Option<String>,
    /// How far it has come; `None` where the receipt is about an objection only.
    pub delivery: Option<Delivery>,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The provider's code, such as `30006`; never its words, which may quote the person.
    pub code: Option<String>,
    /// What it means for further messages to this person.
    pub objection: Option<(Objection, ConsentSource)>,
}

/// What a person replied to a message of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The provider's own id of it, where it gives one.
    pub id: Option<String>,
    /// Who.
    pub from: Phone,
    /// What.
    pub text: Private<String>,
    /// When, by the provider's clock.
    pub at: Timestamp,
}

/// Something that came in from a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Feedback {
    /// A word on a message of ours.
    Receipt(Receipt),
    /// A person's reply.
    Reply(Reply),
    /// A person followed the link that ends messages, from the message of this command.
    Unsubscribed {
        /// The booking that the message was about.
        booking: BookingId,
        /// The command that sent it.
        command: CommandId,
    },
    /// Nothing that has a meaning here: counted under this name, and otherwise left alone.
    Other(String),
}

/// A person's address, hashed: what consent is kept by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactKey(String);

impl ContactKey {
    /// A phone's.
    pub fn for_phone(connection: &ConnectionName, phone: &Phone) -> Self {
        Self(digest(&["contact-by-sms", connection.as_str(), phone.expose()]))
    }

    /// An e-mail address's; upper and lower case are the same.
    pub fn for_email(connection: &ConnectionName, email: &str) -> Self {
        Self(digest(&["contact-by-email", connection.as_str(), &email.trim().to_lowercase()]))
    }

    /// The hash, in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
