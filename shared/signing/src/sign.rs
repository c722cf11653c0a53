//! The headers of a delivery.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use jiff::Timestamp;

use crate::keys::SigningKeyPair;
use crate::secret::Secret;

/// The `User-Agent` of every delivery.
pub const USER_AGENT: &str = "VAI-Portal-Webhook/1.0";

/// The usual content type.
pub const JSON: &str = "application/json";

/// The longest id or event type.
const MAX_LENGTH: usize = 128;

/// What a delivery is signed with.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    /// The secret of the endpoint.
    pub current: Secret,
    /// During a rotation: the secrets that receivers may still have, newest first.
    pub previous: Vec<Secret>,
    /// The connection's key pair, if the endpoint gets `v1a`.
    pub ed25519: Option<SigningKeyPair>,
}

/// One attempt to deliver one event to one endpoint. `Debug` hides the body.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    id: &'a str,
    event_type: &'a str,
    endpoint_id: &'a str,
    at: Timestamp,
    content_type: &'static str,
    body: &'a [u8],
}

/// A value can't be put into the headers of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {name} of a delivery has 1 to 128 characters, which are {allowed}")]
pub struct DeliveryError {
    name: &'static str,
    allowed: &'static str,
}

impl<'a> Delivery<'a> {
    /// Checks what goes into the headers. `id` is the same in each attempt: receivers know duplicates by it. `at` is
    /// the time of the attempt.
    ///
    /// # Errors
    /// An id or the event type has other characters. A dot in `id` would let parts of a signed text change places.
    pub fn new(
        id: &'a str,
        event_type: &'a str,
        endpoint_id: &'a str,
        at: Timestamp,
        body: &'a [u8],
    ) -> Result<Self, DeliveryError> {
        check("id", id, false)?;
        check("event type", event_type, true)?;
        check("endpoint id", endpoint_id, false)?;
        Ok(Self { id, event_type, endpoint_id, at, content_type: JSON, body })
    }

    /// Sets a content type other than [`JSON`].
    #[must_use]
    pub fn with_content_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }
}

