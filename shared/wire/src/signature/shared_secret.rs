//! Providers that sign nothing and show a secret in `Authorization` instead: Brevo as a bearer token, EngageLab, on top of
//! its signature, as whatever text one gives it.
//! Sources: developers.brevo.com, "Secure your webhooks"; engagelab.com/docs/sms/api/callback.

use domain::Private;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::check::present;
use super::error::SignatureError;

/// The header's name.
pub const HEADER: &str = "Authorization";

/// Checks `Authorization: TimerKind <token>`.
///
/// # Errors
/// Why the call is refused.
pub fn bearer(header: Option<&str>, token: &Private<String>) -> Result<(), SignatureError> {
    let (scheme, shown) = present(header)?.trim().split_once(' ').ok_or(SignatureError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(SignatureError::Malformed);
    }
    same(shown.trim(), token)
}

/// Checks that the header is, as a whole, what was agreed on.
///
/// # Errors
/// Why the call is refused.
pub fn whole(header: Option<&str>, agreed: &Private<String>) -> Result<(), SignatureError> {
    same(present(header)?.trim(), agreed)
}

/// Hashes are compared, to their end: the time it takes tells neither where two texts differ nor how long they are.
pub(super) fn same(shown: &str, secret: &Private<String>) -> Result<(), SignatureError> {
    let secret = secret.expose().trim();
    let [shown, kept]: [[u8; 32]; 2] = [shown, secret].map(|it| Sha256::digest(it).into());
    // An empty key would be nobody's secret.
    if !secret.is_empty() && shown.ct_eq(&kept).into() { Ok(()) } else { Err(SignatureError::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_as_a_bearer_and_nothing_else() {
        let token = Private::from("a brevo token");
        let check = |header| bearer(header, &token);
        for genuine in ["Bearer a brevo token", "bearer  a brevo token "] {
            assert_eq!(check(Some(genuine)), Ok(()), "{genuine}");
        }
        for (header, why) in [
            (None, SignatureError::Missing),
            (Some(" "), SignatureError::Missing),
            (Some("Bearer"), SignatureError::Malformed),
            (Some("Basic a brevo token"), SignatureError::Malformed),
            (Some("Bearer a brevo toke"), SignatureError::Wrong),
            (Some("Bearer a brevo token2"), SignatureError::Wrong),
            (Some("Bearer A brevo token"), SignatureError::Wrong),
        ] {
            assert_eq!(check(header), Err(why), "{header:?}");
        }
    }

    #[test]
    fn a_whole_header_is_compared_as_it_stands() {
        let agreed = Private::from("Basic dmFp");
        assert_eq!(whole(Some("Basic dmFp"), &agreed), Ok(()));
        assert_eq!(whole(Some("basic dmFp"), &agreed), Err(SignatureError::Wrong));
        assert_eq!(whole(None, &agreed), Err(SignatureError::Missing));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        for empty in ["", " "] {
            assert_eq!(bearer(Some("Bearer  "), &Private::from(empty)), Err(SignatureError::Malformed));
            assert_eq!(whole(Some("x"), &Private::from(empty)), Err(SignatureError::Wrong));
            assert_eq!(same("", &Private::from(empty)), Err(SignatureError::Wrong));
        }
    }
}
