//! Secrets from AWS Secrets Manager: those of each connection, and the keys to our own API.
//!
//! A secret is cached for five minutes, the keys to our API for one, and served stale for an hour while Secrets Manager
//! fails. A missing secret is remembered for a minute. Whoever guesses names of connections causes at most 30 look-ups
//! a minute in each instance, and displaces no secret that was found. The pepper is read once and kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use domain::{ConnectionName, Pepper, Private, Scope};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// How long a secret is fresh.
const FRESH: Duration = Duration::from_secs(300);
/// How long the keys to our API are fresh: so long does a key work that was revoked in an emergency.
const FRESH_API_KEYS: Duration = Duration::from_secs(60);
/// How long a missing secret is remembered.
const UNKNOWN: Duration = Duration::from_secs(60);
/// How long a secret is used that can't be read again. After it, a key that was replaced or revoked works nowhere.
const LONGEST_STALE: Duration = Duration::from_secs(3_600);

/// The time-out of a refresh when a stale secret is at hand: the webhook function has 1.5 seconds in all.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(300);

/// The shortest time between two reads of the keys to our API because a key matched none of them.
const REREAD_API_KEYS: Duration = Duration::from_secs(10);

/// The shortest time between two reads of signing keys because a signature matched none of them. So often is a name
/// looked up that has none: the time that a wrong call takes does not tell which connections there are.
const REREAD_SIGNING: Duration = UNKNOWN;

/// How long a stale secret is used after a failed refresh, until the next try.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// The name of the secret that holds the keys to our API.
const API_KEYS: &str = "api-keys";

/// The name of the secret that holds our OAuth app.
const CALENDLY_APP: &str = "calendly-oauth";

/// The most missing secrets that are remembered. While there are so many, the signing keys of a connection that are not
/// in the cache are not looked up: most such names are guessed, and each would cost a call.
const MOST_UNKNOWN: usize = 30;

/// `…/signing`: the only secret that the webhook function may read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Signing {
    /// Calendly's signing keys: the current one, and old ones after a rotation.
    #[serde(default)]
    pub calendly: Vec<SigningKey>,
    /// The values that sign EngageLab's callbacks.
    #[serde(default)]
    pub engagelab: Option<EngagelabCallback>,
    /// Twilio's primary auth token, which signs its webhooks.
    #[serde(default)]
    pub twilio: Option<Private<String>>,
    /// The bearer token of Brevo's webhooks.
    #[serde(default)]
    pub brevo: Option<Private<String>>,
}

/// A key that signs Calendly's webhooks. The secret has a current one as a text, and an old one with its end.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(from = "StoredKey")]
pub struct SigningKey {
    /// The key.
    pub key: Private<String>,
    /// Until when it is accepted after it was replaced.
    pub until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredKey {
    Current(Private<String>),
    Old { key: Private<String>, until: Timestamp },
}

impl SigningKey {
    /// Returns whether webhooks that it signed are accepted.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl From<StoredKey> for SigningKey {
    fn from(stored: StoredKey) -> Self {
        match stored {
            StoredKey::Current(key) => key.into(),
            StoredKey::Old { key, until } => Self { key, until: Some(until) },
        }
    }
}

impl From<Private<String>> for SigningKey {
    fn from(key: Private<String>) -> Self {
        Self { key, until: None }
    }
}

/// The values of a callback in EngageLab's console.
#[derive(Clone, Debug, Deserialize)]
pub struct EngagelabCallback {
    /// The user name, which is signed.
    pub username: Private<String>,
    /// The key of the signature.
    pub secret: Private<String>,
    /// The whole `Authorization` header of the calls, if one is set. The body isn't signed, so this makes forging
    /// harder.
    #[serde(default)]
    pub authorization: Option<Private<String>>,
}

/// `…/providers`: the keys of the APIs that the other functions call.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Providers {
    /// A personal access token of Calendly.
    #[serde(default)]
    pub calendly_token: Option<Private<String>>,
    /// EngageLab's key pair.
    #[serde(default)]
    pub engagelab: Option<EngagelabKeys>,
    /// Twilio's account.
    #[serde(default)]
    pub twilio: Option<TwilioKeys>,
    /// The key for Brevo's API.
    #[serde(default)]
    pub brevo_api_key: Option<Private<String>>,
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

/// Twilio's account, and what sends for it, for HTTP Basic: an API key, or the account's own token.
#[derive(Clone, Debug, Deserialize)]
pub struct TwilioKeys {
    /// `AC` and 32 hex digits. It is not secret: it is part of the path of every call.
    pub account_sid: String,
    /// The account's token, which may do anything. It is not here if there is an API key.
    #[serde(default)]
    pub auth_token: Option<Private<String>>,
    /// The SID of an API key: `SK` and 32 hex digits.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub api_secret: Option<Private<String>>,
}

impl TwilioKeys {
    /// Returns user name and password of a call: of the API key if there is one.
    pub fn login(&self) -> Option<(&str, &Private<String>)> {
        match (&self.api_key, &self.api_secret) {
            (Some(key), Some(secret)) => Some((key, secret)),
            _ => Some((&self.account_sid, self.auth_token.as_ref()?)),
        }
    }
}

/// `calendly-oauth`: our OAuth app at Calendly.
#[derive(Clone, Debug, Deserialize)]
pub struct CalendlyApp {
    /// Its client id. It is not secret: it is part of the page's URL.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: Private<String>,
    /// The key that signs the webhooks of its subscriptions. Calendly shows it once, when the app is made.
    pub signing_key: Private<String>,
}

/// `api-keys`: the keys to our API. There may be several, so that a key can be replaced without a gap.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ApiKeys {
    #[serde(default)]
    keys: Vec<ApiKey>,
}

