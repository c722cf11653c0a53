//! Verifies the signatures of our webhooks, as a customer's receiver does it.
//!
//! Source: Standard Webhooks 1.0.0, and VAI's webhooks for `X-VAI-Signature`.

use axum::http::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::Sha256;

/// How old the timestamp of a delivery may be, and how far ahead.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The secret that a receiver was given.
pub(crate) struct Secret {
    text: String,
    key: Vec<u8>,
}

impl Secret {
    /// Reads `whsec_` and base64 of 24 to 64 bytes, or a secret in the customer's own words.
    pub(crate) fn parse(text: String) -> Result<Self, &'static str> {
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
            None => text.as_bytes().to_vec(),
        };
        match key.len() {
            0 if text.is_empty() => Err("must not be empty; null removes it"),
            24..=64 => Ok(Self { text, key }),
            _ if text.starts_with("whsec_") => Err("goes on after whsec_ with base64 of 24 to 64 bytes"),
            _ => Ok(Self { text, key }),
        }
    }
}

/// What a check of a signature found.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub(crate) enum Check {
    #[serde(rename = "ok")]
    Right,
    /// The secret is another, or something was changed on the way.
    #[serde(rename = "wrong")]
    Wrong,
    #[serde(rename = "missing")]
    Missing,
    /// The signature is right, and its timestamp is more than five minutes away.
    #[serde(rename = "stale")]
    Stale,
    /// There is no secret.
    #[serde(rename = "not verified")]
    Unchecked,
}

/// Verifies the signatures `v1` of Standard Webhooks and `X-VAI-Signature`, in this order. The body is as it came.
pub(crate) fn verify(headers: &HeaderMap, body: &[u8], secret: Option<&Secret>, now: Timestamp) -> (Check, Check) {
    let Some(secret) = secret else { return (Check::Unchecked, Check::Unchecked) };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let v1 = match (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")) {
        (Some(id), Some(seconds), Some(signatures)) => check_v1(id, seconds, signatures, body, &secret.key, now),
        _ => Check::Missing,
    };
    let vai = header("x-vai-signature").map(|it| is_right(hmac(secret.text.as_bytes()), &[body], hex::decode(it).ok()));
    let vai = match vai {
        None => Check::Missing,
        Some(true) => Check::Right,
        Some(false) => Check::Wrong,
    };
    (v1, vai)
}

