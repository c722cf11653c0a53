//! The way to an access token that works.

use domain::{ConnectionName, Private};
use engine::{Clock, CommitError, PortError};
use jiff::{SignedDuration, Timestamp};

use crate::grant::{Grant, Step};
use crate::ports::{GrantStore, Pause, RefreshOutcome, TokenEndpoint};

/// The pause before the grant is read again that another function refreshes. A refresh takes a few hundred
/// milliseconds.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_millis(200);

/// How often the answer of a refresh is written again when the table fails. Its tokens exist nowhere else.
const WRITE_TRIES: u32 = 8;

/// An access token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessToken {
    /// The token.
    pub token: Private<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nobody has logged in.
    #[error("nobody has logged in to Calendly for this connection")]
    NoGrant,
    /// Calendly no longer accepts the refresh token: a person must log in again.
    #[error("Calendly no longer accepts the login of this connection")]
    Lost,
    /// Not now: a refresh is under way, or Calendly gave no tokens. It can be asked again at this instant.
    #[error("a Calendly token is not at hand before {0}")]
    NotBefore(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

/// Gets access tokens, and refreshes them where needed.
#[derive(Debug)]
pub struct Refresher<'a, S, E, C> {
    /// The stored grants.
    pub store: &'a S,
    /// Calendly.
    pub endpoint: &'a E,
    /// The time.
    pub clock: &'a C,
    /// It waits for a refresh of another function until then.
    pub deadline: Timestamp,
}

impl<S: GrantStore, E: TokenEndpoint, C: Clock + Pause> Refresher<'_, S, E, C> {
    /// Returns an access token that works for some minutes. `rejected` is the fingerprint of one that Calendly did not
    /// accept.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn access_token(
        &self,
        connection: &ConnectionName,
        rejected: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        loop {
            let (grant, revision) = self.store.load_grant(connection).await?.ok_or(TokenError::NoGrant)?;
            let now = self.clock.now();
            match grant.next_step(now, rejected) {
                Step::Use => return Ok(AccessToken { token: grant.access_token(), expires_at: grant.expires_at() }),
                Step::LogIn => return Err(TokenError::Lost),
                Step::Wait(until) if now + LOOK_AGAIN_AFTER >= self.deadline => {
                    return Err(TokenError::NotBefore(until));
                }
                Step::Wait(_) => self.clock.pause(LOOK_AGAIN_AFTER).await,
                Step::Refresh(intent) => match self.store.write_grant(connection, &intent, revision).await {
                    Ok(()) => self.refresh(connection, &intent, revision + 1).await?,
                    // Another function was faster.
                    Err(CommitError::Conflict) => {}
                    Err(CommitError::Port(error)) => return Err(error.into()),
                },
            }
        }
    }

    /// Asks Calendly, and writes what it answers.
    async fn refresh(&self, connection: &ConnectionName, intent: &Grant, revision: u64) -> Result<(), TokenError> {
        let outcome = self.endpoint.refresh(&intent.refresh_token()).await;
        let now = self.clock.now();
        let settled = match &outcome {
            RefreshOutcome::Issued(issued) => intent.refreshed(issued, now),
            RefreshOutcome::InvalidGrant => intent.lost(),
            RefreshOutcome::NotNow { seconds, problem } => {
                tracing::warn!(connection = %connection, error = problem, "Calendly's tokens could not be refreshed");
                intent.put_off(now + SignedDuration::from_secs((*seconds).into()))
            }
        };
        match outcome {
            RefreshOutcome::Issued(_) => self.write_issued(connection, intent, &settled, revision).await,
            RefreshOutcome::InvalidGrant | RefreshOutcome::NotNow { .. } => {
                match self.store.write_grant(connection, &settled, revision).await {
                    // On a conflict, another function knows more.
                    Ok(()) | Err(CommitError::Conflict) => Ok(()),
                    Err(CommitError::Port(error)) => Err(error.into()),
                }
            }
        }
    }

    /// Writes new tokens. They replace a grant with the refresh token that they were issued for, whatever became of it
    /// meanwhile; never the tokens of a later login.
    async fn write_issued(
        &self,
        connection: &ConnectionName,
        intent: &Grant,
        issued: &Grant,
        revision: u64,
    ) -> Result<(), TokenError> {
        let mut revision = revision;
        let mut tries = 0;
        loop {
            let error = match self.store.write_grant(connection, issued, revision).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) => match self.store.load_grant(connection).await {
                    Ok(Some((stored, stored_revision))) if stored.has_same_refresh_token(intent) => {
                        revision = stored_revision;
                        continue;
                    }
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                },
                Err(CommitError::Port(error)) => error,
            };
            tries += 1;
            if tries == WRITE_TRIES {
                tracing::error!(connection = %connection, "new tokens of Calendly could not be stored and are lost");
                return Err(error.into());
            }
            self.clock.pause(LOOK_AGAIN_AFTER).await;
        }
    }
}
