//! The documents of one-time codes in the table. With a code, a person shows that they can be reached where a booking
//! says.
//!
//! A code is stored as an HMAC, whose key the table does not have: it is the challenge, which only the caller holds. So
//! whoever reads the table cannot try out all codes.

use domain::{ContactKey, Language, Private, digest};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// A code that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredCode {
    /// The hash of the conversation in which it was asked for.
    pub conversation: String,
    /// The booking that it is about, by any of its ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<String>,
    /// The address of the person whose bookings it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Private<String>>,
    /// Whether the person would rather have it by SMS.
    pub prefers_sms: bool,
    /// The language of its message.
    pub language: Language,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The HMAC of its digits.
    pub mac: String,
    /// The number or address that it was sent to, hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<ContactKey>,
}

impl StoredCode {
    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("a code is always JSON: {never}"))
    }

    /// Parses a document; `None` if it is none of these.
    pub fn parse(document: &str) -> Option<Self> {
        serde_json::from_str(document).ok()
    }

    /// Returns whether these are its digits, in constant time.
    pub fn matches(&self, challenge: &str, digits: &str) -> bool {
        let Ok(expected) = hex::decode(&self.mac) else { return false };
        mac(challenge, digits).is_some_and(|it| it.verify_slice(&expected).is_ok())
    }
}

/// What a conversation may see since a code was confirmed in it: the bookings of whoever is reached there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfirmedContact {
    /// The number or address that the code was sent to, hashed.
    pub contact: ContactKey,
}

impl ConfirmedContact {
    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("a contact is always JSON: {never}"))
    }

    /// Parses a document; `None` if it is none of these.
    pub fn parse(document: &str) -> Option<Self> {
        serde_json::from_str(document).ok()
    }
}

/// Returns the HMAC of a code's digits, in hex.
pub fn code_mac(challenge: &str, digits: &str) -> String {
    mac(challenge, digits).map(|it| hex::encode(it.finalize().into_bytes())).unwrap_or_default()
}

fn mac(challenge: &str, digits: &str) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(challenge.as_bytes()).ok()?;
    Some(mac.chain_update(digits.as_bytes()))
}

/// Returns the id of a code's row. The table does not have the challenge.
pub fn code_id(challenge: &str) -> String {
    format!("code-{}", digest(&["challenge", challenge]))
}

/// Returns the id of the row that says what a conversation may see.
pub fn conversation_id(conversation: &str) -> String {
    format!("conversation-{}", conversation_hash(conversation))
}

/// Returns the hash of a conversation, as it is stored with a code.
pub fn conversation_hash(conversation: &str) -> String {
    digest(&["code-in-conversation", conversation])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(challenge: &str, digits: &str) -> StoredCode {
        StoredCode {
            conversation: conversation_hash("conv-1"),
            booking: Some("bk-1".to_owned()),
            email: None,
            prefers_sms: false,
            language: Language::English,
            requested_at: Timestamp::UNIX_EPOCH,
            mac: code_mac(challenge, digits),
            sent_to: None,
        }
    }

    #[test]
    fn only_the_same_digits_of_the_same_challenge_match() {
        let code = stored("challenge-1", "042137");
        assert!(code.matches("challenge-1", "042137"));
        for (challenge, digits) in
            [("challenge-1", "042138"), ("challenge-1", "42137"), ("challenge-1", ""), ("challenge-2", "042137")]
        {
            assert!(!code.matches(challenge, digits), "{challenge} {digits}");
        }
        let broken = StoredCode { mac: "zz".to_owned(), ..code };
        assert!(!broken.matches("challenge-1", "042137"));
    }

    #[test]
    fn the_table_has_neither_the_digits_nor_the_challenge() {
        let document = stored("challenge-1", "042137").to_json();
        assert!(!document.contains("042137") && !document.contains("challenge-1"), "{document}");
        assert!(!code_id("challenge-1").contains("challenge-1"));
        assert!(StoredCode::parse(&document).is_some() && ConfirmedContact::parse(&document).is_none());
    }
}
