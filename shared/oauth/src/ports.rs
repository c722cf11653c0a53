//! The ports of a refresh.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{ConnectionName, Private};
use engine::{CommitError, PortError};
use jiff::SignedDuration;

use crate::grant::{Grant, Issued};

/// The stored grants, encrypted.
pub trait GrantStore {
    /// Reads a connection's grant with its revision, strongly consistent.
    async fn load_grant(&self, connection: &ConnectionName) -> Result<Option<(Grant, u64)>, PortError>;

    /// Writes a connection's grant, if the stored one still has the revision.
    async fn write_grant(&self, connection: &ConnectionName, grant: &Grant, revision: u64) -> Result<(), CommitError>;
}

/// Calendly's token endpoint.
pub trait TokenEndpoint {
    /// Refreshes tokens.
    async fn refresh(&self, refresh_token: &Private<String>) -> RefreshOutcome;
}

/// Waits.
pub trait Pause {
    /// Waits for a time.
    async fn pause(&self, time: SignedDuration);
}

/// What became of a refresh.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefreshOutcome {
    /// Calendly issued new tokens. The old refresh token no longer works.
    Issued(Issued),
    /// Calendly does not accept the refresh token.
    InvalidGrant,
    /// Calendly gave no tokens, and it can be asked again after this many seconds: it refused for another reason, was
    /// not reached, or its answer was lost.
    NotNow {
        /// Seconds.
        seconds: u32,
        /// Why; without a secret.
        problem: String,
    },
}
