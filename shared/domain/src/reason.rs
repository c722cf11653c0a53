//! Why something was not done: a code for programs and a sentence for support staff.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $sentence:literal;)*) => {
        /// Why a command was not performed, or not as planned.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the code that is stored and counted.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns the meaning, for people who do not know the program.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// No source has a phone number.
    NoPhone = "no_phone": "No phone number was given with the booking.";
    /// No number of that country has these digits.
    PhoneInvalid = "phone_invalid": "The phone number given does not exist: digits are missing, too many or wrong.";
    /// The number is a national one, and nothing says of which country.
    PhoneWithoutCountry = "phone_without_country": "The phone number given has no country code, and the settings have no default_region.";
    /// The only phone number answers a question that the settings do not list.
    PhoneQuestionUnknown = "phone_question_unknown": "A phone number answers a question that phone_questions in the settings does not list.";
    /// The number is a landline or a service number, which cannot receive SMS.
    Landline = "landline": "The phone number is a landline or a service number, which is not texted.";
    /// The number is of a kind whose owner may earn by each SMS, or that is no person's.
    NumberNotTexted = "number_not_texted": "The phone number is of a kind that is never texted: premium, shared-cost, free, personal, pager, voicemail, a company's or a satellite's.";
    /// The settings do not list the number's country.
    CountryNotAllowed = "country_not_allowed": "The phone number is of a country that countries in the settings does not list.";
    /// A limit of SMS was reached.
    SmsBudget = "sms_budget": "A limit of sms_budget in the settings was reached.";
    /// No provider sends to the address.
    EmailInvalid = "email_invalid": "No e-mail can be sent to the address: it is malformed, or has letters other than a to z before the @.";
    /// The person has opted out.
    OptedOut = "opted_out": "The person has asked not to be written to any more.";
    /// The address bounced, or the person marked a message as spam.
    Suppressed = "suppressed": "Earlier e-mails to this address came back, or were called spam.";
    /// No time outside quiet hours is left.
    QuietHours = "quiet_hours": "Its hour was in the recipient's quiet hours, and no better one was left.";
    /// The rules of the number's country leave no time for the message.
    CountryHours = "country_hours": "Its hour was one in which the number's country allows no such SMS, and no better one was left.";
    /// The text has a link or a number that the carriers of the number's country refuse.
    CountryLinks = "country_links": "Carriers of the number's country refuse links that they do not know, so an e-mail has them.";
    /// The number's country takes no such SMS, or none from this sender.
    CountryChannel = "country_channel": "The number's country takes no SMS of this kind, or none from this sender.";
    /// The provider reported that the message did not arrive.
    Undelivered = "undelivered": "The provider took it, and it did not arrive.";
    /// The invitee has already reconfirmed.
    Reconfirmed = "reconfirmed": "The invitee has confirmed once more already.";
    /// The host removed the no-show mark.
    CameAfterAll = "came_after_all": "The host took the no-show back.";
    /// The connection's own wording cannot be filled in.
    WordingBroken = "wording_broken": "The wording of the settings can't be filled in: `make settings` says why.";
    /// A later request was booked.
    BookedAfterAll = "booked_after_all": "It was booked after all.";
    /// The agent sent another request.
    TriedAgain = "tried_again": "VAI's agent is trying again.";
    /// The settings name no approved template for this message, provider and language.
    NoTemplate = "no_template": "The settings name no template for this message in this language.";
    /// The settings send it only for VAI's bookings.
    NotVais = "not_vais": "The settings send this only for bookings that VAI made; VAI did not make this one.";
    /// The planned time had already passed.
    PastOffset = "past_offset": "Its hour had already passed when the booking became known.";
    /// The meeting had already begun.
    PastStart = "past_start": "The meeting had already begun.";
    /// A later reminder of the same meeting was already due.
    Superseded = "superseded": "A later reminder of the same meeting was already due.";
    /// The command was resumed too late to be useful.
    TooLate = "too_late": "It came too late to be of use.";
    /// The settings exclude this event type.
    EventTypeIgnored = "event_type_ignored": "The settings say not to act on this event type.";
    /// The operator has switched the connection off.
    ConnectionDisabled = "connection_disabled": "The connection is switched off.";
    /// The meeting was canceled first.
    CanceledBeforeFire = "canceled_before_fire": "The meeting was canceled before its hour came.";
    /// An agent has asked to cancel the meeting.
    CancelRequested = "cancel_requested": "Somebody has asked to cancel the meeting.";
    /// The meeting was moved first.
    MovedBeforeFire = "moved_before_fire": "The meeting was moved before its hour came; the new time has its own.";
    /// The host marked the invitee as a no-show.
    NoShow = "no_show": "The host marked the invitee as not having come.";
    /// The missing data has arrived.
    Arrived = "arrived": "What was missing has arrived.";
    /// Calendly does not know the booking.
    NotFound = "not_found": "Calendly was asked and knows nothing of it.";
    /// The settings have changed and no longer require it.
    SettingsChanged = "settings_changed": "The settings no longer ask for it.";
    /// The provider refused it and would refuse it again.
    ProviderRefused = "provider_refused": "The provider refused it.";
    /// Another person booked the slot first.
    SlotTaken = "slot_taken": "Somebody else has booked the slot.";
    /// The event has other invitees, and canceling it would cancel their meeting, too.
    SharedEvent = "shared_event": "Others are in the same event: canceling it would cancel theirs too.";
    /// A person must check the provider's account or our settings.
    Misconfigured = "misconfigured": "The provider rejected our account or template: somebody must look at the settings.";
    /// Calendly no longer accepts the connection's login or token.
    NeedsReconnect = "needs_reconnect": "Calendly no longer accepts our login: somebody must connect again. It is tried until then.";
    /// The provider's rate limit was reached.
    RateLimited = "rate_limited": "The provider asked us to wait.";
    /// Another booking of the same person is being written to the CRM.
    ContactBusy = "contact_busy": "The contact was being written for another booking.";
    /// The provider could not be reached; nothing was sent.
    Unreachable = "unreachable": "The provider could not be reached; it will be tried again.";
    /// Every try failed.
    GaveUp = "gave_up": "Every try failed.";
    /// The provider may or may not have acted.
    Unknown = "unknown": "The provider did not answer: it may or may not have been sent.";
}

