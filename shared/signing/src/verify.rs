//! The verification of a delivery, as a receiver does it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use jiff::{SignedDuration, Timestamp};

use crate::keys::PublicKey;
use crate::secret::Secret;
use crate::sign::signed_content;

/// How old the timestamp of a delivery may be, and how far ahead. Source: Standard Webhooks 1.0.0.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// A delivery, as it was received.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
    body: &'a [u8],
}

/// What is known of a delivery that was not refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The signatures with a secret.
    pub v1: Outcome,
    /// The signatures with a key of ed25519.
    pub v1a: Outcome,
}

/// What the signatures of one scheme show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// One of them is right.
    Verified,
    /// There is none.
    NoSignature,
    /// They could not be checked, since there is no key.
    NoKey,
}

/// Why a delivery is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A header is missing or empty.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header can't be read.
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    /// There are signatures of a scheme, and none is right.
    #[error("no signature {0} is right: the secret or key is another, or id, timestamp or body were changed")]
    Wrong(&'static str),
    /// No signature could be checked.
    #[error("there is no signature that could be checked with the secrets and keys at hand")]
    Unchecked,
    /// The delivery was signed more than five minutes ago.
    #[error("the timestamp is more than 5 minutes old")]
    TooOld,
    /// The delivery was signed more than five minutes ahead.
    #[error("the timestamp is more than 5 minutes ahead: compare the clocks")]
    TooNew,
}

impl<'a> Received<'a> {
    /// Reads the headers. `header` returns the value of a header by its name in lower case.
    ///
    /// # Errors
    /// A header is missing or malformed.
    pub fn read(header: impl Fn(&'static str) -> Option<&'a str>, body: &'a [u8]) -> Result<Self, Refusal> {
        let require = |name| header(name).filter(|it| !it.is_empty()).ok_or(Refusal::Missing(name));
        let (id, timestamp) = (require("webhook-id")?, require("webhook-timestamp")?);
        if id.contains('.') {
            // With it, another id, timestamp and body could make up the same signed text.
            return Err(Refusal::Malformed("webhook-id"));
        }
        if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Malformed("webhook-timestamp"));
        }
        Ok(Self { id, timestamp, signatures: require("webhook-signature")?, body })
    }

    /// The id of the delivery, the same in each attempt.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// Whether there are signatures `v1a`, for which a receiver needs the published keys.
    pub fn has_v1a(&self) -> bool {
        self.signatures::<64>("v1a").is_some()
    }

    /// Returns the signatures of a scheme, decoded. Those that can't be decoded are left out: they are wrong.
    fn signatures<const N: usize>(&self, scheme: &'static str) -> Option<Vec<[u8; N]>> {
        let of_scheme = self.signatures.split(' ').filter_map(|it| it.split_once(',')).filter(|(it, _)| *it == scheme);
        let encoded: Vec<_> = of_scheme.map(|(_, signature)| signature).collect();
        if encoded.is_empty() {
            return None;
        }
        Some(encoded.into_iter().filter_map(|it| STANDARD.decode(it).ok()?.try_into().ok()).collect())
    }
}

/// Verifies a delivery: in each scheme that it has signatures of, and that there are keys for, one must be right.
/// Secrets are compared in constant time.
///
/// # Errors
/// The reason to refuse the delivery.
pub fn verify_delivery(
    received: &Received<'_>,
    secrets: &[Secret],
    public_keys: &[PublicKey],
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let content = signed_content(received.id, received.timestamp, received.body);
    let v1 = check("v1", received, secrets, |secret, signature: &[u8; 32]| {
        secret.v1().chain_update(&content).verify_slice(signature).is_ok()
    })?;
    let v1a = check("v1a", received, public_keys, |key, signature| key.verifies(&content, signature))?;
    if v1 != Outcome::Verified && v1a != Outcome::Verified {
        return Err(Refusal::Unchecked);
    }
    let malformed = Refusal::Malformed("webhook-timestamp");
    let seconds = received.timestamp.parse().map_err(|_| malformed)?;
    let age = now.duration_since(Timestamp::from_second(seconds).map_err(|_| malformed)?);
    if age > TOLERANCE {
        return Err(Refusal::TooOld);
    }
    if age < -TOLERANCE {
        return Err(Refusal::TooNew);
    }
    Ok(Verified { v1, v1a })
}

fn check<K, const N: usize>(
    scheme: &'static str,
    received: &Received<'_>,
    keys: &[K],
    verifies: impl Fn(&K, &[u8; N]) -> bool,
) -> Result<Outcome, Refusal> {
    let Some(signatures) = received.signatures(scheme) else { return Ok(Outcome::NoSignature) };
    if keys.is_empty() {
        return Ok(Outcome::NoKey);
    }
    let is_right = signatures.iter().any(|signature| keys.iter().any(|key| verifies(key, signature)));
    if is_right { Ok(Outcome::Verified) } else { Err(Refusal::Wrong(scheme)) }
}