fn check_v1(id: &str, seconds: &str, signatures: &str, body: &[u8], key: &[u8], now: Timestamp) -> Check {
    let mut of_v1 = signatures.split(' ').filter_map(|it| it.strip_prefix("v1,")).peekable();
    if of_v1.peek().is_none() {
        return Check::Missing;
    }
    // With a dot in it, another id, timestamp and body could make up the same signed text.
    let is_well_formed = !id.contains('.') && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let content = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    if !is_well_formed || !of_v1.any(|it| is_right(hmac(key), &content, BASE64_STANDARD.decode(it).ok())) {
        return Check::Wrong;
    }
    let signed_at = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match signed_at.map(|at| now.duration_since(at).abs()) {
        Some(age) if age <= TOLERANCE => Check::Right,
        _ => Check::Stale,
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// Compares in constant time.
fn is_right(hmac: Hmac<Sha256>, content: &[&[u8]], signature: Option<Vec<u8>>) -> bool {
    let hmac = content.iter().fold(hmac, |hmac, part| hmac.chain_update(part));
    signature.is_some_and(|signature| hmac.verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const WORDS: &str = "parolă și ceață";
    const BODY: &[u8] = r#"{"a": "ș"}"#.as_bytes();
    // Computed with Python: hmac.digest(key, b"msg_1.1700000000." + body, "sha256"), and over the body alone.
    const V1: &str = "v1,LPR0/A8Bz6Sdx0Fp2y6M4WWwzwTcGoHPzPMzqiq39vA=";
    const VAI: &str = "fae2b324f9768f243d2d8e63dc12399fdc80676b5f3753520b89c0fe1f9f0722";
    const V1_OF_WORDS: &str = "v1,EnjDxEbWVAoWxSdE0r2f0ZuQGeP6Np+s0vglMOMjQjg=";
    const VAI_OF_WORDS: &str = "0608c74d7b8544875b3285becdb98eb742d4214fa4a532683282a8cf845fa25b";

    fn secret(text: &str) -> Secret {
        Secret::parse(text.to_owned()).unwrap()
    }

    fn headers(changed: &[(&'static str, &str)]) -> HeaderMap {
        let right = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1700000000"),
            ("webhook-signature", V1),
            ("x-vai-signature", VAI),
        ];
        let all = right.iter().chain(changed).filter(|(name, value)| {
            !value.is_empty() && changed.iter().all(|(other, new)| other != name || new == value)
        });
        all.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn check(changed: &[(&'static str, &str)], body: &[u8], text: &str, after_seconds: i64) -> (Check, Check) {
        let now = Timestamp::from_second(1_700_000_000 + after_seconds).unwrap();
        verify(&headers(changed), body, Some(&secret(text)), now)
    }

    #[test]
    fn a_delivery_is_verified_with_a_secret_of_either_kind() {
        assert_eq!(check(&[], BODY, OURS, 0), (Check::Right, Check::Right));
        let with_words = [("webhook-signature", V1_OF_WORDS), ("x-vai-signature", VAI_OF_WORDS)];
        assert_eq!(check(&with_words, BODY, WORDS, 0), (Check::Right, Check::Right));
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(verify(&headers(&[]), BODY, None, now), (Check::Unchecked, Check::Unchecked));
    }

    #[test]
    fn one_right_signature_of_several_is_enough() {
        let twice_wrong = "v1,AAAA v1,!";
        for (signatures, expected) in [
            (format!("{V1_OF_WORDS} {V1}"), Check::Right),
            (format!("{V1} {V1_OF_WORDS} v1a,AAAA"), Check::Right),
            (format!("v1a,AAAA v2,x {V1}"), Check::Right),
            (twice_wrong.to_owned(), Check::Wrong),
            (V1.replace("v1,", "v1a,"), Check::Missing),
            (V1.replace("v1,", ""), Check::Missing),
        ] {
            assert_eq!(check(&[("webhook-signature", &signatures)], BODY, OURS, 0).0, expected, "{signatures}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_changed_header_is_noticed() {
        for index in 0..BODY.len() {
            let mut changed = BODY.to_vec();
            changed[index] ^= 1;
            assert_eq!(check(&[], &changed, OURS, 0), (Check::Wrong, Check::Wrong), "byte {index}");
        }
        assert_eq!(check(&[], BODY, WORDS, 0), (Check::Wrong, Check::Wrong), "another secret");
        for (name, value) in [
            ("webhook-id", "msg_2"),
            ("webhook-id", "msg_1.1"),
            ("webhook-timestamp", "1700000001"),
            ("webhook-timestamp", "+1700000000"),
        ] {
            assert_eq!(check(&[(name, value)], BODY, OURS, 0), (Check::Wrong, Check::Right), "{name}: {value}");
        }
        for value in ["00", "zz", &VAI[1..]] {
            assert_eq!(check(&[("x-vai-signature", value)], BODY, OURS, 0), (Check::Right, Check::Wrong), "{value}");
        }
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            assert_eq!(check(&[(name, "")], BODY, OURS, 0), (Check::Missing, Check::Right), "{name}");
        }
        assert_eq!(check(&[("x-vai-signature", "")], BODY, OURS, 0), (Check::Right, Check::Missing));
    }

    #[test]
    fn a_right_signature_is_good_for_five_minutes() {
        for (seconds, expected) in
            [(-301, Check::Stale), (-300, Check::Right), (300, Check::Right), (301, Check::Stale)]
        {
            assert_eq!(check(&[], BODY, OURS, seconds), (expected, Check::Right), "{seconds} s");
        }
    }

    #[test]
    fn a_malformed_secret_is_refused() {
        for length in [0, 23, 65] {
            assert!(Secret::parse(format!("whsec_{}", BASE64_STANDARD.encode(vec![1; length]))).is_err(), "{length}");
        }
        for text in ["", "whsec_", "whsec_!"] {
            assert!(Secret::parse(text.to_owned()).is_err(), "{text:?}");
        }
        for length in [24, 64] {
            secret(&format!("whsec_{}", BASE64_STANDARD.encode(vec![1; length])));
        }
    }
}
