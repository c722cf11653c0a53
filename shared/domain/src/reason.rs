//! Why something was not done: a code for programs and a sentence for the support person who is asked.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $sentence:literal;)*) => {
        /// Why a command was not carried out, or not as planned.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code that is stored, counted and searched for.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, for a person who doesn't know the program.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// No source held a number.
    NoPhone = "no_phone": "No phone number was given with the booking.";
    /// What was given is not E.164.
    PhoneInvalid = "phone_invalid": "The phone number given is not an international one (+ and country code).";
    /// It can't be texted.
    Landline = "landline": "The phone number is a landline, which is not texted.";
    /// The person does not want it.
    OptedOut = "opted_out": "The person has asked not to be written to any more.";
    /// The address does not work.
    Suppressed = "suppressed": "Earlier e-mails to this address came back, or were called spam.";
    /// Nobody is texted at that hour.
    QuietHours = "quiet_hours": "Its hour was in the recipient's quiet hours, and no better one was left.";
    /// It was passed on and came back.
    Undelivered = "undelivered": "The provider took it, and it did not arrive.";
    /// There is nothing to ask.
    Reconfirmed = "reconfirmed": "The invitee has confirmed once more already.";
    /// The invitee came.
    CameAfterAll = "came_after_all": "The host took the no-show back.";
    /// The wording of the connection's own can't be filled in.
    WordingBroken = "wording_broken": "The wording of the settings can't be filled in: `make settings` says why.";
    /// A booking was made after all.
    BookedAfterAll = "booked_after_all": "It was booked after all.";
    /// The agent has not given up.
    TriedAgain = "tried_again": "VAI's agent is trying again.";
    /// The settings name no approved template for this message, provider and language.
    NoTemplate = "no_template": "The settings name no template for this message in this language.";
    /// E-mails go to the invitees of VAI's bookings only.
    NotVais = "not_vais": "The settings send e-mails only for bookings that VAI made; VAI did not make this one.";
    /// The hour of a reminder had already passed when it was planned.
    PastOffset = "past_offset": "Its hour had already passed when the booking became known.";
    /// The meeting had already begun.
    PastStart = "past_start": "The meeting had already begun.";
    /// A later reminder of the same meeting was already due.
    Superseded = "superseded": "A later reminder of the same meeting was already due.";
    /// It came back so late that it would only confuse.
    TooLate = "too_late": "It came too late to be of use.";
    /// The settings say not to act on this event type.
    EventTypeIgnored = "event_type_ignored": "The settings say not to act on this event type.";
    /// The meeting was canceled first.
    CanceledBeforeFire = "canceled_before_fire": "The meeting was canceled before its hour came.";
    /// The meeting was moved first.
    MovedBeforeFire = "moved_before_fire": "The meeting was moved before its hour came; the new time has its own.";
    /// The host said that the invitee did not come.
    NoShow = "no_show": "The host marked the invitee as not having come.";
    /// What was missing came.
    Arrived = "arrived": "What was missing has arrived.";
    /// Calendly knows nothing of it.
    NotFound = "not_found": "Calendly was asked and knows nothing of it.";
    /// The settings no longer ask for it.
    SettingsChanged = "settings_changed": "The settings no longer ask for it.";
    /// The provider said no and will say no again.
    ProviderRefused = "provider_refused": "The provider refused it.";
    /// Somebody else was quicker.
    SlotTaken = "slot_taken": "Somebody else has booked the slot.";
    /// Canceling would cancel the others' meeting too.
    SharedEvent = "shared_event": "Others are in the same event: canceling it would cancel theirs too.";
    /// The provider's account or our settings need a person.
    Misconfigured = "misconfigured": "The provider rejected our account or template: somebody must look at the settings.";
    /// The provider limits how often.
    RateLimited = "rate_limited": "The provider asked us to wait.";
    /// The provider could not be reached; nothing was sent.
    Unreachable = "unreachable": "The provider could not be reached; it will be tried again.";
    /// Every try failed.
    GaveUp = "gave_up": "Every try failed.";
    /// The provider may or may not have acted.
    Unknown = "unknown": "The provider did not answer: it may or may not have been sent.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_are_what_is_stored() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("serialises"), reason.code());
        }
    }
}
