//! Why a port gave no result. Nothing personal stands in any of these texts.

use std::error::Error;

/// A cause, as an adapter had it.
type Cause = Box<dyn Error + Send + Sync>;

/// Why a port gave no result.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The service could not be reached, or gave no answer. It is not known whether it acted; a later try may work.
    #[error("{context}")]
    Unavailable {
        /// What could not be done.
        context: String,
        /// Why.
        source: Option<Cause>,
    },
    /// What was read can't be used by this version, now or later: a corrupt row, or a row of a later version.
    #[error("{context}")]
    Unreadable {
        /// What can't be read.
        context: String,
        /// Why.
        source: Option<Cause>,
    },
}

impl PortError {
    /// An error that may pass.
    pub fn unavailable(context: impl Into<String>) -> Self {
        Self::Unavailable { context: context.into(), source: None }
    }

    /// An error that may pass, with its cause.
    pub fn unavailable_because(context: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { context: context.into(), source: Some(cause.into()) }
    }

    /// An error that will not pass.
    pub fn unreadable(context: impl Into<String>) -> Self {
        Self::Unreadable { context: context.into(), source: None }
    }

    /// An error that will not pass, with its cause.
    pub fn unreadable_because(context: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Unreadable { context: context.into(), source: Some(cause.into()) }
    }

    /// Whether a later try may work.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else wrote first. Load and decide again.
    #[error("somebody else wrote first")]
    Conflict,
    /// It may or may not have been written. Load to find out.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why Calendly did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalendlyError {
    /// A later try may work.
    #[error("{0}")]
    Unavailable(String),
    /// Calendly takes no more calls for this many seconds.
    #[error("Calendly takes no more calls for {0} s")]
    Limited(u32),
    /// Calendly knows nothing of what was asked about.
    #[error("Calendly knows nothing of it")]
    NotFound,
    /// A later try will not work either.
    #[error("{0}")]
    Refused(String),
}
