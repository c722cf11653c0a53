//! What can go wrong with a call, and who decides it.

use domain::{CommandId, Fact, InviteeUri, Outcome, Reason};
use engine::{BookOutcome, CalendlyError, CommitError, PortError};
use jiff::Timestamp;

use crate::call::Call;
use crate::state::State;

/// What goes wrong with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It fails, certainly without effect.
    Fails,
    /// Its answer is lost.
    NoAnswer {
        /// Whether it takes effect.
        has_effect: bool,
    },
    /// The function is killed.
    Killed {
        /// Whether the call takes effect before.
        has_effect: bool,
    },
    /// The provider gives this answer. It takes effect unless it is refused or unsent.
    Answers(Outcome),
    /// The row was changed concurrently.
    Conflict,
    /// The row can't be read by this release.
    Unreadable,
}

/// Decides what goes wrong.
pub trait FaultPolicy {
    /// Whether effects are recorded with their texts, which take time to make.
    const DESCRIBES_EFFECTS: bool = true;

    /// Decides what goes wrong with a call, the `number`th of its world from 0. `command`: the command that it is
    /// about.
    fn fault(&self, number: usize, call: Call, command: Option<&CommandId>) -> Option<Fault>;

    /// What Calendly knows of an invitee.
    fn invitee(&self, state: &State, invitee: &InviteeUri, _now: Timestamp) -> Option<Fact> {
        state.calendly.invitees.get(invitee).cloned()
    }
}

impl Fault {
    pub(crate) fn has_effect(&self) -> bool {
        match self {
            Self::Fails | Self::Conflict | Self::Unreadable => false,
            Self::NoAnswer { has_effect } | Self::Killed { has_effect } => *has_effect,
            Self::Answers(outcome) => !matches!(outcome, Outcome::Refused { .. } | Outcome::Unsent { .. }),
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::Fails => "the call failed, as the test asks",
            Self::NoAnswer { .. } => "the answer was lost, as the test asks",
            Self::Killed { .. } => "the function was killed, as the test asks",
            Self::Answers(_) => "the provider answered as the test asks",
            Self::Conflict => "the row was changed concurrently, as the test asks",
            Self::Unreadable => "the row can't be read, as the test asks",
        }
    }
}

impl From<Fault> for PortError {
    fn from(fault: Fault) -> Self {
        if fault == Fault::Unreadable { Self::unreadable(fault.text()) } else { Self::unavailable(fault.text()) }
    }
}

impl From<Fault> for CommitError {
    fn from(fault: Fault) -> Self {
        if fault == Fault::Conflict { Self::Conflict } else { Self::Port(fault.into()) }
    }
}

impl From<Fault> for CalendlyError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Answers(Outcome::Refused { reason: Reason::NotFound, .. }) => Self::NotFound,
            Fault::Answers(Outcome::Refused { detail, .. }) => Self::Refused(detail),
            fault => Self::Unavailable(fault.text().to_owned()),
        }
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        let detail = fault.text().to_owned();
        match fault {
            Fault::Answers(outcome) => outcome,
            Fault::NoAnswer { .. } | Fault::Killed { .. } => Self::Unknown { after_seconds: None, detail },
            Fault::Fails | Fault::Conflict | Fault::Unreadable => {
                Self::Unsent { reason: Reason::Unreachable, after_seconds: None, detail }
            }
        }
    }
}

impl From<Fault> for BookOutcome {
    fn from(fault: Fault) -> Self {
        let detail = fault.text().to_owned();
        match fault {
            Fault::NoAnswer { .. } | Fault::Killed { .. } => Self::Unknown { detail },
            Fault::Fails | Fault::Answers(_) | Fault::Conflict | Fault::Unreadable => Self::Unsent { detail },
        }
    }
}
