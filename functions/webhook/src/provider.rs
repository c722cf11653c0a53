//! The providers that call us: the path of each, and how its signature is verified.

use domain::{ConnectionName, Private};
use jiff::Timestamp;
use lambda_http::http::HeaderMap;
use runtime::{EngagelabCallback, Signing};
use wire::intake::Source;
use wire::signature::{SignatureError, calendly, engagelab, shared_secret, twilio};

use crate::rejection::Rejection;

/// The path that each provider calls. `/` and a connection's name may follow; without it the connection is `default`.
const ROUTES: [(&str, Provider); 4] = [
    ("/webhooks/calendly", Provider::Calendly),
    ("/webhooks/engagelab", Provider::Engagelab),
    ("/webhooks/twilio", Provider::Twilio),
    ("/webhooks/brevo", Provider::Brevo),
];

/// A provider that calls us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Provider {
    Calendly,
    Engagelab,
    Twilio,
    Brevo,
}

/// A call as received, with what its signature is verified against.
pub(crate) struct InboundCall<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) headers: &'a HeaderMap,
    /// Unchanged: a provider may have signed it.
    pub(crate) path: &'a str,
    /// Unchanged: a provider may have signed it.
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) public_url: Option<&'a str>,
    pub(crate) now: Timestamp,
    /// How old a call of Calendly's may be.
    pub(crate) tolerance_seconds: i64,
}

/// What a verified call has besides its body.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct VerifiedCall {
    /// EngageLab's nonce.
    pub(crate) nonce: Option<String>,
    /// The query, if the signature covers it.
    pub(crate) query: Option<String>,
}

impl Provider {
    /// Returns the provider that calls this path, and the connection that the path names.
    pub(crate) fn for_path(path: &str) -> Option<(Self, ConnectionName)> {
        ROUTES.iter().find_map(|(prefix, provider)| {
            let connection = match path.strip_prefix(prefix)? {
                "" => ConnectionName::default(),
                rest => ConnectionName::parse(rest.strip_prefix('/')?)?,
            };
            Some((*provider, connection))
        })
    }

    /// Returns the source that its envelopes name.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Calendly => Source::Calendly,
            Self::Engagelab => Source::Engagelab,
            Self::Twilio => Source::Twilio,
            Self::Brevo => Source::Brevo,
        }
    }

    /// Returns whether the body is EngageLab's test of the address: `{}`. It comes before EngageLab has the secret.
    pub(crate) fn is_probe(self, body: &[u8]) -> bool {
        let is_empty_object = || {
            let inside = body.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
            Some(inside.trim_ascii().is_empty())
        };
        self == Self::Engagelab && is_empty_object() == Some(true)
    }

    /// Verifies the signature of a call with the keys of its connection; a connection that does not exist has none.
    /// Without a key, the same work is done with one of nobody, so that the time does not tell who our customers are.
    pub(crate) fn verify_signature(self, call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
        if self.has_key(keys, call.now) {
            return self.verify_with(call, keys);
        }
        match self.verify_with(call, &keys_of_nobody()) {
            // Whoever knows these keys is refused all the same, and does not seem to hold one of ours.
            Ok(_)
            | Err(Rejection::BadSignature(SignatureError::Wrong | SignatureError::Stale | SignatureError::Future)) => {
                Err(Rejection::BadSignature(SignatureError::NoKey))
            }
            refused @ Err(_) => refused,
        }
    }

    fn has_key(self, keys: &Signing, now: Timestamp) -> bool {
        match self {
            Self::Calendly => keys.calendly.iter().any(|it| it.is_valid(now)),
            Self::Engagelab => keys.engagelab.is_some(),
            Self::Twilio => keys.twilio.is_some(),
            Self::Brevo => keys.brevo.is_some(),
        }
    }

    fn verify_with(self, call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
        match self {
            Self::Calendly => verify_calendly(call, keys).map_err(Rejection::BadSignature),
            Self::Engagelab => verify_engagelab(call, keys).map_err(Rejection::BadSignature),
            Self::Twilio => verify_twilio(call, keys),
            Self::Brevo => verify_brevo(call, keys).map_err(Rejection::BadSignature),
        }
    }
}

