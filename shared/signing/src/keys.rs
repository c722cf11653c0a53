//! Key pairs of ed25519, with which a connection signs `v1a`.
//!
//! A connection has its own: the signed text names no audience, so with one key for all, a customer could forward its
//! delivery to another customer.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Begins every public key of Standard Webhooks.
const PREFIX: &str = "whpk_";

/// The length of the id of a key, in bytes.
const ID_BYTES: usize = 8;

/// A key pair. `Debug` shows its public key only.
#[derive(Clone)]
pub struct SigningKeyPair(SigningKey);

impl SigningKeyPair {
    /// Makes the key pair of 32 random bytes, the private key of RFC 8032.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Returns the public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, content: &[u8]) -> [u8; 64] {
        self.0.sign(content).to_bytes()
    }
}

impl fmt::Debug for SigningKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKeyPair").field(&self.public_key()).finish()
    }
}

/// The public key of a key pair, written as `whpk_` and base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A text is no public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a public key is whpk_ and base64 of the 32 bytes of an ed25519 key")]
pub struct KeyError;

impl PublicKey {
    /// Returns the id of the key, 16 hex digits of its SHA-256.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0.as_bytes())[..ID_BYTES])
    }

    pub(crate) fn verifies(&self, content: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(content, &Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(KeyError)?).map_err(|_| KeyError)?;
        let bytes = bytes.try_into().map_err(|_| KeyError)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| KeyError)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1: seed, public key, message and signature.
    const RFC_8032: [(&str, &str, &str, &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).expect("hex").try_into().expect("the length")
    }

    #[test]
    fn keys_and_signatures_are_those_of_rfc_8032() {
        for (seed, public_key, message, signature) in RFC_8032 {
            let (pair, message) = (SigningKeyPair::from_seed(bytes(seed)), hex::decode(message).expect("hex"));
            assert_eq!(pair.public_key().0.as_bytes(), &bytes(public_key));
            assert_eq!(pair.sign(&message), bytes(signature));
            assert!(pair.public_key().verifies(&message, &bytes(signature)));
        }
    }

    #[test]
    fn a_public_key_is_text_that_parses_again() {
        let pair = SigningKeyPair::from_seed([1; 32]);
        let text = pair.public_key().to_string();
        assert_eq!(text, "whpk_iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=");
        assert_eq!(text.parse(), Ok(pair.public_key()));
        assert_eq!(pair.public_key().id(), "34750f98bd59fcfc");
        assert_eq!(format!("{pair:?}"), format!("SigningKeyPair({text})"));
        for malformed in ["", "whpk_", "whpk_AQID", &text[5..], &format!("whsk_{}", &text[5..]), &format!("{text} ")] {
            assert_eq!(malformed.parse::<PublicKey>(), Err(KeyError), "{malformed:?}");
        }
    }
}
