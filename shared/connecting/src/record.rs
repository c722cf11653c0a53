//! The connection's row.

use domain::{CalendlyBinding, Connection, ConnectionName, LoginKind};
use engine::{CommitError, Connections, PortError};
use jiff::Timestamp;

/// Concurrent writers of one row are few.
const WRITE_TRIES: usize = 5;

/// Why a row was not written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The connection belongs to another organization of Calendly.
    #[error("the connection belongs to another organization of Calendly")]
    OtherOrganization,
    /// Others keep writing it.
    #[error("others keep writing the connection's row at the same time")]
    Contended,
    /// The table gave no result.
    #[error(transparent)]
    Store(#[from] PortError),
}

/// Writes a connection's row after Calendly was connected. Returns it, and whether it changed.
///
/// # Errors
/// See [`RecordError`].
pub async fn record_connection(
    store: &impl Connections,
    name: &ConnectionName,
    login: LoginKind,
    calendly: CalendlyBinding,
    now: Timestamp,
) -> Result<(Connection, bool), RecordError> {
    for _ in 0..WRITE_TRIES {
        let stored = store.load_connection(name).await?;
        if stored.as_ref().is_some_and(|it| !it.accepts_organization(&calendly.organization)) {
            return Err(RecordError::OtherOrganization);
        }
        let connection = match &stored {
            Some(stored) => stored.connected(login, calendly.clone()),
            None => Connection::new(name.clone(), now).connected(login, calendly.clone()),
        };
        if stored.as_ref() == Some(&connection) {
            return Ok((connection, false));
        }
        match store.write_connection(&connection).await {
            Ok(()) => return Ok((Connection { revision: connection.revision + 1, ..connection }, true)),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Port(error)) => return Err(error.into()),
        }
    }
    Err(RecordError::Contended)
}
