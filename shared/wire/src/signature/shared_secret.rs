//! Providers that send a shared secret in `Authorization`: Brevo, which signs nothing, as a bearer token; EngageLab, in
//! addition to its signature, as a text of our choice.
//! Sources: developers.brevo.com, "Secure your webhooks"; engagelab.com/docs/sms/api/callback.

use domain::Private;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::check::require_header;
use super::error::SignatureError;

/// The header's name.
pub const HEADER: &str = "Authorization";

/// Verifies `Authorization: Bearer <token>`.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify_bearer(header: Option<&str>, token: &Private<String>) -> Result<(), SignatureError> {
    let (scheme, sent) = require_header(header)?.trim().split_once(' ').ok_or(SignatureError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(SignatureError::Malformed);
    }
    compare(sent.trim(), token)
}

/// Verifies that the whole header is the agreed text.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify_header(header: Option<&str>, agreed: &Private<String>) -> Result<(), SignatureError> {
    compare(require_header(header)?.trim(), agreed)
}

/// Compares the hashes of two texts in constant time, so that neither the first difference nor the length leaks.
pub(super) fn compare(sent: &str, secret: &Private<String>) -> Result<(), SignatureError> {
    let secret = secret.expose().trim();
    let [sent, expected]: [[u8; 32]; 2] = [sent, secret].map(|it| Sha256::digest(it).into());
    // An empty key is no secret.
    if !secret.is_empty() && sent.ct_eq(&expected).into() { Ok(()) } else { Err(SignatureError::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_accepted_as_a_bearer_only() {
        let token = Private::from("a brevo token");
        let check = |header| verify_bearer(header, &token);
        for genuine in ["Bearer a brevo token", "bearer  a brevo token "] {
            assert_eq!(check(Some(genuine)), Ok(()), "{genuine}");
        }
        for (header, reason) in [
            (None, SignatureError::Missing),
            (Some(" "), SignatureError::Missing),
            (Some("Bearer"), SignatureError::Malformed),
            (Some("Basic a brevo token"), SignatureError::Malformed),
            (Some("Bearer a brevo toke"), SignatureError::Wrong),
            (Some("Bearer a brevo token2"), SignatureError::Wrong),
            (Some("Bearer A brevo token"), SignatureError::Wrong),
        ] {
            assert_eq!(check(header), Err(reason), "{header:?}");
        }
    }

    #[test]
    fn a_whole_header_must_be_equal() {
        let agreed = Private::from("Basic dmFp");
        assert_eq!(verify_header(Some("Basic dmFp"), &agreed), Ok(()));
        assert_eq!(verify_header(Some("basic dmFp"), &agreed), Err(SignatureError::Wrong));
        assert_eq!(verify_header(None, &agreed), Err(SignatureError::Missing));
    }

    #[test]
    fn an_empty_secret_is_refused() {
        for empty in ["", " "] {
            assert_eq!(verify_bearer(Some("Bearer  "), &Private::from(empty)), Err(SignatureError::Malformed));
            assert_eq!(verify_header(Some("x"), &Private::from(empty)), Err(SignatureError::Wrong));
            assert_eq!(compare("", &Private::from(empty)), Err(SignatureError::Wrong));
        }
    }
}
