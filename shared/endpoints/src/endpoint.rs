//! An endpoint: where a customer's events go, which they are, and whether they are sent.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::retry::RetryPolicy;

/// How long the events of an endpoint that is not verified wait. Older events are not sent after the verification.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(72);

/// The most replaced secrets that still sign. With more rotations within their grace, the oldest ends.
const MOST_PREVIOUS: usize = 3;

/// An endpoint's id: `ep_` and 26 characters of base 32, or an id that the customer chose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EndpointId(String);

impl EndpointId {
    /// Parses an id: 1 to 64 characters of `[A-Za-z0-9_-]`. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the id that a digest leads to. Creating an endpoint twice with the same idempotency key has the same id.
    pub fn from_digest(digest: &str) -> Self {
        Self(format!("ep_{}", digest.chars().take(26).collect::<String>()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EndpointId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an endpoint id is 1 to 64 of A-Z, a-z, 0-9, _ and -"))
    }
}

/// Why an endpoint gets no events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disabled {
    /// The customer disabled it.
    ByCustomer,
    /// It answered 410 Gone.
    Gone,
    /// It failed for five days.
    Failing,
}

impl Disabled {
    /// Returns the reason as customers read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByCustomer => "by_customer",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// Whether an endpoint gets events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// It has not answered a signed test yet, or its address is not confirmed. Its events wait: see [`LONGEST_WAIT`].
    Unverified,
    /// Its events are sent.
    Enabled,
    /// Its events are not sent.
    Disabled {
        /// Why.
        reason: Disabled,
    },
}

impl Status {
    /// Returns its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Enabled => "enabled",
            Self::Disabled { .. } => "disabled",
        }
    }
}

/// How an endpoint gets its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Its URL is called.
    Url,
    /// It asks for them.
    Poll,
    /// They are sent to an e-mail address.
    Email,
}

/// An endpoint, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// When it was created.
    pub created_at: Timestamp,
    /// How it gets its events.
    pub target: TargetKind,
    /// Its URL without user name, password and query values, or its address without most of its first part.
    pub masked_url: String,
    /// The customer's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The patterns of its event types, such as `booking.*`.
    pub events: Vec<String>,
    /// The condition on the content of its events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The output: the name of a ready-made one, or a template.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// Its retries.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Whether its deliveries are also signed with the connection's ed25519 key.
    #[serde(default)]
    pub ed25519: bool,
    /// Whether it gets events.
    #[serde(flatten)]
    pub status: Status,
    /// When the status changed.
    pub status_since: Timestamp,
    /// Events before this are not sent.
    pub receives_since: Timestamp,
    /// Its secrets, encrypted.
    pub sealed: String,
    /// The names of the customer's headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_names: Vec<String>,
    /// The SHA-256 of its catch-up token, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<String>,
    /// The digest of the request that created it. The same idempotency key with another request is refused.
    #[serde(default)]
    pub request_digest: String,
    /// The revision of the stored endpoint; 0 when it is not stored yet.
    #[serde(skip)]
    pub revision: u64,
}

impl Endpoint {
    /// Returns whether its events are sent now.
    pub fn is_active(&self) -> bool {
        self.status == Status::Enabled
    }

    /// Puts the endpoint into another status.
    #[must_use]
    pub fn with_status(mut self, status: Status, now: Timestamp) -> Self {
        let waited = self.status == Status::Unverified && status == Status::Enabled;
        if waited {
            self.receives_since =
                self.receives_since.max(now.saturating_sub(LONGEST_WAIT).unwrap_or(self.receives_since));
        }
        self.status = status;
        self.status_since = now;
        self
    }
}

/// A secret that was replaced, and until when it still signs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: String,
    /// Until when it signs.
    pub until: Timestamp,
}

/// The path of the page that confirms an address.
pub const CONFIRMATION_PATH: &str = "/api/endpoints/confirm";

/// What confirms the address of an endpoint: a link in an e-mail to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The token in the link. It has no characters that have a meaning in a URL.
    pub token: String,
    /// Until when it works.
    pub until: Timestamp,
}

impl Confirmation {
    /// Returns the link.
    pub fn link(&self, public_url: &str) -> String {
        format!("{public_url}{CONFIRMATION_PATH}?token={}", self.token)
    }
}

/// What is encrypted of an endpoint.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EndpointSecrets {
    /// The URL or address.
    pub url: String,
    /// The signing secret.
    pub secret: String,
    /// The secrets before it that still sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<PreviousSecret>,
    /// The customer's headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What confirms the address, until it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
}

impl EndpointSecrets {
    /// Replaces the secret. The old one signs too until `until`.
    #[must_use]
    pub fn rotate(mut self, secret: String, now: Timestamp, until: Timestamp) -> Self {
        self.previous.retain(|it| it.until > now);
        if until > now {
            self.previous.insert(0, PreviousSecret { secret: self.secret, until });
        }
        // Each adds a signature to every delivery.
        self.previous.truncate(MOST_PREVIOUS);
        self.secret = secret;
        self
    }

    /// Returns the older secrets that still sign.
    pub fn valid_previous(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.previous.iter().filter(move |it| it.until > now).map(|it| it.secret.as_str())
    }
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirmation(***)")
    }
}

impl fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecrets(***)")
    }
}

impl fmt::Debug for PreviousSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreviousSecret(***)")
    }
}
