//! Deliveries against the vectors of Standard Webhooks and its reference library.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use signing::{
    Delivery, Outcome, PublicKey, Received, Refusal, Secret, SigningKeyPair, SigningKeys, Verified, sign_delivery,
    verify_delivery,
};

type Headers = BTreeMap<String, String>;

/// The reference library reads the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the reference library compares timestamps with the machine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).expect("a secret")
}

fn pair(number: u8) -> SigningKeyPair {
    SigningKeyPair::from_seed([number; 32])
}

fn keys(current: &Secret, previous: &[&Secret], ed25519: Option<u8>) -> SigningKeys {
    SigningKeys {
        current: current.clone(),
        previous: previous.iter().map(|it| (*it).clone()).collect(),
        ed25519: ed25519.map(pair),
    }
}

fn deliver(id: &str, at: Timestamp, body: &[u8], keys: &SigningKeys) -> Headers {
    let delivery = Delivery::new(id, "webhook.test", "wh_1", at, body).expect("a delivery");
    sign_delivery(&delivery, keys).into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect()
}

fn verify(
    headers: &Headers,
    body: &[u8],
    secrets: &[Secret],
    public_keys: &[PublicKey],
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let received = Received::read(|name| headers.get(name).map(String::as_str), body)?;
    verify_delivery(&received, secrets, public_keys, now)
}

/// Whether the reference library accepts a delivery.
fn reference_accepts(headers: &Headers, body: &[u8], secret: &Secret) -> bool {
    let text = secret.expose();
    let library = match text.starts_with("whsec_") {
        true => standardwebhooks::Webhook::new(text),
        false => standardwebhooks::Webhook::from_bytes(text.as_bytes().to_vec()),
    };
    let headers = headers.iter().map(|(name, value)| {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, http::HeaderValue::from_str(value).expect("a value"))
    });
    library.expect("a key").verify(body, &headers.collect()).is_ok()
}

#[test]
fn the_vectors_of_standard_webhooks_are_signed_alike() {
    for (text, id, seconds, body, signature) in [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ] {
        let (secret, at) = (secret(text), Timestamp::from_second(seconds).expect("an instant"));
        let headers = deliver(id, at, body.as_bytes(), &keys(&secret, &[], None));
        assert_eq!(headers["webhook-signature"], signature);
        assert!(verify(&headers, body.as_bytes(), &[secret], &[], at).is_ok());
    }
}

#[test]
fn during_a_rotation_each_secret_verifies() {
    let [new, old, other] = ["the new secret", "the old secret", "another secret"].map(secret);
    let headers = deliver("msg_1", now(), b"{}", &keys(&new, &[&old], Some(1)));
    let check = |secret: &Secret| verify(&headers, b"{}", std::slice::from_ref(secret), &[], now());
    let expected = Verified { v1: Outcome::Verified, v1a: Outcome::NoKey };
    assert_eq!((check(&new), check(&old)), (Ok(expected), Ok(expected)));
    assert_eq!(check(&other), Err(Refusal::Wrong("v1")));
    assert_eq!(verify(&headers, b"{}", &[other.clone(), old.clone()], &[], now()), Ok(expected));
    assert!(reference_accepts(&headers, b"{}", &new) && reference_accepts(&headers, b"{}", &old));
    assert!(!reference_accepts(&headers, b"{}", &other));
}

#[test]
fn each_scheme_with_a_key_must_be_right() {
    let ours = secret("a secret of ours");
    let both = deliver("msg_1", now(), b"{}", &keys(&ours, &[], Some(1)));
    let only_v1 = deliver("msg_1", now(), b"{}", &keys(&ours, &[], None));
    let [right, wrong] = [1, 2].map(|number| pair(number).public_key());
    let secrets = [ours];
    let (verified, no_key, none) = (Outcome::Verified, Outcome::NoKey, Outcome::NoSignature);
    for (headers, secrets, public_keys, expected) in [
        (&both, &secrets[..], &[wrong, right][..], Ok(Verified { v1: verified, v1a: verified })),
        (&both, &[], &[right], Ok(Verified { v1: no_key, v1a: verified })),
        (&both, &secrets, &[], Ok(Verified { v1: verified, v1a: no_key })),
        (&only_v1, &secrets, &[right], Ok(Verified { v1: verified, v1a: none })),
        (&both, &secrets, &[wrong], Err(Refusal::Wrong("v1a"))),
        (&both, &[], &[], Err(Refusal::Unchecked)),
        (&only_v1, &[], &[right], Err(Refusal::Unchecked)),
    ] {
        assert_eq!(verify(headers, b"{}", secrets, public_keys, now()), expected);
    }
}

#[test]
fn a_delivery_is_five_minutes_old_or_ahead_at_most() {
    let (ours, at) = (secret("a secret of ours"), Timestamp::from_second(1_700_000_000).expect("an instant"));
    let headers = deliver("msg_1", at, b"{}", &keys(&ours, &[], None));
    let check =
        |later| verify(&headers, b"{}", std::slice::from_ref(&ours), &[], at + SignedDuration::from_secs(later));
    assert!(check(300).is_ok() && check(-300).is_ok());
    assert_eq!((check(301), check(-301)), (Err(Refusal::TooOld), Err(Refusal::TooNew)));
}

