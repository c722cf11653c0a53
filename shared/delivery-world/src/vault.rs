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
use store::{SealedDocument, Table};
use tokio::time::Instant;

/// The context of a connection's signing keys. An endpoint's id has no dot.
const KEYS_CONTEXT: &str = "webhook.keys";

/// How long a connection's keys are used before they are read again. A key is published for 25 hours before its use.
const FRESH: Duration = Duration::from_secs(300);

/// Another function may change the keys at the same time.
const MOST_TRIES: usize = 5;

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
        if self.table.load_sealed(connection, SealedDocument::WebhookKeys).await?.is_some() {
            return Ok(());
        }
        match self.write_ring(connection, &KeyRing::default().rotate(now, seed), 0).await {
            // Another function has just made the first one.
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    /// Makes the next key of a connection from random bytes, unless one waits for its first use already. Returns the
    /// keys.
    ///
    /// # Errors
    /// KMS or the table gave no result.
    pub async fn rotate_key(
        &self,
        connection: &ConnectionName,
        seed: [u8; 32],
        now: Timestamp,
    ) -> Result<KeyRing, PortError> {
        for _ in 0..MOST_TRIES {
            let (ring, revision) = self.load_ring(connection).await?.unwrap_or_default();
            let Some(rotated) = ring.rotate_once(now, seed) else { return Ok(ring) };
            match self.write_ring(connection, &rotated, revision).await {
                Ok(()) => return Ok(rotated),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(error),
            }
        }
        Err(PortError::unavailable("other functions repeatedly changed the signing keys"))
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
        // None is not cached: anybody can ask for the keys of any name.
        let Some((ring, _)) = self.load_ring(connection).await? else { return Ok(KeyRing::default()) };
        let entry = (ring.clone(), Instant::now());
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), entry);
        Ok(ring)
    }

    /// Reads a connection's keys with their revision.
    async fn load_ring(&self, connection: &ConnectionName) -> Result<Option<(KeyRing, u64)>, PortError> {
        let Some((sealed, revision)) = self.table.load_sealed(connection, SealedDocument::WebhookKeys).await? else {
            return Ok(None);
        };
        let opened = self.open_text(connection, KEYS_CONTEXT, &sealed).await?;
        let ring = serde_json::from_slice(&opened);
        let ring = ring.map_err(|_| PortError::unreadable("the signing keys are malformed"))?;
        Ok(Some((ring, revision)))
    }

    /// Writes a connection's keys, if the stored ones still have the revision; 0 if there are none.
    async fn write_ring(&self, connection: &ConnectionName, ring: &KeyRing, revision: u64) -> Result<(), CommitError> {
        let ring = serde_json::to_vec(ring);
        let ring = ring.map_err(|_| PortError::unreadable("the signing keys cannot be written"))?;
        let sealed = self.seal_text(connection, KEYS_CONTEXT, &ring).await?;
        self.table.write_sealed(connection, SealedDocument::WebhookKeys, &sealed, revision).await?;
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
        Ok(())
    }

    /// Seals a text for a connection and a context.
    ///
    /// # Errors
    /// KMS gave no result.
    pub async fn seal_text(
        &self,
        connection: &ConnectionName,
        context: &str,
        text: &[u8],
    ) -> Result<String, PortError> {
        let sealed = self.sealing.seal(connection, context, text).await;
        let sealed =
            sealed.map_err(|error| PortError::unavailable_because("a secret could not be encrypted", error))?;
        Ok(sealed.as_text().to_owned())
    }

    /// Opens a text that was sealed for the same connection and context.
    ///
    /// # Errors
    /// It was not, or KMS gave no result.
    pub async fn open_text(
        &self,
        connection: &ConnectionName,
        context: &str,
        sealed: &str,
    ) -> Result<Vec<u8>, PortError> {
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
