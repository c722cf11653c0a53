//! The channels of messages, and the providers that send them.

use serde::{Deserialize, Serialize};

/// How a message reaches a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

impl Channel {
    /// Every channel, in the order in which they are listed to people.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// Returns the name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// A provider that sends messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// SMS by EngageLab, from templates that it has approved.
    Engagelab,
    /// SMS by Twilio.
    Twilio,
    /// E-mail by VAI, from VAI's templates.
    Vai,
    /// E-mail by Amazon SES.
    Ses,
    /// E-mail by Brevo.
    Brevo,
}

impl Provider {
    /// Every provider, in the order in which they are listed to people.
    pub const ALL: [Self; 5] = [Self::Engagelab, Self::Twilio, Self::Vai, Self::Ses, Self::Brevo];

    /// Returns the name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engagelab => "engagelab",
            Self::Twilio => "twilio",
            Self::Vai => "vai",
            Self::Ses => "ses",
            Self::Brevo => "brevo",
        }
    }

    /// Returns the name that is shown to people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Engagelab => "EngageLab",
            Self::Twilio => "Twilio",
            Self::Vai => "VAI",
            Self::Ses => "Amazon SES",
            Self::Brevo => "Brevo",
        }
    }

    /// Returns the channel this provider serves.
    pub fn channel(self) -> Channel {
        match self {
            Self::Engagelab | Self::Twilio => Channel::Sms,
            Self::Vai | Self::Ses | Self::Brevo => Channel::Email,
        }
    }

    /// Returns whether its messages can have a calendar file.
    pub fn sends_files(self) -> bool {
        matches!(self, Self::Ses | Self::Brevo)
    }

    /// Returns whether it sends only its own templates, and not our wording.
    pub fn has_templates(self) -> bool {
        matches!(self, Self::Engagelab | Self::Vai)
    }
}
