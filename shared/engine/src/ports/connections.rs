//! The connections that the stack serves.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{Connection, ConnectionName};

use super::error::{CommitError, PortError};

/// The stored connections.
pub trait Connections {
    /// Lists all connections, in the order of their names. One read per 1 MB.
    async fn list_connections(&self) -> Result<Vec<Connection>, PortError>;

    /// Reads a connection, strongly consistent; `None` when it is not stored. One read.
    async fn load_connection(&self, name: &ConnectionName) -> Result<Option<Connection>, PortError>;

    /// Writes a connection at its next revision, if the stored one still has the revision of `connection`. Revision 0
    /// means that none is stored. Otherwise returns [`CommitError::Conflict`]. One write.
    async fn write_connection(&self, connection: &Connection) -> Result<(), CommitError>;

    /// Deletes a connection. One that is not stored is a success. One write.
    async fn delete_connection(&self, name: &ConnectionName) -> Result<(), PortError>;
}
