//! Calendly's webhook signature: `Calendly-Webhook-Signature: t=<unix seconds>,v1=<hex>`, where `v1` is HMAC-SHA256
//! under the signing key (its UTF-8 bytes) over `t`, a dot and the raw body.
//! Source: developer.calendly.com, "Webhook signatures".

use domain::Private;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::check::{check_age, require_header};
use super::error::SignatureError;

/// The header's name.
pub const HEADER: &str = "Calendly-Webhook-Signature";

/// The most keys that are tried: the current one, and those that rotations have left.
const MOST_KEYS: usize = 4;

/// The most `v1` that are read. Calendly writes one; a rotation of its own would need two.
const MOST_SIGNATURES: usize = 2;

/// Verifies a signature of the bytes as they were received, in constant time, with any of the keys.
///
/// Lenient about the header (order, spaces, unknown fields, several `v1`), strict about everything else. The work does
/// not depend on what the caller sends beside the body: one HMAC for each key, and at most eight comparisons.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    keys: &[&Private<String>],
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<(), SignatureError> {
    let (stamp, signatures) = parse(require_header(header)?)?;
    let seconds: i64 = stamp.parse().map_err(|_| SignatureError::Malformed)?;
    // None ends the search: the time tells nobody which key or signature was right.
    let is_genuine =
        keys.iter().take(MOST_KEYS).fold(Choice::from(0), |found, key| found | matches(key, stamp, body, &signatures));
    if !bool::from(is_genuine) {
        return Err(SignatureError::Wrong);
    }
    check_age(seconds, now, tolerance_seconds)
}

/// Parses the header. Returns the timestamp as text, since the text is signed, and the first `v1` that can be
/// signatures.
fn parse(header: &str) -> Result<(&str, Vec<[u8; 32]>), SignatureError> {
    let mut stamp = None;
    let mut signatures = Vec::new();
    for field in header.split(',') {
        match field.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("t", value)) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => stamp = Some(value),
            Some(("v1", value)) if signatures.len() < MOST_SIGNATURES => {
                let mut signature = [0; 32];
                if hex::decode_to_slice(value, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            _ => {}
        }
    }
    match stamp {
        Some(stamp) if !signatures.is_empty() => Ok((stamp, signatures)),
        _ => Err(SignatureError::Malformed),
    }
}

/// Returns whether a key made any of the signatures.
fn matches(key: &Private<String>, stamp: &str, body: &[u8], signatures: &[[u8; 32]]) -> Choice {
    // An empty key is no secret.
    if key.expose().is_empty() {
        return Choice::from(0);
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return Choice::from(0) };
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let made: [u8; 32] = mac.finalize().into_bytes().into();
    signatures.iter().fold(Choice::from(0), |found, signature| found | made.ct_eq(signature))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        signing_key: String,
        t: String,
        raw_body: String,
        header: String,
    }

    fn vectors() -> Vec<Vector> {
        serde_json::from_str(include_str!("../../tests/signature-vectors.json")).expect("the vectors")
    }

    fn at(stamp: &str, later: i64) -> Timestamp {
        Timestamp::from_second(stamp.parse::<i64>().expect("seconds") + later).expect("an instant")
    }

    fn check(vector: &Vector, header: &str, body: &[u8], later: i64) -> Result<(), SignatureError> {
        let (older, current) = (Private::from("an older key"), Private::new(vector.signing_key.clone()));
        verify(Some(header), body, &[&older, &current], at(&vector.t, later), 300)
    }

    #[test]
    fn the_vectors_verify_and_a_changed_byte_does_not() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 4);
        for vector in &vectors {
            let body = vector.raw_body.as_bytes();
            assert_eq!(check(vector, &vector.header, body, 0), Ok(()), "{}", vector.name);
            let mut changed = body.to_vec();
            changed.push(b' ');
            assert_eq!(check(vector, &vector.header, &changed, 0), Err(SignatureError::Wrong), "{}", vector.name);
        }
        let respaced = vectors.iter().find(|it| it.name == "same_json_respaced").expect("respaced");
        let compact = vectors.iter().find(|it| it.name == "utf8_compact").expect("compact");
        assert_eq!(
            check(compact, &compact.header, respaced.raw_body.as_bytes(), 0),
            Err(SignatureError::Wrong),
            "the same JSON, written differently, is not what was signed"
        );
    }

    #[test]
    fn the_header_is_parsed_leniently() {
        let vector = &vectors()[1];
        let body = vector.raw_body.as_bytes();
        let (_, signature) = vector.header.split_once("v1=").expect("v1");
        let t = &vector.t;
        let other = "00".repeat(32);
        for header in [
            format!("v1={signature},t={t}"),
            format!(" t = {t} , v1 = {signature} "),
            format!("t={t},v0=x,v1={other},v1={signature},kid=7"),
            format!("t={t},v1={}", signature.to_uppercase()),
            format!("t={t},v1=zz,v1={signature}"),
        ] {
            assert_eq!(check(vector, &header, body, 0), Ok(()), "{header}");
        }
        for header in [
            format!("v1={signature}"),
            format!("t=,v1={signature}"),
            format!("t=now,v1={signature}"),
            format!("t={t}"),
            format!("t={t},v1=not-hex"),
            format!("t={t},v1={}", &signature[..62]),
            format!("t=99999999999999999999,v1={signature}"),
            "nonsense".to_owned(),
        ] {
            assert_eq!(check(vector, &header, body, 0), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(verify(None, body, &[], at(t, 0), 300), Err(SignatureError::Missing));
        assert_eq!(verify(Some("  "), body, &[], at(t, 0), 300), Err(SignatureError::Missing));
    }

    #[test]
    fn the_window_is_300_seconds_back_and_60_ahead() {
        let vector = &vectors()[1];
        let body = vector.raw_body.as_bytes();
        for (later, expected) in
            [(300, Ok(())), (301, Err(SignatureError::Stale)), (-60, Ok(())), (-61, Err(SignatureError::Future))]
        {
            assert_eq!(check(vector, &vector.header, body, later), expected, "{later} s");
        }
    }

    #[test]
    fn at_most_four_keys_and_two_signatures_are_tried() {
        let vector = &vectors()[1];
        let (body, t, other) = (vector.raw_body.as_bytes(), &vector.t, "00".repeat(32));
        let (_, signature) = vector.header.split_once("v1=").expect("v1");
        assert_eq!(check(vector, &format!("t={t},v1={other},v1={signature}"), body, 0), Ok(()));
        let third = format!("t={t},v1={other},v1={other},v1={signature}");
        assert_eq!(check(vector, &third, body, 0), Err(SignatureError::Wrong));

        let (others, right) = (["a", "b", "c", "d"].map(Private::from), Private::new(vector.signing_key.clone()));
        let with = |others: &[Private<String>]| {
            let keys: Vec<_> = others.iter().chain([&right]).collect();
            verify(Some(&vector.header), body, &keys, at(t, 0), 300)
        };
        assert_eq!(with(&others[..3]), Ok(()));
        assert_eq!(with(&others), Err(SignatureError::Wrong));
    }

    #[test]
    fn an_empty_key_signs_nothing() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"").expect("any length");
        mac.update(b"1700000000.{}");
        let header = format!("t=1700000000,v1={}", hex::encode(mac.finalize().into_bytes()));
        let key = Private::from("");
        assert_eq!(verify(Some(&header), b"{}", &[&key], at("1700000000", 0), 300), Err(SignatureError::Wrong));
    }
}
