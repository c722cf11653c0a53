//! Sealing with data keys of KMS, and the data keys that an instance of a function has.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use domain::ConnectionName;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::sealed::decode;
use crate::{DataKey, Sealed, SealingError};

/// How long a data key is used before KMS is asked again: so long does a key that was switched off in KMS still work.
const FRESH: Duration = Duration::from_secs(300);

/// How long a data key is used after KMS failed, until the next try.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// The time-out of KMS when an old data key is at hand.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);

/// The most data keys at hand. Beyond it, the one that has been unused for longest is dropped.
pub(crate) const MAX_CACHED: usize = 1_000;

/// The name of the entry in KMS's encryption context. A role's policy can demand it.
const CONTEXT: &str = "connection";

/// Seals and opens secrets with data keys of KMS, one for each connection and five minutes.
#[derive(Debug)]
pub struct Sealing {
    kms: aws_sdk_kms::Client,
    key_id: String,
    pub(crate) slots: Mutex<HashMap<SlotId, Slot>>,
}

/// A connection, and the wrapped data key that opens its secrets; none for the data key that seals them.
type SlotId = (ConnectionName, Option<String>);

/// The place of one data key. While KMS is asked for it, others wait, so that KMS is asked once.
#[derive(Debug)]
pub(crate) struct Slot {
    used_at: Instant,
    cached: Arc<tokio::sync::Mutex<Option<Cached>>>,
}

#[derive(Debug)]
struct Cached {
    key: Arc<DataKey>,
    at: Instant,
    fresh_for: Duration,
}

impl Sealing {
    /// Makes it of a client and the id or ARN of a symmetric key in KMS.
    pub fn new(kms: aws_sdk_kms::Client, key_id: impl Into<String>) -> Self {
        Self { kms, key_id: key_id.into(), slots: Mutex::default() }
    }

    /// Seals a secret for a connection and a context, such as an endpoint's id.
    ///
    /// # Errors
    /// KMS refuses its key, or there is no data key at hand and KMS gave none within the client's time-outs.
    pub async fn seal(
        &self,
        connection: &ConnectionName,
        context: &str,
        plaintext: &[u8],
    ) -> Result<Sealed, SealingError> {
        self.data_key(connection, None).await?.seal(connection, context, plaintext)
    }

    /// Opens a secret that was sealed for the same connection and context.
    ///
    /// # Errors
    /// It was not, or it was changed; or as for [`Sealing::seal`].
    pub async fn open(
        &self,
        connection: &ConnectionName,
        context: &str,
        sealed: &Sealed,
    ) -> Result<Vec<u8>, SealingError> {
        let parts = sealed.parts()?;
        self.data_key(connection, Some(parts.wrapped)).await?.open_parts(connection, context, parts)
    }

    async fn data_key(&self, connection: &ConnectionName, wrapped: Option<&str>) -> Result<Arc<DataKey>, SealingError> {
        let slot = self.find_slot((connection.clone(), wrapped.map(str::to_owned)));
        let mut cached = slot.lock().await;
        let fetched = match &*cached {
            Some(it) if it.at.elapsed() < it.fresh_for => return Ok(Arc::clone(&it.key)),
            Some(_) => tokio::time::timeout(REFRESH_TIMEOUT, self.fetch(connection, wrapped))
                .await
                .unwrap_or_else(|_| Err(SealingError::Unavailable { source: "KMS gave no answer in time".into() })),
            None => self.fetch(connection, wrapped).await,
        };
        match (fetched, cached.as_mut()) {
            (Ok(key), _) => {
                let key = Arc::new(key);
                *cached = Some(Cached { key: Arc::clone(&key), at: Instant::now(), fresh_for: FRESH });
                Ok(key)
            }
            (Err(error @ SealingError::Unavailable { .. }), Some(stale)) => {
                if stale.fresh_for == FRESH {
                    tracing::warn!(
                        connection = %connection,
                        error = domain::error_chain(&error),
                        "a data key could not be refreshed; the stale one is used"
                    );
                }
                stale.at = Instant::now();
                stale.fresh_for = RETRY_INTERVAL;
                Ok(Arc::clone(&stale.key))
            }
            (Err(error), _) => {
                *cached = None;
                Err(error)
            }
        }
    }

    fn find_slot(&self, id: SlotId) -> Arc<tokio::sync::Mutex<Option<Cached>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_CACHED && !slots.contains_key(&id) {
            let unused = slots.iter().min_by_key(|(_, slot)| slot.used_at).map(|(id, _)| id.clone());
            unused.map(|id| slots.remove(&id));
        }
        let slot = slots.entry(id).or_insert_with(|| Slot { used_at: Instant::now(), cached: Arc::default() });
        slot.used_at = Instant::now();
        Arc::clone(&slot.cached)
    }

    /// Asks KMS to unwrap a data key, or to make a new one.
    async fn fetch(&self, connection: &ConnectionName, wrapped: Option<&str>) -> Result<DataKey, SealingError> {
        let (wrapped, key) = if let Some(wrapped) = wrapped {
            let wrapped = decode(wrapped)?;
            let request = self.kms.decrypt().key_id(&self.key_id).ciphertext_blob(Blob::new(wrapped.as_slice()));
            let answer = request.encryption_context(CONTEXT, connection.as_str()).send().await;
            (wrapped, answer.map_err(|error| self.kms_error(error))?.plaintext)
        } else {
            let request = self.kms.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
            let answer = request.encryption_context(CONTEXT, connection.as_str()).send().await;
            let answer = answer.map_err(|error| self.kms_error(error))?;
            (answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default(), answer.plaintext)
        };
        DataKey::new(&wrapped, &Zeroizing::new(key.map(Blob::into_inner).unwrap_or_default()))
    }

    fn kms_error<E>(&self, error: SdkError<E>) -> SealingError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            // Another connection's data key gives it too.
            Some("InvalidCiphertextException") => SealingError::Rejected,
            Some(
                "AccessDeniedException"
                | "DisabledException"
                | "IncorrectKeyException"
                | "InvalidKeyUsageException"
                | "KMSInvalidStateException"
                | "NotFoundException",
            ) => SealingError::Refused { key_id: self.key_id.clone(), source: error.into() },
            _ => SealingError::Unavailable { source: error.into() },
        }
    }
}
