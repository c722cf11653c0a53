//! A sealed secret, and the data key that seals and opens it. Nothing here calls KMS.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use domain::{ConnectionName, Private};
use serde::{Deserialize, Serialize};

use crate::SealingError;

/// The version of the format.
const VERSION: &str = "v1";

/// An encrypted secret as text: `v1.<wrapped data key>.<nonce>.<ciphertext>`, each part in base64 for URLs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(Private<String>);

/// The parts of a sealed secret.
pub(crate) struct Parts<'a> {
    /// The wrapped data key, in base64.
    pub(crate) wrapped: &'a str,
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// Wraps a stored text. It is checked when it is opened.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(Private::new(text.into()))
    }

    /// Returns the text to store.
    pub fn as_text(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn parts(&self) -> Result<Parts<'_>, SealingError> {
        let fields: Vec<_> = self.0.expose().split('.').collect();
        let [VERSION, wrapped, nonce, ciphertext] = fields[..] else { return Err(SealingError::Malformed) };
        let nonce = decode(nonce)?.try_into().map_err(|_| SealingError::Malformed)?;
        Ok(Parts { wrapped, nonce, ciphertext: decode(ciphertext)? })
    }
}

/// Decodes base64. Each value has one text only: other texts for it are refused.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, SealingError> {
    BASE64.decode(text).map_err(|_| SealingError::Malformed)
}

/// A data key for AES-256-GCM, unwrapped. AWS-LC holds it, and overwrites its memory before freeing it.
#[derive(Debug)]
pub struct DataKey {
    wrapped: String,
    key: RandomizedNonceKey,
}

impl DataKey {
    /// Makes it of its wrapped form and the key itself.
    ///
    /// # Errors
    /// The key is not of 32 bytes.
    pub fn new(wrapped: &[u8], key: &[u8]) -> Result<Self, SealingError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key)
            .map_err(|_| SealingError::Unavailable { source: "the key is not of 32 bytes".into() })?;
        Ok(Self { wrapped: BASE64.encode(wrapped), key })
    }

    /// Seals a secret for a connection and a context, such as an endpoint's id.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub fn seal(&self, connection: &ConnectionName, context: &str, plaintext: &[u8]) -> Result<Sealed, SealingError> {
        let mut ciphertext = plaintext.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(bound_to(connection, context), &mut ciphertext)
            .map_err(|_| SealingError::Unavailable { source: "AES-256-GCM gave no ciphertext".into() })?;
        let [nonce, ciphertext] = [nonce.as_ref().as_slice(), &ciphertext].map(|it| BASE64.encode(it));
        Ok(Sealed(format!("{VERSION}.{}.{nonce}.{ciphertext}", self.wrapped).into()))
    }

    /// Opens a secret that was sealed with this key for the same connection and context.
    ///
    /// # Errors
    /// It was not, or it was changed.
    pub fn open(&self, connection: &ConnectionName, context: &str, sealed: &Sealed) -> Result<Vec<u8>, SealingError> {
        self.open_parts(connection, context, sealed.parts()?)
    }

    pub(crate) fn open_parts(
        &self,
        connection: &ConnectionName,
        context: &str,
        parts: Parts<'_>,
    ) -> Result<Vec<u8>, SealingError> {
        let Parts { nonce, ciphertext: mut buffer, .. } = parts;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, bound_to(connection, context), &mut buffer);
        let length = opened.map_err(|_| SealingError::Rejected)?.len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// Returns what a ciphertext is bound to. Each part has its length before it, so that no two pairs give the same bytes.
fn bound_to(connection: &ConnectionName, context: &str) -> Aad<Vec<u8>> {
    let parts = [connection.as_str(), context];
    Aad::from(parts.iter().flat_map(|it| [&(it.len() as u64).to_be_bytes(), it.as_bytes()].concat()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn connection(name: &str) -> ConnectionName {
        ConnectionName::parse(name).expect("a connection")
    }

    fn key() -> DataKey {
        DataKey::new(b"wrapped", &[7; 32]).expect("a key")
    }

    #[test]
    fn the_border_between_connection_and_context_counts() {
        let sealed = key().seal(&connection("ab"), "c", b"hush").expect("sealed");
        assert!(matches!(key().open(&connection("a"), "bc", &sealed), Err(SealingError::Rejected)));
    }

    #[test]
    fn equal_secrets_are_sealed_differently_and_debug_shows_nothing() {
        let [one, two] = [(); 2].map(|()| key().seal(&connection("a"), "b", b"hush").expect("sealed"));
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "Sealed(•••)");
        assert_eq!(serde_json::to_value(&one).expect("JSON"), one.0.expose().as_str());
        assert!(!format!("{:?}", key()).contains('7'), "{:?}", key());
    }

    #[test]
    fn a_key_has_32_bytes() {
        for length in [0, 16, 24, 31, 33, 64] {
            assert!(DataKey::new(b"wrapped", &vec![7; length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_secret_is_opened_by_its_connection_and_context_only(
            secret in any::<Vec<u8>>(),
            (name, other) in ("[a-z0-9-]{1,40}", "[a-z0-9-]{1,40}"),
            (kept, context) in any::<(String, String)>(),
        ) {
            let (mine, other) = (connection(&name), connection(&other));
            let sealed = key().seal(&mine, &kept, &secret).expect("sealed");
            prop_assert_eq!(key().open(&mine, &kept, &sealed).expect("opened"), secret);
            for (connection, context) in [(&other, &kept), (&mine, &context), (&other, &context)] {
                if (connection, context) != (&mine, &kept) {
                    let opened = key().open(connection, context, &sealed);
                    prop_assert!(matches!(opened, Err(SealingError::Rejected)));
                }
            }
        }

        #[test]
        fn any_text_is_an_error_and_no_panic(text in r"(v1|v2|[^.]*)(\.[A-Za-z0-9_=+/-]{0,40}){0,5}|.*") {
            prop_assert!(key().open(&connection("a"), "b", &Sealed(text.into())).is_err());
        }
    }
}