/// What a reason for which something was skipped stands in the way of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hindrance {
    /// Of the SMS only: an e-mail may say the same. It can end with another number, other settings or another hour.
    Sms,
    /// Of the command in each form. It can end with other settings, or because somebody changes their mind.
    Passing,
    /// It does not end.
    Final,
}

impl Reason {
    /// Returns what it stands in the way of when something is skipped. Each reason must be named here, so that a new
    /// one is considered.
    pub(crate) fn hindrance(self) -> Hindrance {
        match self {
            Self::NoPhone
            | Self::PhoneInvalid
            | Self::PhoneWithoutCountry
            | Self::PhoneQuestionUnknown
            | Self::Landline
            | Self::NumberNotTexted
            | Self::CountryNotAllowed
            | Self::CountryHours
            | Self::CountryChannel
            | Self::SmsBudget
            | Self::OptedOut
            | Self::QuietHours
            | Self::NotVais
            | Self::NoTemplate => Hindrance::Sms,
            Self::EventTypeIgnored | Self::ConnectionDisabled | Self::Suppressed | Self::CancelRequested => {
                Hindrance::Passing
            }
            Self::EmailInvalid
            | Self::CountryLinks
            | Self::Undelivered
            | Self::Reconfirmed
            | Self::CameAfterAll
            | Self::WordingBroken
            | Self::BookedAfterAll
            | Self::TriedAgain
            | Self::PastOffset
            | Self::PastStart
            | Self::Superseded
            | Self::TooLate
            | Self::CanceledBeforeFire
            | Self::MovedBeforeFire
            | Self::NoShow
            | Self::Arrived
            | Self::NotFound
            | Self::SettingsChanged
            | Self::ProviderRefused
            | Self::SlotTaken
            | Self::SharedEvent
            | Self::Misconfigured
            | Self::NeedsReconnect
            | Self::RateLimited
            | Self::ContactBusy
            | Self::Unreachable
            | Self::GaveUp
            | Self::Unknown => Hindrance::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_are_the_stored_names() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("serialises"), reason.code());
        }
    }
}
