//! Documents that are encrypted before they are stored: only the admin function and the dispatcher can read them.

use domain::ConnectionName;
use engine::{CommitError, PortError};

use crate::attributes;
use crate::condition::Condition;
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

/// The encrypted documents of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealedDocument {
    /// The ed25519 keys that sign webhooks to customers.
    WebhookKeys,
    /// The tokens of a login at Calendly.
    CalendlyGrant,
}

impl SealedDocument {
    fn place(self, connection: &ConnectionName) -> (String, &'static str, &'static str) {
        match self {
            Self::WebhookKeys => (key::signing_keys_partition(connection), key::SIGNING_KEYS, kind::SIGNING_KEYS),
            Self::CalendlyGrant => (key::grant_partition(connection), key::GRANT, kind::GRANT),
        }
    }
}

impl Table {
    /// Reads an encrypted document of a connection with its revision, strongly consistent.
    ///
    /// # Errors
    /// The table gave no result.
    pub async fn load_sealed(
        &self,
        connection: &ConnectionName,
        document: SealedDocument,
    ) -> Result<Option<(String, u64)>, PortError> {
        let (partition, sort, kind) = document.place(connection);
        let row = self.get(attributes::key(partition, sort), kind).await?;
        row.map(|row| Ok((attributes::text(&row, "doc")?.to_owned(), attributes::revision(&row)?))).transpose()
    }

    /// Writes an encrypted document of a connection, if the stored one still has the revision; 0 if there is none.
    ///
    /// # Errors
    /// [`CommitError::Conflict`], or the table gave no result.
    pub async fn write_sealed(
        &self,
        connection: &ConnectionName,
        document: SealedDocument,
        sealed: &str,
        revision: u64,
    ) -> Result<(), CommitError> {
        let row = row::sealed(document.place(connection), sealed, revision + 1);
        self.put_at_revision(row, &Condition::unchanged_since(revision)).await
    }

    /// Deletes an encrypted document of a connection. One that does not exist is a success.
    ///
    /// # Errors
    /// The table gave no result.
    pub async fn delete_sealed(&self, connection: &ConnectionName, document: SealedDocument) -> Result<(), PortError> {
        let (partition, sort, _) = document.place(connection);
        let key = attributes::key(partition, sort);
        let deleted = self.client.delete_item().table_name(&self.name).set_key(Some(key)).send().await;
        deleted.map(drop).map_err(unavailable)
    }
}
