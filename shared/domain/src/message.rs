//! The messages to people.

use countries::Purpose;
use serde::{Deserialize, Serialize};

/// A message to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The meeting is booked.
    Confirmation,
    /// The meeting was moved to another time.
    Move,
    /// The meeting is canceled.
    Cancellation,
    /// The meeting is near.
    Reminder {
        /// Minutes before the start.
        minutes_before: u32,
    },
    /// The meeting is over.
    FollowUp {
        /// Minutes after the end.
        minutes_after: u32,
    },
    /// The host marked the invitee as a no-show.
    NoShow,
    /// The invitee is asked to reconfirm.
    Reconfirmation {
        /// Minutes before the start.
        minutes_before: u32,
    },
    /// VAI's agent could not make the booking.
    NotBooked,
    /// A notice to a host.
    HostNotice(Notice),
}

/// What a host is notified of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The meeting is booked.
    Booked,
    /// The meeting was moved to another time.
    Moved,
    /// The meeting is canceled.
    Canceled,
}

impl Notice {
    /// Returns the name that wording uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Moved => "moved",
            Self::Canceled => "canceled",
        }
    }
}

impl Message {
    /// The names of all messages, in the order in which they are listed to people.
    pub const NAMES: [&str; 9] = [
        "confirmation",
        "move",
        "cancellation",
        "reminder",
        "follow_up",
        "no_show",
        "host_notice",
        "reconfirmation",
        "not_booked",
    ];

    /// One of each message that has a text of its own, for previews.
    pub const SAMPLES: [Self; 11] = [
        Self::Confirmation,
        Self::Move,
        Self::Cancellation,
        Self::Reminder { minutes_before: 60 },
        Self::FollowUp { minutes_after: 30 },
        Self::NoShow,
        Self::HostNotice(Notice::Booked),
        Self::HostNotice(Notice::Moved),
        Self::HostNotice(Notice::Canceled),
        Self::Reconfirmation { minutes_before: 1440 },
        Self::NotBooked,
    ];

    /// Returns the name that settings and templates use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Move => "move",
            Self::Cancellation => "cancellation",
            Self::Reminder { .. } => "reminder",
            Self::FollowUp { .. } => "follow_up",
            Self::NoShow => "no_show",
            Self::HostNotice(_) => "host_notice",
            Self::Reconfirmation { .. } => "reconfirmation",
            Self::NotBooked => "not_booked",
        }
    }

    /// Returns a timed message's minutes before the start or after the end.
    pub fn minutes(self) -> Option<u32> {
        match self {
            Self::Reminder { minutes_before: minutes }
            | Self::Reconfirmation { minutes_before: minutes }
            | Self::FollowUp { minutes_after: minutes } => Some(minutes),
            _ => None,
        }
    }

    /// Returns whether it is sent at a planned time, not in response to an event. Such messages respect quiet hours,
    /// and are not repeated if their outcome is unknown.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Reminder { .. } | Self::FollowUp { .. } | Self::NoShow | Self::Reconfirmation { .. })
    }

    /// Returns what it is for. The rules of countries depend on it.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Confirmation | Self::Move | Self::Cancellation | Self::NotBooked | Self::HostNotice(_) => {
                Purpose::Answer
            }
            Self::Reminder { .. } | Self::Reconfirmation { .. } => Purpose::Reminder,
            Self::FollowUp { .. } | Self::NoShow => Purpose::FollowUp,
        }
    }

    /// Returns whether it is not about an upcoming meeting. People can opt out of only these.
    pub fn is_follow_up(self) -> bool {
        matches!(self, Self::FollowUp { .. } | Self::NoShow)
    }
}
