//! Identifiers. Calendly's are full URIs. Ours are hashes of values that never change, so that each retry on each
//! machine computes the same id.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier without checking it.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// An invitee's URI at Calendly: one person in one scheduled event. A move creates a new one.
    InviteeUri
}
identifier! {
    /// A scheduled event's URI at Calendly. A group event has one URI and many invitees.
    EventUri
}
identifier! {
    /// An event type's URI at Calendly.
    EventTypeUri
}
identifier! {
    /// Our own, stable id of a booking. It survives moves, and each invitee of a group event has another one.
    BookingId
}
identifier! {
    /// A command's id: a readable slug and a hash of (booking, action, invitee URI, start). Also its idempotency key
    /// and the name of its schedule, so at most 64 characters of `[0-9a-zA-Z-_.]`.
    CommandId
}
identifier! {
    /// The identity of one fact, equal for each of its deliveries.
    FactId
}

/// The name of a connection: `[a-z0-9-]{1,40}`. Rows, secrets and settings belong to a connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ConnectionName(String);

impl ConnectionName {
    /// Parses a name; `None` if it is not 1 to 40 characters of `[a-z0-9-]`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ConnectionName {
    /// Returns the connection of a new stack: `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectionName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a connection is 1 to 40 of a-z, 0-9 and -"))
    }
}

/// Our tracking token, carried through Calendly in `utm_content`: `vai1-` and 26 characters of lower-case base 32.
///
/// Any other value in `utm_content` belongs to the customer's marketing and is ignored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    const PREFIX: &'static str = "vai1-";
    const LENGTH: usize = 26;

    /// Returns the token of an idempotency key. The same key leads to the same booking. The key cannot be read from the
    /// token.
    pub fn from_key(connection: &ConnectionName, key: &str) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let random = hash(&["token-of-key", connection.as_str(), key]);
        let letters = random.iter().take(Self::LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(format!("{}{}", Self::PREFIX, letters.collect::<String>()))
    }

    /// Parses one of our tokens; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(Self::PREFIX)?;
        let fits = random.len() == Self::LENGTH && random.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BookingId {
    /// Returns the id of the booking with a token.
    pub fn from_token(connection: &ConnectionName, token: &Token) -> Self {
        Self(format!("bk-{}", digest(&["booking-of-token", connection.as_str(), token.as_str()])))
    }

    /// Returns the id of a booking without a token, from the first invitee of its chain of moves.
    pub fn from_root(connection: &ConnectionName, root: &InviteeUri) -> Self {
        Self(format!("bk-{}", digest(&["booking-of-root", connection.as_str(), root.as_str()])))
    }
}

impl InviteeUri {
    /// Returns the URI for a request in the form of a leg. It cannot equal a URI of Calendly.
    pub(crate) fn for_request(token: &Token) -> Self {
        Self(format!("request:{}", token.as_str()))
    }
}

impl CommandId {
    /// Returns an id: `slug` is for people, the hash of `parts` makes it unique.
    pub(crate) fn from_parts(slug: &str, parts: &[&str]) -> Self {
        Self(format!("{slug}-{}", digest(parts)))
    }
}

impl FactId {
    /// Returns the id of a fact. Calendly sends no delivery id, so it is a hash of (kind, URI, discriminator).
    pub fn from_parts(kind: &str, uri: &str, discriminator: &str) -> Self {
        Self(digest(&[kind, uri, discriminator]))
    }
}

/// Returns the last segment of a Calendly URI. VAI calls it `event_uuid` or `invitee_uuid`.
pub fn uri_uuid(uri: &str) -> &str {
    uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri)
}

/// Returns 128 bits of SHA-256 in hex over length-prefixed parts (`a|bc` and `ab|c` differ).
pub fn digest(parts: &[&str]) -> String {
    hex::encode(&hash(parts)[..16])
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_names_are_checked() {
        assert!(ConnectionName::parse("acme-eu-2").is_some());
        for bad in ["", "Acme", "a/b", "a b", &"x".repeat(41), "é"] {
            assert!(ConnectionName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_texts_in_the_form_of_our_tokens_are_parsed() {
        assert!(Token::parse("vai1-abcdefghijklmnopqrstuvwxyz").is_some());
        for other in ["opaque-token", "vai1-short", "vai1-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ""] {
            assert!(Token::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_digest_depends_on_the_borders_between_its_parts() {
        assert_ne!(digest(&["a", "bc"]), digest(&["ab", "c"]));
        assert_eq!(uri_uuid("https://api.calendly.com/scheduled_events/E/invitees/I"), "I");
    }
}