/// A key to our API, stored as its hash.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ApiKey {
    /// Its name for people, such as `vai-1`.
    pub name: String,
    /// The connection that it gives access to.
    pub connection: ConnectionName,
    /// SHA-256 of the key. The key has 256 random bits, so it needs no salt and no slow hash.
    #[serde(deserialize_with = "hex::serde::deserialize")]
    sha256: [u8; 32],
    /// What it permits; [`Scope::DEFAULT`] where the secret names nothing.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<Scope>,
    /// Whether it may see and change the bookings of every conversation. A key from before this was stored may.
    #[serde(default = "was_trusted", rename = "trusted")]
    pub is_trusted: bool,
}

impl ApiKey {
    /// Whether it permits operations that need a scope.
    pub fn permits(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

fn default_scopes() -> Vec<Scope> {
    Scope::DEFAULT.to_vec()
}

/// A release must not turn away the agents that are at work.
fn was_trusted() -> bool {
    true
}

impl ApiKeys {
    /// Finds the key that was presented, in constant time: every key is compared to its end.
    pub fn find_key(&self, presented: &str) -> Option<&ApiKey> {
        let hash: [u8; 32] = Sha256::digest(presented).into();
        self.keys.iter().fold(None, |found, key| if key.sha256.ct_eq(&hash).into() { Some(key) } else { found })
    }

    /// Returns all keys, in the order of the secret.
    pub fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter()
    }
}

/// Why a secret can't be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no secret of that name.
    #[error("there is no secret {0}; `make {target}` writes it", target = make_target(.0))]
    Unknown(String),
    /// Whether there is one was not asked: many names that have none were asked for within a minute.
    #[error("the secret {0} was not looked up, because too many names that have none were asked for")]
    NotLookedUp(String),
    /// The secret can't be parsed.
    #[error("the secret {name} is malformed: {problem}")]
    Malformed {
        /// Its name.
        name: String,
        /// What is wrong; never the value.
        problem: String,
    },
    /// Secrets Manager can't be reached, or refuses.
    #[error("the secret {name} can't be read: {problem}")]
    Unavailable {
        /// Its name.
        name: String,
        /// The error of Secrets Manager.
        problem: String,
    },
}

fn make_target(name: &str) -> &'static str {
    match name {
        _ if name.ends_with(API_KEYS) => "api-key",
        _ if name.ends_with(CALENDLY_APP) => "oauth-app",
        _ if name.contains("pepper") => "deploy",
        _ => "connect",
    }
}

enum Source {
    SecretsManager(aws_sdk_secretsmanager::Client),
    Fixed(BTreeMap<String, String>),
    #[cfg(test)]
    Down,
    /// Counts the look-ups.
    #[cfg(test)]
    Counting(BTreeMap<String, String>, std::sync::atomic::AtomicUsize),
}

