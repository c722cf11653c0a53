//! EngageLab's callback signature: `X-CALLBACK-ID: timestamp=…;nonce=…;username=…;signature=…`, where `signature` is
//! HMAC-SHA256 in hex, with the secret as key, of timestamp, nonce and username concatenated.
//! Source: engagelab.com/docs/sms/api/callback, and the vendor's own script (DevEngageLab/engagelab-skills).
//!
//! **The body is not signed.** Anyone who sees a header can send any body with it, within the time window. The
//! processor, which has a table, accepts each nonce once.

use domain::Private;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::check::{check_age, require_header};
use super::error::SignatureError;
use super::shared_secret::compare;

/// The header's name.
pub const HEADER: &str = "X-CALLBACK-ID";

/// Verifies a signature; returns its nonce.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify(
    header: Option<&str>,
    username: &str,
    secret: &Private<String>,
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<String, SignatureError> {
    let call = Call::parse(require_header(header)?).ok_or(SignatureError::Malformed)?;
    // Both are always looked at: the time tells nobody which was wrong.
    let (is_our_name, is_genuine) = (compare(call.username, &Private::from(username)), call.matches(secret));
    if is_our_name.is_err() || !is_genuine {
        return Err(SignatureError::Wrong);
    }
    // The border between timestamp and nonce is not signed either. But only one way to split the text gives a timestamp
    // within the window.
    check_age(call.seconds, now, tolerance_seconds)?;
    Ok(call.nonce.to_owned())
}

struct Call<'a> {
    /// The timestamp as text, since the text is signed.
    stamp: &'a str,
    seconds: i64,
    nonce: &'a str,
    username: &'a str,
    signature: [u8; 32],
}

impl<'a> Call<'a> {
    /// Lenient about order, spaces and unknown fields.
    fn parse(header: &'a str) -> Option<Self> {
        let field = |wanted| {
            header
                .split(';')
                .filter_map(|it| it.split_once('='))
                .find_map(|(name, value)| (name.trim() == wanted).then_some(value.trim()))
                .filter(|value| !value.is_empty())
        };
        let stamp = field("timestamp").filter(|it| it.bytes().all(|b| b.is_ascii_digit()))?;
        let mut signature = [0; 32];
        hex::decode_to_slice(field("signature")?, &mut signature).ok()?;
        Some(Self {
            stamp,
            seconds: stamp.parse().ok()?,
            nonce: field("nonce")?,
            username: field("username")?,
            signature,
        })
    }

    fn matches(&self, secret: &Private<String>) -> bool {
        // An empty key is no secret.
        if secret.expose().is_empty() {
            return false;
        }
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
        for part in [self.stamp, self.nonce, self.username] {
            mac.update(part.as_bytes());
        }
        mac.verify_slice(&self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs of the vendor's script; the digest was computed separately.
    const SECONDS: i64 = 1_701_234_567;
    const SIGNATURE: &str = "404794bf3409ad56077e11dac58f0f1d19e5a3b898b669360fb888a5efe4e729";

    fn header() -> String {
        format!("timestamp={SECONDS};nonce=abc123;username=my_user;signature={SIGNATURE}")
    }

    fn at(later: i64) -> Timestamp {
        Timestamp::from_second(SECONDS + later).expect("an instant")
    }

    fn check(header: &str, later: i64) -> Result<String, SignatureError> {
        verify(Some(header), "my_user", &Private::from("my_secret"), at(later), 300)
    }

    #[test]
    fn the_vector_verifies_in_any_notation() {
        for header in [
            header(),
            format!(" username = my_user ; nonce=abc123; signature={SIGNATURE}; timestamp={SECONDS} "),
            header().replace(SIGNATURE, &SIGNATURE.to_uppercase()),
            format!("{};kid=7", header()),
        ] {
            assert_eq!(check(&header, 0).as_deref(), Ok("abc123"), "{header}");
        }
    }

    #[test]
    fn a_changed_header_is_refused() {
        let header = header();
        for changed in [
            header.replace("abc123", "abc124"),
            header.replace("my_user", "my_user2"),
            header.replace("404794", "404795"),
            header.replace(&SECONDS.to_string(), &(SECONDS + 1).to_string()),
        ] {
            assert_eq!(check(&changed, 0), Err(SignatureError::Wrong), "{changed}");
        }
        let with = |username, secret: &str| verify(Some(&header), username, &Private::from(secret), at(0), 300);
        assert_eq!(with("another", "my_secret"), Err(SignatureError::Wrong));
        assert_eq!(with("my_user", "another"), Err(SignatureError::Wrong));
        assert_eq!(verify(None, "my_user", &Private::from("my_secret"), at(0), 300), Err(SignatureError::Missing));
    }

    #[test]
    fn another_split_of_the_signed_text_is_stale() {
        let split = header().replace("1701234567;nonce=abc123", "170123456;nonce=7abc123");
        assert_eq!(check(&split, 0), Err(SignatureError::Stale));
    }

    #[test]
    fn the_window_is_300_seconds_back_and_60_ahead() {
        for (later, expected) in
            [(300, None), (301, Some(SignatureError::Stale)), (-60, None), (-61, Some(SignatureError::Future))]
        {
            assert_eq!(check(&header(), later).err(), expected, "{later} s");
        }
    }

    #[test]
    fn an_unreadable_header_is_malformed() {
        let header = header();
        for malformed in [
            "nonsense".to_owned(),
            header.replace("nonce=abc123;", ""),
            header.replace("nonce=abc123", "nonce="),
            header.replace("username", "user"),
            header.replace("1701234567", "now"),
            header.replace("1701234567", "-1"),
            header.replace("1701234567", "99999999999999999999"),
            header.replace("e729", "e7"),
            header.replace("e729", "zzzz"),
        ] {
            assert_eq!(check(&malformed, 0), Err(SignatureError::Malformed), "{malformed}");
        }
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"").expect("any length");
        mac.update(b"1701234567abc123my_user");
        let signature = hex::encode(mac.finalize().into_bytes());
        let header = header().replace(SIGNATURE, &signature);
        assert_eq!(verify(Some(&header), "my_user", &Private::from(""), at(0), 300), Err(SignatureError::Wrong));
    }
}
