//! The parts of a message, each with its own wording.

use domain::settings::WordingParts;

/// A part of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Sms,
    Subject,
    Text,
    Html,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Sms, Self::Subject, Self::Text, Self::Html];

    /// Returns the name that settings use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// Returns the connection's own wording of this part.
    pub(crate) fn own(self, wording: &WordingParts) -> Option<&str> {
        match self {
            Self::Sms => wording.sms.as_deref(),
            Self::Subject => wording.subject.as_deref(),
            Self::Text => wording.text.as_deref(),
            Self::Html => wording.html.as_deref(),
        }
    }
}
