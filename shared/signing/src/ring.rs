//! The keys of a connection over time, so that a rotation needs nothing of the receivers.
//!
//! A receiver may keep a copy of the published keys for [`CACHE_LIFETIME`]. A new key is published longer than that
//! before its first use, so every copy that may still be in use has the key of every signature.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use crate::keys::{PublicKey, SigningKeyPair};

/// How long a receiver may keep a copy of the published keys: the `max-age` of the document.
pub const CACHE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// How long a key is published before it is used: an hour longer than copies live, since it takes a while until a new
/// key is stored and every function reads it, and since clocks differ.
pub const PUBLISHED_BEFORE_USE: SignedDuration = SignedDuration::from_hours(25);

/// How long a key stays published after its last use, for those who verify later than they receive.
pub const KEPT_AFTER_USE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The key pairs of a connection, oldest first. Serialized, it holds the private keys: it is stored encrypted only.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyRing(Vec<RingKey>);

#[derive(Clone, Serialize, Deserialize)]
struct RingKey {
    #[serde(with = "seed")]
    seed: [u8; 32],
    made_at: Timestamp,
}

impl RingKey {
    fn pair(&self) -> SigningKeyPair {
        SigningKeyPair::from_seed(self.seed)
    }

    fn first_use(&self) -> Timestamp {
        later(self.made_at, PUBLISHED_BEFORE_USE)
    }
}

impl KeyRing {
    /// Adds a key of 32 random bytes, which is published from now on and signs after [`PUBLISHED_BEFORE_USE`].
    /// Removes keys that are no longer published.
    #[must_use]
    pub fn rotate(&self, now: Timestamp, seed: [u8; 32]) -> Self {
        let second = now.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil)).unwrap_or(now);
        // A clock that went back makes no key older than the one before it.
        let made_at = self.0.last().map_or(second, |last| last.made_at.max(second));
        let kept = self.timed().filter(|(_, last_use)| is_published(*last_use, now)).map(|(key, _)| key.clone());
        Self(kept.chain([RingKey { seed, made_at }]).collect())
    }

    /// Adds a key as [`KeyRing::rotate`] does. `None` while a key waits for its first use: so a repeated call adds one
    /// key.
    pub fn rotate_once(&self, now: Timestamp, seed: [u8; 32]) -> Option<Self> {
        let is_waiting = self.0.last().is_some_and(|last| last.first_use() > now);
        (!is_waiting).then(|| self.rotate(now, seed))
    }

    /// Returns the key pair that signs now. There is none before the first key is in use.
    pub fn signing_key(&self, now: Timestamp) -> Option<SigningKeyPair> {
        self.0.iter().rfind(|key| key.first_use() <= now).map(RingKey::pair)
    }

    /// Returns the keys to publish now: those that will sign, the one that does, and those that did lately.
    pub fn published_keys(&self, now: Timestamp) -> KeySet {
        let published = self.timed().filter(|(_, last_use)| is_published(*last_use, now));
        let keys = published.map(|(key, last_use)| {
            let public_key = key.pair().public_key();
            PublishedKey {
                id: public_key.id(),
                key: public_key.to_string(),
                not_before: key.first_use(),
                not_after: last_use,
            }
        });
        KeySet { keys: keys.collect() }
    }

    /// Each key with the time of its last use, which is the first use of the next.
    fn timed(&self) -> impl Iterator<Item = (&RingKey, Option<Timestamp>)> {
        let next = self.0.iter().skip(1).map(|next| Some(next.first_use()));
        self.0.iter().zip(next.chain([None]))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (key.pair(), key.made_at))).finish()
    }
}

fn is_published(last_use: Option<Timestamp>, now: Timestamp) -> bool {
    last_use.is_none_or(|last_use| now < later(last_use, KEPT_AFTER_USE))
}

fn later(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// What `GET /.well-known/webhook-keys/{connection}` answers.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys, oldest first.
    pub keys: Vec<PublishedKey>,
}

/// A published key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PublishedKey {
    /// The id of the key, for people: a signature does not name it.
    pub id: String,
    /// The key, as `whpk_` and base64.
    pub key: String,
    /// The time of its first use.
    pub not_before: Timestamp,
    /// The time of its last use, if another key follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

impl KeySet {
    /// Returns the keys, without those of a kind that is not known here.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.iter().filter_map(|published| published.key.parse().ok()).collect()
    }
}

/// A seed as base64.
mod seed {
    use serde::{Deserializer, Serializer, de};

    use super::*;

    pub(super) fn serialize<S: Serializer>(seed: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(seed))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| de::Error::custom("a seed is base64 of 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    fn key(number: u8) -> PublicKey {
        SigningKeyPair::from_seed([number; 32]).public_key()
    }

