//! A person's login: proof key (PKCE, RFC 7636) and state.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The secrets of one login.
///
/// The state comes back in the URL and must be the one of the browser's cookie. The verifier goes to Calendly with the
/// code, and shows that the code is used by whoever asked for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Names the login in the URL.
    pub state: String,
    /// The proof key.
    pub verifier: String,
}

impl Login {
    /// Makes them of random bits.
    pub fn new(state: [u8; 32], verifier: [u8; 32]) -> Self {
        let text = |bytes: [u8; 32]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Self { state: text(state), verifier: text(verifier) }
    }
}

/// Returns the S256 challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        let login = Login::new([1; 32], [2; 32]);
        assert_eq!((login.state.len(), login.verifier.len()), (43, 43), "43 to 128 characters are allowed");
    }
}
