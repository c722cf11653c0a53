//! Short links in SMS: what each leads to, and when it was opened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, CommandId, ConnectionName};

/// What a short link is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// To join the meeting.
    Join,
    /// To move it.
    Reschedule,
    /// To cancel it.
    Cancel,
}

impl LinkPurpose {
    /// Returns its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Reschedule => "reschedule",
            Self::Cancel => "cancel",
        }
    }

    /// Returns what happened when somebody opened the link, for the timeline.
    pub(crate) fn opened(self) -> &'static str {
        match self {
            Self::Join => "its link to join was opened",
            Self::Reschedule => "its link to move the meeting was opened",
            Self::Cancel => "its link to cancel the meeting was opened",
        }
    }
}

/// A short link of one message to one person. It leads to `url` until it ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShortLink {
    /// The connection.
    pub connection: ConnectionName,
    /// The booking.
    pub booking: BookingId,
    /// The command that sends the message.
    pub command: CommandId,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where it leads to.
    pub url: String,
    /// When it ends.
    pub until: Timestamp,
}

/// When somebody, or a program that looks at links, first opened a short link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The command that sent the message.
    pub command: CommandId,
    /// What the link is for.
    pub purpose: LinkPurpose,
    /// When.
    pub at: Timestamp,
}