#[test]
fn a_missing_or_malformed_header_is_named() {
    let ours = secret("a secret of ours");
    let with = |changes: &[(&str, Option<&str>)]| {
        let mut headers = deliver("msg_1", now(), b"{}", &keys(&ours, &[], None));
        for (name, value) in changes {
            match value {
                Some(value) => headers.insert((*name).to_owned(), (*value).to_owned()),
                None => headers.remove(*name),
            };
        }
        verify(&headers, b"{}", std::slice::from_ref(&ours), &[], now()).expect_err("a refusal")
    };
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(with(&[(name, None)]), Refusal::Missing(name));
        assert_eq!(with(&[(name, Some(""))]), Refusal::Missing(name));
    }
    assert_eq!(with(&[("webhook-id", Some("a.b"))]), Refusal::Malformed("webhook-id"));
    for timestamp in ["-1", "+1700000000", "1700000000.0", "1e9", "now", " 1"] {
        assert_eq!(with(&[("webhook-timestamp", Some(timestamp))]), Refusal::Malformed("webhook-timestamp"));
    }
    for (signatures, expected) in [
        ("v1", Refusal::Unchecked),
        ("v1,", Refusal::Wrong("v1")),
        ("v1,AAAA", Refusal::Wrong("v1")),
        ("v1,not base64", Refusal::Wrong("v1")),
        ("v2,AAAA  v0,AAAA ,", Refusal::Unchecked),
    ] {
        assert_eq!(with(&[("webhook-signature", Some(signatures))]), expected, "{signatures}");
    }
    // The right signature of a timestamp that is no instant.
    let delivery = deliver("msg_1", now(), b"{}", &keys(&ours, &[], None));
    let huge = Headers::from([("webhook-timestamp".to_owned(), "9".repeat(30))]);
    let headers: Headers = delivery.into_iter().chain(huge).collect();
    assert_eq!(verify(&headers, b"{}", &[ours], &[], now()), Err(Refusal::Wrong("v1")));
}

/// A secret of either kind.
fn any_secret() -> impl Strategy<Value = Secret> {
    prop_oneof![any::<[u8; 32]>().prop_map(Secret::generate), "[!-~ă-ț]{8,40}".prop_map(|text| secret(&text))]
}

/// Changes one character into another that is allowed in the same place.
fn change(text: &str, at: &Index, alphabet: &str) -> String {
    let mut characters: Vec<_> = text.chars().collect();
    let place = at.index(characters.len());
    characters[place] = alphabet.chars().find(|it| *it != characters[place]).expect("another character");
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_delivery_is_accepted_and_every_change_is_refused(
        current in any_secret(),
        previous in prop::collection::vec(any_secret(), 0..3),
        other in any_secret(),
        id in "[A-Za-z0-9_-]{1,40}",
        body in "\\PC{1,80}",
        at in any::<Index>(),
    ) {
        let (now, public_key) = (now(), pair(1).public_key());
        let all: Vec<_> = [&current].into_iter().chain(&previous).cloned().collect();
        let headers = deliver(&id, now, body.as_bytes(), &keys(&current, &previous.iter().collect::<Vec<_>>(), Some(1)));
        for secret in &all {
            prop_assert!(reference_accepts(&headers, body.as_bytes(), secret));
            let verified = verify(&headers, body.as_bytes(), std::slice::from_ref(secret), &[public_key], now);
            prop_assert_eq!(verified, Ok(Verified { v1: Outcome::Verified, v1a: Outcome::Verified }));
        }

        let changed_body = change(&body, &at, "ab");
        let mut changed = vec![(headers.clone(), changed_body.as_str())];
        for (name, alphabet) in [("webhook-id", "ab"), ("webhook-timestamp", "12")] {
            let value = change(&headers[name], &at, alphabet);
            let header = (name.to_owned(), value);
            changed.push((headers.clone().into_iter().chain([header]).collect(), &body));
        }
        // A change at the beginning: the last character of base64 may have spare bits.
        let signatures: Vec<_> = headers["webhook-signature"].split(' ').map(|it| {
            let (version, signature) = it.split_once(',').expect("a signature");
            format!("{version},{}{}", change(&signature[..8], &at, "AB"), &signature[8..])
        }).collect();
        let header = ("webhook-signature".to_owned(), signatures.join(" "));
        changed.push((headers.clone().into_iter().chain([header]).collect(), &body));
        for (headers, body) in &changed {
            for secret in &all {
                prop_assert!(!reference_accepts(headers, body.as_bytes(), secret));
            }
            prop_assert_eq!(verify(headers, body.as_bytes(), &all, &[], now), Err(Refusal::Wrong("v1")));
            prop_assert_eq!(verify(headers, body.as_bytes(), &[], &[public_key], now), Err(Refusal::Wrong("v1a")));
        }

        prop_assume!(all.iter().all(|it| it.expose() != other.expose()));
        prop_assert!(!reference_accepts(&headers, body.as_bytes(), &other));
        let refused = verify(&headers, body.as_bytes(), std::slice::from_ref(&other), &[], now);
        prop_assert_eq!(refused, Err(Refusal::Wrong("v1")));
        let other_key = pair(2).public_key();
        prop_assert_eq!(verify(&headers, body.as_bytes(), &all, &[other_key], now), Err(Refusal::Wrong("v1a")));
    }
}