fn keys_of_nobody() -> Signing {
    let key = || Private::from("0000000000000000000000000000000000000000000000000000000000000000");
    Signing {
        calendly: vec![key().into()],
        engagelab: Some(EngagelabCallback { username: key(), secret: key(), authorization: None }),
        twilio: Some(key()),
        brevo: Some(key()),
    }
}

fn verify_calendly(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, SignatureError> {
    let header = call.header(calendly::HEADER);
    let keys: Vec<_> = keys.calendly.iter().filter(|it| it.is_valid(call.now)).map(|it| &it.key).collect();
    calendly::verify(header, call.body, &keys, call.now, call.tolerance_seconds)?;
    Ok(VerifiedCall::default())
}

/// The age of a call of EngageLab's, in seconds. It does not sign the body, so a captured header must expire soon,
/// whatever Calendly's retries need.
const LONGEST_FOR_ENGAGELAB: i64 = 300;

fn verify_engagelab(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, SignatureError> {
    let keys = keys.engagelab.as_ref().ok_or(SignatureError::NoKey)?;
    let header = call.header(engagelab::HEADER);
    let username = keys.username.expose();
    let tolerance = call.tolerance_seconds.min(LONGEST_FOR_ENGAGELAB);
    let nonce = engagelab::verify(header, username, &keys.secret, call.now, tolerance)?;
    if let Some(secret) = &keys.authorization {
        shared_secret::verify_header(call.header(shared_secret::HEADER), secret)?;
    }
    Ok(VerifiedCall { nonce: Some(nonce), query: None })
}

fn verify_twilio(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
    let token = keys.twilio.as_ref().ok_or(Rejection::BadSignature(SignatureError::NoKey))?;
    let Some(public_url) = call.public_url else {
        tracing::error!("call of Twilio not verifiable, PUBLIC_URL is not set");
        return Err(Rejection::Unavailable("public_url"));
    };
    let query = call.query.map_or_else(String::new, |query| format!("?{query}"));
    let url = format!("{public_url}{}{query}", call.path);
    twilio::verify(call.header(twilio::HEADER), &url, call.body, token).map_err(Rejection::BadSignature)?;
    Ok(VerifiedCall { nonce: None, query: call.query.map(str::to_owned) })
}

fn verify_brevo(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, SignatureError> {
    let token = keys.brevo.as_ref().ok_or(SignatureError::NoKey)?;
    shared_secret::verify_bearer(call.header(shared_secret::HEADER), token)?;
    Ok(VerifiedCall::default())
}

impl InboundCall<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap_or("not text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_has_its_own_path() {
        let route = |path: &str| {
            Provider::for_path(path).map(|(provider, connection)| (provider, connection.as_str().to_owned()))
        };
        for (prefix, provider) in ROUTES {
            assert_eq!(prefix, format!("/webhooks/{}", provider.source().name()));
            assert_eq!(route(prefix), Some((provider, "default".to_owned())));
            assert_eq!(route(&format!("{prefix}/acme")), Some((provider, "acme".to_owned())));
            for elsewhere in ["x", "/", "/Acme", "/a/b", "?a"] {
                assert_eq!(route(&format!("{prefix}{elsewhere}")), None, "{prefix}{elsewhere}");
            }
        }
        assert_eq!(route("/webhooks/ses"), None);
    }

    #[test]
    fn only_an_empty_object_from_engagelab_is_a_probe() {
        for body in ["{}", " {}\n", "{ }"] {
            assert!(Provider::Engagelab.is_probe(body.as_bytes()), "{body:?}");
            assert!(!Provider::Brevo.is_probe(body.as_bytes()), "{body:?}");
        }
        for body in ["", "{", "}", "[]", "{}{}", "{\"rows\":[]}"] {
            assert!(!Provider::Engagelab.is_probe(body.as_bytes()), "{body:?}");
        }
    }
}