    fn signs(ring: &KeyRing, hour: i64) -> Option<PublicKey> {
        ring.signing_key(at(hour)).map(|pair| pair.public_key())
    }

    #[test]
    fn a_key_is_published_25_hours_before_and_7_days_after_its_use() {
        let first = KeyRing::default().rotate(at(0), [1; 32]);
        assert_eq!(first.published_keys(at(0)).public_keys(), [key(1)]);
        assert_eq!((signs(&first, 24), signs(&first, 25)), (None, Some(key(1))));
        let second = first.rotate(at(100), [2; 32]);
        assert_eq!(second.published_keys(at(100)).public_keys(), [key(1), key(2)]);
        assert_eq!((signs(&second, 124), signs(&second, 125)), (Some(key(1)), Some(key(2))));
        let week = 7 * 24;
        assert_eq!(second.published_keys(at(125 + week - 1)).public_keys(), [key(1), key(2)]);
        assert_eq!(second.published_keys(at(125 + week)).public_keys(), [key(2)]);
        assert_eq!(second.rotate(at(125 + week), [3; 32]).0.len(), 2, "the first key is forgotten");
        assert!(KeyRing::default().published_keys(at(0)).keys.is_empty());
        assert!(second.rotate_once(at(124), [3; 32]).is_none(), "the second key waits");
        assert_eq!(second.rotate_once(at(125), [3; 32]).expect("a third key").0.len(), 3);
    }

    #[test]
    fn the_document_and_the_stored_form_never_change() {
        let before_the_hour = at(1) - SignedDuration::from_millis(1);
        let ring = KeyRing::default().rotate(at(0), [1; 32]).rotate(before_the_hour, [2; 32]);
        assert_eq!(
            serde_json::to_value(ring.published_keys(at(2))).expect("JSON"),
            serde_json::json!({"keys": [
                {
                    "id": "34750f98bd59fcfc",
                    "key": "whpk_iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
                    "not_before": "1970-01-02T01:00:00Z",
                    "not_after": "1970-01-02T02:00:00Z",
                },
                {
                    "id": key(2).id(),
                    "key": key(2).to_string(),
                    "not_before": "1970-01-02T02:00:00Z",
                },
            ]})
        );
        let stored = r#"[{"seed":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","made_at":"1970-01-01T00:00:00Z"},{"seed":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=","made_at":"1970-01-01T01:00:00Z"}]"#;
        assert_eq!(serde_json::to_string(&ring).expect("JSON"), stored);
        let read: KeyRing = serde_json::from_str(stored).expect("a ring");
        assert_eq!(read.published_keys(at(2)), ring.published_keys(at(2)));
        serde_json::from_str::<KeyRing>(r#"[{"seed":"AQ==","made_at":"1970-01-01T00:00:00Z"}]"#).expect_err("short");
        assert!(!format!("{ring:?}").contains("AQEB"), "private keys are hidden");
    }

    #[test]
    fn a_key_of_another_kind_is_skipped() {
        let mut set = KeyRing::default().rotate(at(0), [1; 32]).published_keys(at(0));
        set.keys.insert(0, PublishedKey { key: "other_AAAA".to_owned(), ..set.keys[0].clone() });
        assert_eq!(set.public_keys(), [key(1)]);
    }

    proptest! {
        /// Rotations at any times, also by clocks that go back a little.
        #[test]
        fn every_copy_within_its_lifetime_has_the_key_of_every_signature(
            rotations in prop::collection::vec((-1..400i64, 0..59i64), 1..8),
            signed_hour in 0..2000i64,
            age_minutes in 0..=24 * 60i64,
        ) {
            let signed_at = at(signed_hour);
            let fetched_at = signed_at - SignedDuration::from_mins(age_minutes);
            let (mut clock, mut ring, mut copy) = (at(0), KeyRing::default(), KeySet::default());
            for (number, (hours, minutes)) in (1..).zip(rotations) {
                clock = clock + SignedDuration::from_hours(hours) + SignedDuration::from_mins(minutes);
                if clock > signed_at {
                    break;
                }
                ring = ring.rotate(clock, [number; 32]);
                // What was published when the copy was made: a rotation later than that is not in it.
                if clock <= fetched_at {
                    copy = ring.published_keys(fetched_at);
                }
            }
            if let Some(pair) = ring.signing_key(signed_at) {
                prop_assert!(copy.public_keys().contains(&pair.public_key()));
            }
            prop_assert!(ring.0.is_sorted_by_key(|key| key.made_at));
        }
    }
}
