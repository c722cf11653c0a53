//! The actions that send a message. Each uses one channel.

use serde::{Deserialize, Serialize};

use crate::message::{Message, Notice};
use crate::personal::Private;

/// A message to send.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageAction {
    /// An SMS to the invitee.
    #[serde(rename = "text")]
    Sms(Message),
    /// An e-mail to the invitee.
    #[serde(rename = "mail")]
    Email(Message),
    /// An SMS to a host, identified by the e-mail address at Calendly. The empty address is the phone number for all
    /// hosts in the settings.
    #[serde(rename = "text_host")]
    SmsHost(Notice, Private<String>),
    /// An e-mail to a host.
    #[serde(rename = "mail_host")]
    EmailHost(Notice, Private<String>),
}

impl MessageAction {
    /// Returns the message.
    pub fn message(&self) -> Message {
        match self {
            Self::Sms(message) | Self::Email(message) => *message,
            Self::SmsHost(notice, _) | Self::EmailHost(notice, _) => Message::HostNotice(*notice),
        }
    }

    /// Returns whether it is an SMS.
    pub fn is_sms(&self) -> bool {
        matches!(self, Self::Sms(_) | Self::SmsHost(..))
    }

    /// Returns whether it is sent to the invitee.
    pub fn is_to_invitee(&self) -> bool {
        matches!(self, Self::Sms(_) | Self::Email(_))
    }

    /// Returns the e-mail with the same message, for an SMS.
    pub fn by_email(&self) -> Option<Self> {
        match self {
            Self::Sms(message) => Some(Self::Email(*message)),
            Self::SmsHost(notice, host) if !host.expose().is_empty() => Some(Self::EmailHost(*notice, host.clone())),
            Self::SmsHost(..) | Self::Email(_) | Self::EmailHost(..) => None,
        }
    }
}
