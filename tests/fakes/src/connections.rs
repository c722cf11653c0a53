//! The connections.

use domain::{Connection, ConnectionName};
use engine::{CommitError, Connections, PortError};

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

impl<P: FaultPolicy> Connections for Fake<P> {
    async fn list_connections(&self) -> Result<Vec<Connection>, PortError> {
        Ok(self.call(Call::ListConnections, |state| state.connections.values().cloned().collect()).await?)
    }

    async fn load_connection(&self, name: &ConnectionName) -> Result<Option<Connection>, PortError> {
        Ok(self.call(Call::LoadConnection, |state| state.connections.get(name).cloned()).await?)
    }

    async fn write_connection(&self, connection: &Connection) -> Result<(), CommitError> {
        let written = self.call(Call::WriteConnection, |state| {
            let stored = state.connections.get(&connection.name).map_or(0, |it| it.revision);
            if stored != connection.revision {
                return Err(CommitError::Conflict);
            }
            let next = Connection { revision: stored + 1, ..connection.clone() };
            state.connections.insert(connection.name.clone(), next);
            Ok(())
        });
        written.await?
    }

    async fn delete_connection(&self, name: &ConnectionName) -> Result<(), PortError> {
        self.call(Call::DeleteConnection, |state| drop(state.connections.remove(name))).await.map_err(Into::into)
    }
}
