//! Calendly's webhook signature: `Calendly-Webhook-Signature: t=<unix seconds>,v1=<hex>`, where `v1` is HMAC-SHA256
//! under the signing key (its UTF-8 bytes) over `t`, a dot and the raw body.
//! Source: developer.calendly.com, "Webhook signatures".

use domain::Private;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::check::{check_age, require_header};
use super::error::SignatureError;

/// The header's name.
pub const HEADER: &str = "Calendly-Webhook-Signature";

/// Verifies a signature of the bytes as they were received, in constant time, with any of the keys.
///
/// Lenient about the header (order, spaces, unknown fields, several `v1`), strict about everything else.
///
/// # Errors
/// The reason to refuse the call.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    keys: &[Private<String>],
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<(), SignatureError> {
    let (stamp, signatures) = parse(require_header(header)?)?;
    let seconds: i64 = stamp.parse().map_err(|_| SignatureError::Malformed)?;
    if !keys.iter().any(|key| signatures.iter().any(|signature| matches(key, stamp, body, signature))) {
        return Err(SignatureError::Wrong);
    }
    check_age(seconds, now, tolerance_seconds)
}

/// Parses the header. Returns the timestamp as text, since the text is signed, and every `v1` that can be a signature.
fn parse(header: &str) -> Result<(&str, Vec<[u8; 32]>), SignatureError> {
    let mut stamp = None;
    let mut signatures = Vec::new();
    for field in header.split(',') {
        match field.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("t", value)) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => stamp = Some(value),
            Some(("v1", value)) => {
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

fn matches(key: &Private<String>, stamp: &str, body: &[u8], signature: &[u8]) -> bool {
    // An empty key is no secret.
    if key.expose().is_empty() {
        return false;
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return false };
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(signature).is_ok()
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
        let keys = [Private::from("an older key"), Private::new(vector.signing_key.clone())];
        verify(Some(header), body, &keys, at(&vector.t, later), 300)
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
    fn an_empty_key_signs_nothing() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"").expect("any length");
        mac.update(b"1700000000.{}");
        let header = format!("t=1700000000,v1={}", hex::encode(mac.finalize().into_bytes()));
        let keys = [Private::from("")];
        assert_eq!(verify(Some(&header), b"{}", &keys, at("1700000000", 0), 300), Err(SignatureError::Wrong));
    }
}