struct Cached {
    /// The last try to read it.
    at: Instant,
    fresh_for: Duration,
    /// The last time that it was read.
    read_at: Instant,
    found: Option<Arc<str>>,
}

impl Cached {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < self.fresh_for
    }

    /// Returns the secret while it may be used without being read again.
    fn usable(&self) -> Option<&Arc<str>> {
        self.found.as_ref().filter(|_| self.read_at.elapsed() < LONGEST_STALE)
    }
}

/// The secrets of every connection, read on first use.
pub struct Secrets {
    source: Source,
    prefix: String,
    cache: Mutex<BTreeMap<String, Cached>>,
    /// Its name, or its ARN.
    pepper_secret: String,
    /// It never changes: what is kept under it would be lost.
    pepper: OnceLock<Pepper>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}…)", self.prefix)
    }
}

impl Secrets {
    /// Reads `${prefix}<connection>/…` from Secrets Manager.
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: impl Into<String>) -> Self {
        Self::with_source(Source::SecretsManager(client), prefix.into())
    }

    /// Reads from AWS Secrets Manager, with a client of its own.
    pub fn connect(sdk: &aws_config::SdkConfig, prefix: impl Into<String>) -> Self {
        Self::new(aws_sdk_secretsmanager::Client::new(sdk), prefix)
    }

    /// Uses the given secrets, by full name; for tests.
    pub fn fixed(prefix: impl Into<String>, secrets: BTreeMap<String, String>) -> Self {
        Self::with_source(Source::Fixed(secrets), prefix.into())
    }

    fn with_source(source: Source, prefix: String) -> Self {
        let pepper_secret = format!("{prefix}pepper");
        Self { source, prefix, cache: Mutex::default(), pepper_secret, pepper: OnceLock::new() }
    }

    /// Takes another secret for the pepper: the template makes it, and gives its name.
    #[must_use]
    pub fn with_pepper(self, secret: impl Into<String>) -> Self {
        Self { pepper_secret: secret.into(), ..self }
    }

    /// Reads the secret under which contacts are kept, once. It is not in the cache with the others: it has no end, and
    /// guessed names don't keep it from being read.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn pepper(&self) -> Result<&Pepper, SecretError> {
        if let Some(pepper) = self.pepper.get() {
            return Ok(pepper);
        }
        let name = &self.pepper_secret;
        let unavailable = |problem| SecretError::Unavailable { name: name.clone(), problem };
        let text =
            self.fetch(name, false).await.map_err(unavailable)?.ok_or_else(|| SecretError::Unknown(name.clone()))?;
        let too_short =
            || SecretError::Malformed { name: name.clone(), problem: "it is shorter than 32 characters".to_owned() };
        let pepper = Pepper::new(text).ok_or_else(too_short)?;
        Ok(self.pepper.get_or_init(|| pepper))
    }

    /// Reads the keys that sign the calls of a connection. Anybody can name one, so names that are not known are looked
    /// up only while few of them are missing. `default` is no guess.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn signing(&self, connection: &ConnectionName) -> Result<Signing, SecretError> {
        let name = self.name(connection, "signing");
        if *connection != ConnectionName::default() && !self.is_cached(&name) && self.has_many_unknown() {
            return Err(SecretError::NotLookedUp(name));
        }
        self.read(&name).await
    }

    /// Reads the keys of the APIs that are called for a connection.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn providers(&self, connection: &ConnectionName) -> Result<Providers, SecretError> {
        self.read(&self.name(connection, "providers")).await
    }

    /// Reads the keys to our API.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.read(&format!("{}{API_KEYS}", self.prefix)).await
    }

    /// Reads our OAuth app at Calendly.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn calendly_app(&self) -> Result<CalendlyApp, SecretError> {
        self.read(&format!("{}{CALENDLY_APP}", self.prefix)).await
    }

    /// Reads the signing keys again after a wrong signature: they may have been rotated. `None` within a minute of the
    /// last read, and while many names are guessed, so that forged calls cause few calls to Secrets Manager, and as
    /// many for a connection that does not exist.
    pub async fn reread_signing(&self, connection: &ConnectionName) -> Option<Signing> {
        if self.has_many_unknown() {
            return None;
        }
        self.reread(&self.name(connection, "signing"), REREAD_SIGNING).await
    }

    /// Reads the keys to our API again after an unknown key: it may be new. `None` within ten seconds of the last read,
    /// so that guessed keys don't cause calls to Secrets Manager.
    pub async fn reread_api_keys(&self) -> Option<ApiKeys> {
        self.reread(&format!("{}{API_KEYS}", self.prefix), REREAD_API_KEYS).await
    }

    fn name(&self, connection: &ConnectionName, kind: &str) -> String {
        format!("{}{connection}/{kind}", self.prefix)
    }

    /// Whether a secret is known, or known to be missing.
    fn is_cached(&self, name: &str) -> bool {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(name).is_some_and(|it| it.found.is_some() || it.is_fresh())
    }

    fn has_many_unknown(&self) -> bool {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.values().filter(|it| it.found.is_none() && it.is_fresh()).count() >= MOST_UNKNOWN
    }

    /// Reads a secret of the cache again, if the last try was not within the interval.
    async fn reread<T: DeserializeOwned>(&self, name: &str, interval: Duration) -> Option<T> {
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = cache.get_mut(name).filter(|it| it.at.elapsed() >= interval)?;
            entry.fresh_for = Duration::ZERO;
        }
        self.read(name).await.ok()
    }

    async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, SecretError> {
        let text = self.read_text(name).await?.ok_or_else(|| SecretError::Unknown(name.to_owned()))?;
        // serde_json's text would quote the value.
        serde_json::from_str(&text).map_err(|error| SecretError::Malformed {
            name: name.to_owned(),
            problem: format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column()),
        })
    }

    async fn read_text(&self, name: &str) -> Result<Option<Arc<str>>, SecretError> {
        let stale = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let cached = cache.get(name);
            if let Some(fresh) = cached.filter(|it| it.is_fresh()) {
                return Ok(fresh.found.clone());
            }
            cached.and_then(Cached::usable).cloned()
        };
        let fetched = if stale.is_some() {
            tokio::time::timeout(REFRESH_TIMEOUT, self.fetch(name, true))
                .await
                .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        } else {
            self.fetch(name, false).await
        };
        match fetched {
            Ok(found) => {
                let found: Option<Arc<str>> = found.map(Into::into);
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.retain(|_, it| it.found.is_some() || it.is_fresh());
                let fresh_for = match found {
                    None => UNKNOWN,
                    Some(_) if name.ends_with(API_KEYS) => FRESH_API_KEYS,
                    Some(_) => FRESH,
                };
                let now = Instant::now();
                cache.insert(name.to_owned(), Cached { at: now, fresh_for, read_at: now, found: found.clone() });
                Ok(found)
            }
            Err(problem) => match stale {
                Some(stale) => {
                    let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(entry) = cache.get_mut(name) {
                        entry.fresh_for = RETRY_INTERVAL;
                        entry.at = Instant::now();
                    }
                    tracing::warn!(
                        secret.name = name,
                        error = problem,
                        "a secret could not be refreshed; the stale one is used"
                    );
                    Ok(Some(stale))
                }
                None => Err(SecretError::Unavailable { name: name.to_owned(), problem }),
            },
        }
    }

    /// Reads a secret; `None` if it is missing. `is_known` says that it was read before.
    async fn fetch(&self, name: &str, is_known: bool) -> Result<Option<String>, String> {
        match &self.source {
            Source::Fixed(secrets) => Ok(secrets.get(name).cloned()),
            #[cfg(test)]
            Source::Down => Err("down".to_owned()),
            #[cfg(test)]
            Source::Counting(secrets, count) => {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(secrets.get(name).cloned())
            }
            Source::SecretsManager(client) => match client.get_secret_value().secret_id(name).send().await {
                Ok(answer) => Ok(answer.secret_string),
                Err(error) => {
                    let error = error.into_service_error();
                    // IAM answers so for a missing secret too, when the role may read existing ones only. Of one that
                    // was read before, it is a failure like others.
                    let is_denied = !is_known && error.meta().code() == Some("AccessDeniedException");
                    if is_denied {
                        tracing::warn!(
                            secret.name = name,
                            "the secret does not exist, or this function may not read it"
                        );
                    }
                    // A deleted secret is an invalid request.
                    let is_missing = error.is_resource_not_found_exception() || error.is_invalid_request_exception();
                    if is_denied || is_missing { Ok(None) } else { Err(domain::error_chain(&error)) }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;

    /// The SHA-256 of `one`, by `printf one | sha256sum`.
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

    fn stored(api_keys: &str) -> Secrets {
        Secrets::fixed("stack/", [("stack/api-keys".to_owned(), api_keys.to_owned())].into())
    }

    #[tokio::test]
    async fn a_key_is_found_by_its_hash_and_has_one_connection() {
        let keys = stored(&format!(
            r#"{{"keys":[{{"name":"vai-1","connection":"default","sha256":"{ONE}"}},
                         {{"name":"vai-2","connection":"acme","sha256":"{TWO}"}}]}}"#
        ));
        let keys = keys.api_keys().await.expect("keys");
        let holder = |presented: &str| keys.find_key(presented).map(|it| (it.name.as_str(), it.connection.as_str()));
        assert_eq!(holder("one"), Some(("vai-1", "default")));
        assert_eq!(holder("two"), Some(("vai-2", "acme")));
        for unknown in ["", "One", "one ", ONE] {
            assert_eq!(holder(unknown), None, "{unknown:?}");
        }
        assert!(ApiKeys::default().find_key("one").is_none());
    }

    #[tokio::test]
    async fn the_error_of_a_secret_does_not_quote_its_value() {
        let entry = |connection: &str, sha256: &str| {
            format!(r#"{{"keys":[{{"name":"vai-1","connection":"{connection}","sha256":"{sha256}"}}]}}"#)
        };
        for malformed in
            [entry("default", "hush"), entry("Not A Name", ONE), entry("default", &ONE[2..]), "hush".into()]
        {
            let error = stored(&malformed).api_keys().await.expect_err("malformed");
            let text = error.to_string();
            assert!(matches!(error, SecretError::Malformed { .. }), "{text}");
            assert!(!text.contains("hush") && text.contains("stack/api-keys"), "{text}");
        }
        let nothing = Secrets::fixed("stack/", BTreeMap::new());
        let errors = [
            nothing.api_keys().await.expect_err("unknown").to_string(),
            nothing.signing(&ConnectionName::default()).await.expect_err("unknown").to_string(),
        ];
        assert_eq!(
            errors,
            [
                "there is no secret stack/api-keys; `make api-key` writes it",
                "there is no secret stack/default/signing; `make connect` writes it",
            ]
        );
    }

    #[tokio::test]
    async fn every_provider_is_optional() {
        let signing = async |text: &str| {
            let secrets = Secrets::fixed("stack/", [("stack/default/signing".to_owned(), text.to_owned())].into());
            secrets.signing(&ConnectionName::default()).await
        };
        let none = signing(r#"{"calendly":["a"]}"#).await.expect("keys");
        assert_eq!((none.calendly.len(), none.twilio, none.brevo), (1, None, None));
        assert!(none.engagelab.is_none());
        let all = signing(
            r#"{"engagelab":{"username":"vai","secret":"hush","authorization":"Basic dmFp"},"twilio":"t","brevo":"b"}"#,
        );
        let all = all.await.expect("keys");
        let callback = all.engagelab.expect("EngageLab's");
        assert_eq!((callback.username, callback.secret), ("vai".into(), "hush".into()));
        assert_eq!(
            (callback.authorization, all.twilio, all.brevo),
            (Some("Basic dmFp".into()), Some("t".into()), Some("b".into()))
        );
        let error = signing(r#"{"twilio":["hush"]}"#).await.expect_err("malformed").to_string();
        assert!(error.contains("stack/default/signing") && !error.contains("hush"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pepper_is_read_once() {
        let given = |text: &str| Secrets::fixed("stack/", [("stack/pepper".to_owned(), text.to_owned())].into());
        let mut secrets = given(&"p".repeat(64));
        let first = secrets.pepper().await.expect("a pepper").clone();
        assert_eq!(Pepper::new("p".repeat(64)), Some(first.clone()));
        secrets.source = Source::Down;
        tokio::time::advance(LONGEST_STALE).await;
        assert_eq!(secrets.pepper().await.expect("a pepper"), &first);
        assert!(matches!(given("short").pepper().await, Err(SecretError::Malformed { .. })));
        let missing = Secrets::fixed("stack/", BTreeMap::new());
        let error = missing.pepper().await.expect_err("unknown").to_string();
        assert_eq!(error, "there is no secret stack/pepper; `make deploy` writes it");
    }

    #[tokio::test]
    async fn an_old_signing_key_has_an_end() {
        let text = r#"{"calendly":["new",{"key":"old","until":"2026-11-28T12:00:00Z"}]}"#;
        let secrets = Secrets::fixed("stack/", [("stack/default/signing".to_owned(), text.to_owned())].into());
        let keys = secrets.signing(&ConnectionName::default()).await.expect("keys").calendly;
        let valid = |now: &str| -> Vec<_> {
            let now = now.parse().expect("an instant");
            keys.iter().filter(|it| it.is_valid(now)).map(|it| it.key.expose().as_str()).collect()
        };
        assert_eq!(valid("2026-11-28T11:59:59Z"), ["new", "old"]);
        assert_eq!(valid("2026-11-28T12:00:00Z"), ["new"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_secret_is_used_for_an_hour_and_no_longer() {
        let mut secrets = stored(r#"{"keys":[]}"#);
        secrets.api_keys().await.expect("keys");
        secrets.source = Source::Down;
        for _ in 0..59 {
            tokio::time::advance(Duration::from_secs(60)).await;
            secrets.api_keys().await.expect("the stale keys");
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        let error = secrets.api_keys().await.expect_err("too old");
        assert!(matches!(error, SecretError::Unavailable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_by_iam_displaces_no_secret_that_was_read() {
        let found = json!({"Name": "stack/acme/signing", "SecretString": r#"{"calendly":["a"]}"#});
        let denied = json!({"__type": "AccessDeniedException", "Message": "no"});
        let answers = vec![("POST /", Answer::json(200, found).once()), ("POST /", Answer::json(400, denied))];
        let server = StandIn::with_rules(answers);
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        let secrets = Secrets::new(aws_sdk_secretsmanager::Client::from_conf(config), "stack/");
        let name = |text: &str| ConnectionName::parse(text).expect("a name");
        secrets.signing(&name("acme")).await.expect("keys");
        for entry in secrets.cache.lock().expect("the cache").values_mut() {
            entry.fresh_for = Duration::ZERO;
        }
        let keys = secrets.signing(&name("acme")).await.expect("the stale keys").calendly;
        assert_eq!(keys, [SigningKey::from(Private::from("a"))]);
        assert!(matches!(secrets.signing(&name("nobody")).await, Err(SecretError::Unknown(_))));
        assert_eq!(server.requests().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_signing_key_that_was_taken_away_is_accepted_for_five_minutes_at_most() {
        let keys = |key: &str| -> BTreeMap<String, String> {
            [("stack/default/signing".to_owned(), format!(r#"{{"calendly":["{key}"]}}"#))].into()
        };
        let mut secrets = Secrets::fixed("stack/", keys("leaked"));
        secrets.signing(&ConnectionName::default()).await.expect("keys");
        secrets.source = Source::Fixed(keys("new"));
        // Whoever has the leaked key makes no wrong signature, so only time has it read again.
        tokio::time::advance(Duration::from_secs(300)).await;
        let keys = secrets.signing(&ConnectionName::default()).await.expect("keys").calendly;
        assert_eq!(keys, [SigningKey::from(Private::from("new"))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_api_key_works_for_a_minute_at_most() {
        let entry = format!(r#"{{"name":"vai-1","connection":"default","sha256":"{ONE}"}}"#);
        let mut secrets = stored(&format!(r#"{{"keys":[{entry}]}}"#));
        assert!(secrets.api_keys().await.expect("keys").find_key("one").is_some());
        secrets.source = Source::Fixed([("stack/api-keys".to_owned(), r#"{"keys":[]}"#.to_owned())].into());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(secrets.api_keys().await.expect("keys").find_key("one").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn guessed_names_cost_thirty_look_ups_a_minute_and_displace_nothing() {
        let name = |text: &str| ConnectionName::parse(text).expect("a name");
        let signing = |name: &str| (format!("stack/{name}/signing"), r#"{"calendly":["a"]}"#.to_owned());
        let pepper = ("stack/pepper".to_owned(), "p".repeat(64));
        let all = [signing("first"), signing("second"), signing("default"), pepper];
        let mut secrets = Secrets::fixed("stack/", all.into());
        secrets.signing(&name("first")).await.expect("keys");
        for number in 0..1_000 {
            let guessed = secrets.signing(&name(&format!("guess-{number}"))).await;
            let is_looked_up = matches!(guessed, Err(SecretError::Unknown(_)));
            assert_eq!(is_looked_up, number < MOST_UNKNOWN, "{number}: {guessed:?}");
            assert!(is_looked_up || matches!(guessed, Err(SecretError::NotLookedUp(_))), "{guessed:?}");
        }
        assert_eq!(secrets.cache.lock().expect("the cache").len(), 1 + MOST_UNKNOWN);
        secrets.signing(&name("first")).await.expect("what was found stays");
        assert!(
            matches!(secrets.signing(&name("second")).await, Err(SecretError::NotLookedUp(_))),
            "a name that is not cached waits, and is not taken for unknown"
        );
        secrets.pepper().await.expect("the pepper is nobody's guess");
        secrets.signing(&ConnectionName::default()).await.expect("nor is the default connection");
        tokio::time::advance(UNKNOWN).await;
        secrets.signing(&name("second")).await.expect("keys");
        assert_eq!(secrets.cache.lock().expect("the cache").len(), 3, "guesses are forgotten");
        // Also while Secrets Manager fails, a guess changes nothing for others.
        secrets.source = Source::Down;
        assert!(secrets.signing(&name("guess")).await.is_err());
        secrets.signing(&name("first")).await.expect("keys");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_calls_cause_the_same_look_ups_whether_or_not_the_connection_exists() {
        let name = |text: &str| ConnectionName::parse(text).expect("a name");
        // A stranger calls every 20 seconds, for a quarter of an hour.
        let look_ups = async |connection: &str| {
            let known = [("stack/known/signing".to_owned(), r#"{"calendly":["a"]}"#.to_owned())];
            let mut secrets = Secrets::fixed("stack/", BTreeMap::new());
            secrets.source = Source::Counting(known.into(), AtomicUsize::new(0));
            let mut counts = Vec::new();
            for _ in 0..45 {
                // As the webhook function does.
                if secrets.signing(&name(connection)).await.is_ok() {
                    secrets.reread_signing(&name(connection)).await;
                }
                let Source::Counting(_, count) = &secrets.source else { unreachable!("it counts") };
                counts.push(count.load(Ordering::Relaxed));
                tokio::time::advance(Duration::from_secs(20)).await;
            }
            counts
        };
        let known = look_ups("known").await;
        assert_eq!(known, look_ups("nobody").await);
        assert_eq!(known.last(), Some(&15), "one a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_signing_key_is_read_a_minute_after_the_last_read_unless_names_are_guessed() {
        let name = |text: &str| ConnectionName::parse(text).expect("a name");
        let keys = |key: &str| -> BTreeMap<String, String> {
            [("stack/acme/signing".to_owned(), format!(r#"{{"calendly":["{key}"]}}"#))].into()
        };
        let mut secrets = Secrets::fixed("stack/", keys("old"));
        secrets.signing(&name("acme")).await.expect("keys");
        secrets.source = Source::Fixed(keys("new"));
        tokio::time::advance(REREAD_SIGNING / 2).await;
        assert!(secrets.reread_signing(&name("acme")).await.is_none());
        tokio::time::advance(REREAD_SIGNING / 2).await;
        let reread = secrets.reread_signing(&name("acme")).await.expect("keys");
        assert_eq!(reread.calendly, [SigningKey::from(Private::from("new"))]);
        tokio::time::advance(REREAD_SIGNING).await;
        for number in 0..MOST_UNKNOWN {
            assert!(secrets.signing(&name(&format!("guess-{number}"))).await.is_err());
        }
        assert!(secrets.reread_signing(&name("acme")).await.is_none(), "it would tell that there is such a connection");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_rereads_the_secret_at_most_every_ten_seconds() {
        let secrets = stored(r#"{"keys":[]}"#);
        assert!(secrets.reread_api_keys().await.is_none(), "nothing was read yet: api_keys reads it");
        secrets.api_keys().await.expect("keys");
        assert!(secrets.reread_api_keys().await.is_none());
        tokio::time::advance(REREAD_API_KEYS).await;
        assert!(secrets.reread_api_keys().await.is_some());
        assert!(secrets.reread_api_keys().await.is_none());
    }
}
