//! The connections in the table.

use domain::{Connection, ConnectionName};
use engine::{CommitError, Connections, PortError};

use crate::attributes::{self, string};
use crate::condition::Condition;
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

impl Connections for Table {
    async fn list_connections(&self) -> Result<Vec<Connection>, PortError> {
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", string(key::CONNECTIONS));
        self.query(request).await?.iter().map(row::read_connection).collect()
    }

    async fn load_connection(&self, name: &ConnectionName) -> Result<Option<Connection>, PortError> {
        let key = attributes::key(key::CONNECTIONS.to_owned(), name.as_str());
        self.get(key, kind::CONNECTION).await?.as_ref().map(row::read_connection).transpose()
    }

    async fn write_connection(&self, connection: &Connection) -> Result<(), CommitError> {
        let row = row::connection(connection, connection.revision + 1);
        self.put_at_revision(row, &Condition::unchanged_since(connection.revision)).await
    }

    async fn delete_connection(&self, name: &ConnectionName) -> Result<(), PortError> {
        let key = attributes::key(key::CONNECTIONS.to_owned(), name.as_str());
        let deleted = self.client.delete_item().table_name(&self.name).set_key(Some(key)).send().await;
        deleted.map(drop).map_err(unavailable)
    }
}
