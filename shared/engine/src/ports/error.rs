//! Errors of ports. Their texts have no personal data.

use std::error::Error;

/// The cause in an adapter.
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
    /// The service asks to wait. It is not known whether it acted; a later try may work.
    #[error("{context}")]
    Limited {
        /// What it answered.
        context: String,
        /// How long, in seconds.
        seconds: u32,
    },
    /// Calendly no longer accepts the connection's login or token. Nothing was done. A later try works when somebody
    /// has connected again.
    #[error("Calendly no longer accepts this connection's login: connect it again")]
    NeedsReconnect,
    /// The data cannot be used by this version, now or later: a corrupt row, or a row of a later version.
    #[error("{context}")]
    Unreadable {
        /// What cannot be read.
        context: String,
        /// Why.
        source: Option<Cause>,
    },
}

impl PortError {
    /// Returns an error that may be temporary.
    pub fn unavailable(context: impl Into<String>) -> Self {
        Self::Unavailable { context: context.into(), source: None }
    }

    /// Returns an error that may be temporary, with its cause.
    pub fn unavailable_because(context: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { context: context.into(), source: Some(cause.into()) }
    }

    /// Returns a permanent error.
    pub fn unreadable(context: impl Into<String>) -> Self {
        Self::Unreadable { context: context.into(), source: None }
    }

    /// Returns a permanent error, with its cause.
    pub fn unreadable_because(context: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Unreadable { context: context.into(), source: Some(cause.into()) }
    }

    /// Returns whether a later try may work.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Limited { .. } | Self::NeedsReconnect)
    }
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another function wrote first. Load and decide again.
    #[error("another function wrote first")]
    Conflict,
    /// It may or may not have been written. Load to find out.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a call to Calendly failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalendlyError {
    /// A later try may work.
    #[error("{0}")]
    Unavailable(String),
    /// Calendly accepts no more calls for this many seconds.
    #[error("Calendly takes no more calls for {0} s")]
    Limited(u32),
    /// Calendly does not know the resource.
    #[error("Calendly knows nothing of it")]
    NotFound,
    /// A later try will not work either.
    #[error("{0}")]
    Refused(String),
}
