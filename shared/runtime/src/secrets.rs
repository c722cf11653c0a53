//! Secrets of a connection, from AWS Secrets Manager.
//!
//! Found ones are cached five minutes and served stale while Secrets Manager fails; an unknown one is remembered for 60
//! seconds, so that a stranger guessing connection names costs us one call a minute each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Private};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

const FRESH: Duration = Duration::from_secs(300);
const UNKNOWN: Duration = Duration::from_secs(60);

/// A stale secret at hand is not held up for long by a slow Secrets Manager: the webhook function has 1.5 seconds in all.
const REFRESH: Duration = Duration::from_millis(300);

/// Keys are read anew for a wrong signature no more often than this.
const ANEW: Duration = Duration::from_secs(10);

/// And for so long a failed refresh is not tried again.
const STALE: Duration = Duration::from_secs(30);

/// Past this many, the unknown names are forgotten: they are a stranger's, and cost memory.
const MOST_CACHED: usize = 1_000;

/// `…/signing`: all that the webhook function may read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Signing {
    /// Calendly's signing keys: the current one, and those still in use while it is replaced.
    #[serde(default)]
    pub calendly: Vec<Private<String>>,
}

/// `…/providers`: what the other functions need to call out.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Providers {
    /// A personal access token of Calendly's.
    #[serde(default)]
    pub calendly_token: Option<Private<String>>,
    /// EngageLab's key pair.
    #[serde(default)]
    pub engagelab: Option<EngagelabKeys>,
    /// The key for VAI's API.
    #[serde(default)]
    pub vai_api_key: Option<Private<String>>,
}

/// EngageLab's key pair, for HTTP Basic.
#[derive(Clone, Debug, Deserialize)]
pub struct EngagelabKeys {
    /// `dev_key`.
    pub dev_key: Private<String>,
    /// `dev_secret`.
    pub dev_secret: Private<String>,
}

/// Why a secret can't be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name.
    #[error("there is no secret {0}; `make connect` writes it")]
    Unknown(String),
    /// There is one, and it isn't what it should be.
    #[error("the secret {name} is malformed: {problem}")]
    Malformed {
        /// Its name.
        name: String,
        /// What is wrong with it; never its value.
        problem: String,
    },
    /// Secrets Manager can't be reached or refuses.
    #[error("the secret {name} can't be read: {problem}")]
    Unavailable {
        /// Its name.
        name: String,
        /// What Secrets Manager said.
        problem: String,
    },
}

enum Source {
    SecretsManager(aws_sdk_secretsmanager::Client),
    Fixed(BTreeMap<String, String>),
}

struct Cached {
    at: Instant,
    fresh_for: Duration,
    found: Option<Arc<str>>,
}

/// The secrets of every connection, read when they are needed.
pub struct Secrets {
    source: Source,
    prefix: String,
    cache: Mutex<BTreeMap<String, Cached>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}…)", self.prefix)
    }
}

impl Secrets {
    /// Reads `${prefix}<connection>/…` from Secrets Manager.
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: impl Into<String>) -> Self {
        Self { source: Source::SecretsManager(client), prefix: prefix.into(), cache: Mutex::default() }
    }

    /// Secrets that are given, by full name: for tests.
    pub fn fixed(prefix: impl Into<String>, secrets: BTreeMap<String, String>) -> Self {
        Self { source: Source::Fixed(secrets), prefix: prefix.into(), cache: Mutex::default() }
    }

    /// What the webhook function may know of a connection.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn signing(&self, connection: &ConnectionName) -> Result<Signing, SecretError> {
        self.read(connection, "signing").await
    }

    /// What the other functions need to call out for a connection.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn providers(&self, connection: &ConnectionName) -> Result<Providers, SecretError> {
        self.read(connection, "providers").await
    }

    /// The signing keys read anew, for a signature that the known ones did not make: they may just have been rotated.
    /// `None` when they were read a moment ago, so that forged calls don't become calls of ours.
    pub async fn signing_anew(&self, connection: &ConnectionName) -> Option<Signing> {
        let name = format!("{}{connection}/signing", self.prefix);
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = cache.get_mut(&name).filter(|it| it.at.elapsed() >= ANEW)?;
            entry.fresh_for = Duration::ZERO;
        }
        self.signing(connection).await.ok()
    }

    async fn read<T: DeserializeOwned>(&self, connection: &ConnectionName, kind: &str) -> Result<T, SecretError> {
        let name = format!("{}{connection}/{kind}", self.prefix);
        let text = self.text(&name).await?.ok_or_else(|| SecretError::Unknown(name.clone()))?;
        // serde_json's own words would quote the value.
        serde_json::from_str(&text).map_err(|error| SecretError::Malformed {
            name,
            problem: format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column()),
        })
    }

    async fn text(&self, name: &str) -> Result<Option<Arc<str>>, SecretError> {
        let cached = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.get(name).map(|it| (it.at.elapsed() < it.fresh_for, it.found.clone()))
        };
        if let Some((true, found)) = &cached {
            return Ok(found.clone());
        }
        let has_stale = matches!(cached, Some((_, Some(_))));
        let fetched = if has_stale {
            tokio::time::timeout(REFRESH, self.fetch(name))
                .await
                .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        } else {
            self.fetch(name).await
        };
        match fetched {
            Ok(found) => {
                let found: Option<Arc<str>> = found.map(Into::into);
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                if cache.len() >= MOST_CACHED {
                    cache.retain(|_, it| it.found.is_some());
                }
                let fresh_for = if found.is_some() { FRESH } else { UNKNOWN };
                cache.insert(name.to_owned(), Cached { at: Instant::now(), fresh_for, found: found.clone() });
                Ok(found)
            }
            Err(problem) => match cached {
                Some((_, Some(stale))) => {
                    let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(entry) = cache.get_mut(name) {
                        entry.fresh_for = STALE;
                        entry.at = Instant::now();
                    }
                    tracing::warn!(
                        secret.name = name,
                        error = problem,
                        "Secrets Manager fails; a stale secret is used"
                    );
                    Ok(Some(stale))
                }
                _ => Err(SecretError::Unavailable { name: name.to_owned(), problem }),
            },
        }
    }

    async fn fetch(&self, name: &str) -> Result<Option<String>, String> {
        match &self.source {
            Source::Fixed(secrets) => Ok(secrets.get(name).cloned()),
            Source::SecretsManager(client) => match client.get_secret_value().secret_id(name).send().await {
                Ok(answer) => Ok(answer.secret_string),
                Err(error) => {
                    let error = error.into_service_error();
                    // To a role that may read only what exists, IAM says of what doesn't that it may not be read.
                    let is_denied = error.meta().code() == Some("AccessDeniedException");
                    if is_denied {
                        tracing::warn!(secret.name = name, "there is no such secret, or this function may not read it");
                    }
                    if is_denied || error.is_resource_not_found_exception() {
                        Ok(None)
                    } else {
                        Err(crate::aws::explain(&error))
                    }
                }
            },
        }
    }
}
