//! Prints deliveries as JSON lines, right ones and tampered ones, for verifiers of other languages
//! (`make verify-signatures`).
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use signing::{Delivery, KeyRing, PUBLISHED_BEFORE_USE, Secret, SigningKeys, sign_delivery};

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "the libraries compare timestamps with the machine's clock")]
    let now = Timestamp::now();
    let [ours, old, other] = [1, 2, 3].map(|number| Secret::generate([number; 32]));
    let words = Secret::parse("parolă și ceață")?;
    let made_at = now - PUBLISHED_BEFORE_USE - SignedDuration::from_secs(1);
    let ring = KeyRing::default().rotate(made_at, [1; 32]);
    let other_ring = KeyRing::default().rotate(made_at, [2; 32]);
    let pair = ring.signing_key(now).ok_or("no key signs yet")?;
    let (published, other_keys) = (ring.published_keys(now), other_ring.published_keys(now));

    for body in ["{}", r#"{"type":"webhook.test","data":{"text":"Ștefan 你好 😀\n"}}"#, "[1, 2.50]"] {
        for (kind, current, previous) in
            [("ours", &ours, vec![]), ("words", &words, vec![]), ("rotation", &ours, vec![old.clone()])]
        {
            let keys = SigningKeys { current: current.clone(), previous, ed25519: Some(pair.clone()) };
            let sign = |at: Timestamp| -> Result<BTreeMap<String, String>, Box<dyn Error>> {
                let delivery = Delivery::new("msg_2nFqkVJ0", "webhook.test", "wh_1", at, body.as_bytes())?;
                let headers = sign_delivery(&delivery, &keys).into_iter();
                Ok(headers.map(|(name, value)| (name.to_owned(), value)).collect())
            };
            let right = sign(now)?;
            let with = |name: &str, value: String| {
                let mut headers = right.clone();
                headers.insert(name.to_owned(), value);
                headers
            };
            let print =
                |name: &str, headers: &BTreeMap<String, String>, body: &str, secret: &Secret, keys, is_right| {
                    let case = json!({
                        "name": format!("{kind}: {name}"), "headers": headers, "body": body, "secret": secret.expose(),
                        "keys": keys, "accepted": is_right,
                    });
                    println!("{case}");
                };
            print("right", &right, body, current, &published, true);
            for previous in &keys.previous {
                print("right, by the previous secret", &right, body, previous, &published, true);
            }
            print("another body", &right, &format!("{body} "), current, &published, false);
            print("another id", &with("webhook-id", "msg_other".to_owned()), body, current, &published, false);
            let second = (now - SignedDuration::from_secs(1)).as_second().to_string();
            print("another timestamp", &with("webhook-timestamp", second), body, current, &published, false);
            let flip = |signature: &str| {
                let (version, encoded) = signature.split_once(',').unwrap_or_default();
                let first = if encoded.starts_with('A') { "B" } else { "A" };
                format!("{version},{first}{}", encoded.get(1..).unwrap_or_default())
            };
            let flipped: Vec<_> = right["webhook-signature"].split(' ').map(flip).collect();
            print("other signatures", &with("webhook-signature", flipped.join(" ")), body, current, &published, false);
            print("no signatures", &with("webhook-signature", String::new()), body, current, &published, false);
            print("another secret and key", &right, body, &other, &other_keys, false);
            for (name, at) in [("too old", -3600), ("too new", 3600)] {
                print(name, &sign(now + SignedDuration::from_secs(at))?, body, current, &published, false);
            }
        }
    }
    Ok(())
}