fn check(name: &'static str, value: &str, may_have_dots: bool) -> Result<(), DeliveryError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || may_have_dots && byte == b'.';
    if (1..=MAX_LENGTH).contains(&value.len()) && value.bytes().all(is_allowed) {
        return Ok(());
    }
    let allowed = if may_have_dots { "ASCII letters, digits, _, - and dots" } else { "ASCII letters, digits, _ and -" };
    Err(DeliveryError { name, allowed })
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("endpoint_id", &self.endpoint_id)
            .field("at", &self.at)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Returns all headers of a delivery that are ours. The customer's own headers come beside them, after
/// [`check_custom_headers`](crate::check_custom_headers).
///
/// During a rotation `webhook-signature` has a signature with each secret, so receivers may change theirs at any time.
/// `X-VAI-Signature` holds one signature only: it is made with the current secret, as it has no way to list more.
pub fn sign_delivery(delivery: &Delivery<'_>, keys: &SigningKeys) -> Vec<(&'static str, String)> {
    let seconds = delivery.at.as_second().to_string();
    let content = signed_content(delivery.id, &seconds, delivery.body);
    let v1 = [&keys.current].into_iter().chain(&keys.previous);
    let v1 =
        v1.map(|secret| format!("v1,{}", STANDARD.encode(secret.v1().chain_update(&content).finalize().into_bytes())));
    let v1a = keys.ed25519.iter().map(|pair| format!("v1a,{}", STANDARD.encode(pair.sign(&content))));
    let signatures: Vec<_> = v1.chain(v1a).collect();
    let vai = keys.current.vai().chain_update(delivery.body).finalize().into_bytes();
    vec![
        ("webhook-id", delivery.id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signatures.join(" ")),
        ("X-VAI-Event", delivery.event_type.to_owned()),
        ("X-VAI-Webhook-ID", delivery.endpoint_id.to_owned()),
        ("X-VAI-Timestamp", delivery.at.as_millisecond().to_string()),
        ("X-VAI-Signature", hex::encode(vai)),
        ("User-Agent", USER_AGENT.to_owned()),
        ("content-type", delivery.content_type.to_owned()),
    ]
}

/// What `v1` and `v1a` sign. Source: Standard Webhooks 1.0.0.
pub(crate) fn signed_content(id: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_123).expect("an instant")
    }

    #[test]
    fn a_delivery_has_the_headers_of_both_schemes() {
        let delivery = Delivery::new("msg_1", "webhook.test", "wh_1", now(), b"{}").expect("a delivery");
        let keys = SigningKeys {
            current: Secret::parse("the newest secret").expect("a secret"),
            previous: vec![Secret::generate([1; 32]), Secret::generate([2; 32])],
            ed25519: Some(SigningKeyPair::from_seed([1; 32])),
        };
        let headers = sign_delivery(&delivery, &keys);
        let header = |name: &str| headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str());
        assert_eq!(header("webhook-id"), Some("msg_1"));
        assert_eq!(header("webhook-timestamp"), Some("1700000000"));
        assert_eq!(header("X-VAI-Event"), Some("webhook.test"));
        assert_eq!(header("X-VAI-Webhook-ID"), Some("wh_1"));
        assert_eq!(header("X-VAI-Timestamp"), Some("1700000000123"));
        assert_eq!(header("User-Agent"), Some("VAI-Portal-Webhook/1.0"));
        assert_eq!(header("content-type"), Some("application/json"));
        // Computed with Python: hmac.new(b"the newest secret", b"{}", "sha256").hexdigest()
        assert_eq!(header("X-VAI-Signature"), Some("f775a4db59b1c8805e3fb6138198f2c15222a473706876d5da15ec53ae7814a0"));
        let signatures: Vec<_> = header("webhook-signature").expect("signatures").split(' ').collect();
        let versions: Vec<_> =
            signatures.iter().filter_map(|it| it.split_once(',')).map(|(version, _)| version).collect();
        assert_eq!(versions, ["v1", "v1", "v1", "v1a"]);
        // Computed with Python's hmac, and for v1a with its package cryptography.
        assert_eq!(signatures[0], "v1,/gkXoXMTGwn73Ujkcpycti5kjMxy9RVISbIxkaGbx40=");
        assert_eq!(
            signatures[3],
            "v1a,oXolGgLVfot+SGghAaOC3YLRlMUHV76hYD2k2ALCFjkHcYRAFN7PKjR8sxLCcfrsJMbBj2EUoE4SMv8zx2p1AQ=="
        );
        assert_eq!(headers.len(), 9);
    }

    #[test]
    fn what_is_no_header_value_and_an_id_with_a_dot_are_refused() {
        for id in ["", "a.b", "a b", "a\r\nb", "ș", &"a".repeat(129)] {
            let error = Delivery::new(id, "webhook.test", "wh_1", now(), b"{}").expect_err(id);
            assert_eq!(
                error.to_string(),
                "the id of a delivery has 1 to 128 characters, which are ASCII letters, digits, _ and -"
            );
            Delivery::new("msg_1", "webhook.test", id, now(), b"{}").expect_err("the endpoint's id");
        }
        Delivery::new("msg_1", "webhook test", "wh_1", now(), b"{}").expect_err("a space in the event type");
        Delivery::new(&"a".repeat(128), "webhook.test", "wh_1", now(), b"{}").expect("the longest id");
    }

    #[test]
    fn the_body_is_not_printed() {
        let delivery =
            Delivery::new("msg_1", "webhook.test", "wh_1", now(), b"{\"name\":\"Ana\"}").expect("a delivery");
        let printed = format!("{delivery:?}");
        assert!(printed.contains("body_bytes: 14") && !printed.contains("Ana"), "{printed}");
        let sent = sign_delivery(
            &delivery.with_content_type("application/cloudevents+json"),
            &SigningKeys { current: Secret::generate([1; 32]), previous: Vec::new(), ed25519: None },
        );
        assert_eq!(sent.last(), Some(&("content-type", "application/cloudevents+json".to_owned())));
    }
}
