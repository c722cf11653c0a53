//! The pepper: the stack's secret under which contacts are kept.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::personal::Private;

/// The shortest pepper. A secret of this length can't be guessed.
const SHORTEST: usize = 32;

/// The stack's secret under which phone numbers and e-mail addresses are kept. There are so few phone numbers that
/// whoever has a bare hash finds its number by trying all; without the pepper, nobody can try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pepper(Private<String>);

impl Pepper {
    /// Makes it of the secret's text; `None` if that is too short.
    pub fn new(secret: impl Into<String>) -> Option<Self> {
        let secret: String = secret.into();
        (secret.len() >= SHORTEST).then(|| Self(Private::new(secret)))
    }

    /// Returns 128 bits of HMAC-SHA256 in hex over length-prefixed parts. The first part says what it is for.
    pub fn digest(&self, parts: &[&str]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes())
            .unwrap_or_else(|never| unreachable!("HMAC takes a key of any length: {never}"));
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hex::encode(&mac.finalize().into_bytes()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_pepper_and_on_where_its_parts_end() {
        let pepper = |letter: &str| Pepper::new(letter.repeat(32)).expect("a pepper");
        let digest = pepper("a").digest(&["for", "a", "bc"]);
        assert_eq!(digest.len(), 32);
        assert_eq!(digest, pepper("a").digest(&["for", "a", "bc"]));
        for other in [pepper("b").digest(&["for", "a", "bc"]), pepper("a").digest(&["for", "ab", "c"])] {
            assert_ne!(digest, other);
        }
        assert_eq!(Pepper::new("a".repeat(31)), None);
        assert_eq!(format!("{:?}", pepper("a")), "Pepper(•••)");
    }
}
