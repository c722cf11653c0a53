//! The secret that an endpoint shares with us.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

/// Begins every secret of Standard Webhooks.
const PREFIX: &str = "whsec_";

/// The length of a key of Standard Webhooks, in bytes. Source: Standard Webhooks 1.0.0.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// The length of a secret in the customer's own words, in characters.
const WORDS_CHARACTERS: RangeInclusive<usize> = 8..=256;

/// A secret of an endpoint: ours (`whsec_` and base64), or the customer's own words. `Debug` hides it.
#[derive(Clone)]
pub struct Secret {
    text: String,
    key: Vec<u8>,
}

/// Why a text can't be a secret. The text is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretError {
    /// `whsec_` is not followed by base64.
    #[error(
        "a secret that begins with whsec_ must go on with base64 of 24 to 64 bytes (the alphabet with + and /, padded \
         with =); leave the secret out to get one"
    )]
    NotBase64,
    /// The key in it has a wrong length.
    #[error("the base64 after whsec_ holds {0} bytes, but must hold 24 to 64; leave the secret out to get one")]
    WrongKeyLength(usize),
    /// The customer's own words have a wrong length.
    #[error("a secret in your own words has 8 to 256 characters, but this one has {0}")]
    WrongLength(usize),
    /// A control character, such as the end of a line.
    #[error("the secret has a control character, such as the end of a line: send it without")]
    ControlCharacter,
    /// White space at an end, which many programs remove when they read their settings.
    #[error("the secret begins or ends with white space, which is easily lost: send it without")]
    SpaceAround,
}

impl Secret {
    /// Makes a secret of our own from random bytes.
    pub fn generate(random: [u8; 32]) -> Self {
        Self { text: format!("{PREFIX}{}", STANDARD.encode(random)), key: random.to_vec() }
    }

    /// Parses a secret: of ours, or in the customer's own words.
    ///
    /// # Errors
    /// The text can't be a secret; the error says what to do.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => {
                let key = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
                if !KEY_BYTES.contains(&key.len()) {
                    return Err(SecretError::WrongKeyLength(key.len()));
                }
                key
            }
            None => check_words(text)?.as_bytes().to_vec(),
        };
        Ok(Self { text: text.to_owned(), key })
    }

    /// Returns the secret as the customer knows it. It must never be logged.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Starts a signature of Standard Webhooks. The key is what `whsec_` encodes, or the UTF-8 bytes of the words.
    pub(crate) fn v1(&self) -> Hmac<Sha256> {
        hmac(&self.key)
    }

    /// Starts a signature for `X-VAI-Signature`. The key is the UTF-8 of the whole text, `whsec_` included.
    pub(crate) fn vai(&self) -> Hmac<Sha256> {
        hmac(self.text.as_bytes())
    }
}

fn check_words(text: &str) -> Result<&str, SecretError> {
    if text.chars().any(char::is_control) {
        return Err(SecretError::ControlCharacter);
    }
    if text.trim() != text {
        return Err(SecretError::SpaceAround);
    }
    match text.chars().count() {
        length if WORDS_CHARACTERS.contains(&length) => Ok(text),
        length => Err(SecretError::WrongLength(length)),
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(•••)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> SecretError {
        Secret::parse(text).expect_err(text)
    }

    #[test]
    fn a_secret_is_ours_or_in_the_customers_own_words() {
        let ours = Secret::generate([7; 32]);
        assert_eq!(ours.expose(), "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        assert_eq!(Secret::parse(ours.expose()).expect("ours").key, [7; 32]);
        for words in ["your-webhook-secret", "12345678", "parolă și ceață", "WHSEC_1234", &"ă".repeat(256)] {
            assert_eq!(Secret::parse(words).expect(words).key, words.as_bytes());
        }
        assert_eq!(format!("{ours:?}"), "Secret(•••)");
    }

    #[test]
    fn what_begins_with_whsec_is_base64_of_24_to_64_bytes() {
        for length in [0, 1, 23, 65, 100] {
            let text = format!("whsec_{}", STANDARD.encode(vec![1; length]));
            assert_eq!(error(&text), SecretError::WrongKeyLength(length));
        }
        for length in [24, 25, 26, 64] {
            let text = format!("whsec_{}", STANDARD.encode(vec![1; length]));
            assert_eq!(Secret::parse(&text).expect(&text).key, vec![1; length]);
        }
        let padded = STANDARD.encode([0xff; 32]);
        for malformed in [
            padded.trim_end_matches('=').to_owned(),
            padded.replace('/', "_"),
            format!("{padded}\n"),
            format!(" {padded}"),
            "not base64".to_owned(),
            "ș".repeat(32),
        ] {
            assert_eq!(error(&format!("whsec_{malformed}")), SecretError::NotBase64, "{malformed:?}");
        }
    }

    #[test]
    fn words_that_are_easily_lost_or_guessed_are_refused() {
        for (text, expected) in [
            ("", SecretError::WrongLength(0)),
            ("1234567", SecretError::WrongLength(7)),
            ("whsec12", SecretError::WrongLength(7)),
            (&"ă".repeat(257), SecretError::WrongLength(257)),
            ("a secret\n", SecretError::ControlCharacter),
            ("a\0secret", SecretError::ControlCharacter),
            (" a secret", SecretError::SpaceAround),
            ("a secret\u{a0}", SecretError::SpaceAround),
        ] {
            assert_eq!(error(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn words_of_8_to_256_visible_characters_are_a_secret(text in "[!-~ă-ț]{0,300}") {
            match Secret::parse(&text) {
                Ok(secret) => prop_assert_eq!(secret.expose(), &text),
                Err(error) => prop_assert_eq!(error, SecretError::WrongLength(text.chars().count())),
            }
        }
    }
}
