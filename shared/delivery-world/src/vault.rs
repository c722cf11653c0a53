//! The secrets of endpoints and the keys of connections, encrypted with keys of KMS.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deliveries::{Seal, Vault};
use domain::ConnectionName;
use endpoints::{Endpoint, EndpointId, EndpointSecrets};
use engine::{CommitError, PortError};
use jiff::Timestamp;
use sealing::{Sealed, Sealing};
use signing::{KeyRing, SigningKeyPair};
use store::Table;
use tokio::time::Instant;

/// The context of a connection's signing keys. An endpoint's id has no dot.
const KEYS_CONTEXT: &str = "webhook.keys";

/// How long a connection's keys are used before they are read again. A key is published for 25 hours before its use.
const FRESH: Duration = Duration::from_secs(300);

/// Secrets and keys, encrypted with keys of KMS.
#[derive(Debug)]
pub struct KmsVault {
    sealing: Sealing,
    table: Table,
    rings: Mutex<HashMap<ConnectionName, (KeyRing, Instant)>>,
}

impl KmsVault {
    pub(crate) fn new(sealing: Sealing, table: Table) -> Self {
        Self { sealing, table, rings: Mutex::default() }
    }

    /// Makes the first key of a connection from random bytes, if it has none.
    ///
    /// # Errors
    /// KMS or the table gave no result.
    pub async fn ensure_key(
        &self,
        connection: &ConnectionName,
        seed: [u8; 32],
        now: Timestamp,
    ) -> Result<(), PortError> {
        if self.table.load_sealed_keys(connection).await?.is_some() {
            return Ok(());
        }
        let ring = serde_json::to_vec(&KeyRing::default().rotate(now, seed));
        let ring = ring.map_err(|_| PortError::unreadable("the signing keys cannot be written"))?;
        let sealed = self.seal_text(connection, KEYS_CONTEXT, &ring).await?;
        match self.table.write_sealed_keys(connection, &sealed, 0).await {
            // Another function has just made the first one.
            Ok(()) | Err(CommitError::Conflict) => {}
            Err(CommitError::Port(error)) => return Err(error),
        }
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
        Ok(())
    }

    /// Reads a connection's keys; an empty ring if it has none.
    ///
    /// # Errors
    /// KMS or the table gave no result.
    pub async fn key_ring(&self, connection: &ConnectionName) -> Result<KeyRing, PortError> {
        let cached = self.rings.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        if let Some((ring, read_at)) = cached
            && read_at.elapsed() < FRESH
        {
            return Ok(ring);
        }
        let ring: KeyRing = match self.table.load_sealed_keys(connection).await? {
            Some((sealed, _)) => {
                let opened = self.open_text(connection, KEYS_CONTEXT, &sealed).await?;
                serde_json::from_slice(&opened).map_err(|_| PortError::unreadable("the signing keys are malformed"))?
            }
            // Not cached: anybody can ask for the keys of any name.
            None => return Ok(KeyRing::default()),
        };
        let entry = (ring.clone(), Instant::now());
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), entry);
        Ok(ring)
    }

    async fn seal_text(&self, connection: &ConnectionName, context: &str, text: &[u8]) -> Result<String, PortError> {
        let sealed = self.sealing.seal(connection, context, text).await;
        let sealed =
            sealed.map_err(|error| PortError::unavailable_because("a secret could not be encrypted", error))?;
        Ok(sealed.as_text().to_owned())
    }

    async fn open_text(&self, connection: &ConnectionName, context: &str, sealed: &str) -> Result<Vec<u8>, PortError> {
        let opened = self.sealing.open(connection, context, &Sealed::from_text(sealed)).await;
        opened.map_err(|error| PortError::unavailable_because("a secret could not be decrypted", error))
    }
}

impl Vault for KmsVault {
    async fn open(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError> {
        let opened = self.open_text(connection, endpoint.id.as_str(), &endpoint.sealed).await?;
        serde_json::from_slice(&opened).map_err(|_| PortError::unreadable("an endpoint's secrets are malformed"))
    }

    async fn signing_key(
        &self,
        connection: &ConnectionName,
        now: Timestamp,
    ) -> Result<Option<SigningKeyPair>, PortError> {
        Ok(self.key_ring(connection).await?.signing_key(now))
    }
}

impl Seal for KmsVault {
    async fn seal(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        secrets: &EndpointSecrets,
    ) -> Result<String, PortError> {
        let secrets = serde_json::to_vec(secrets);
        let secrets = secrets.map_err(|_| PortError::unreadable("an endpoint's secrets cannot be written"))?;
        self.seal_text(connection, endpoint.as_str(), &secrets).await
    }
}
