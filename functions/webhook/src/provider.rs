//! The providers that call us: each one's path, and how its signature is verified.

use domain::ConnectionName;
use jiff::Timestamp;
use lambda_http::http::HeaderMap;
use runtime::Signing;
use wire::intake::Source;
use wire::signature::{SignatureError, calendly, engagelab, shared_secret, twilio};

use crate::Rejection;

/// Where each provider calls; a connection's name may follow. A connection left out is `default`.
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

/// A call as it came, and what it is held against.
pub(crate) struct InboundCall<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) headers: &'a HeaderMap,
    /// As it was asked for, for it may be signed.
    pub(crate) path: &'a str,
    /// The same.
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) public_url: Option<&'a str>,
    pub(crate) now: Timestamp,
    pub(crate) tolerance_seconds: i64,
}

/// What a genuine call brings besides its body.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct VerifiedCall {
    /// EngageLab's nonce.
    pub(crate) nonce: Option<String>,
    /// The query, where the signature covers it.
    pub(crate) query: Option<String>,
}

impl Provider {
    /// The provider that calls this path, and the connection that the path names.
    pub(crate) fn for_path(path: &str) -> Option<(Self, ConnectionName)> {
        ROUTES.iter().find_map(|(prefix, provider)| {
            let connection = match path.strip_prefix(prefix)? {
                "" => ConnectionName::default(),
                rest => ConnectionName::parse(rest.strip_prefix('/')?)?,
            };
            Some((*provider, connection))
        })
    }

    /// The source that its envelopes name.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Calendly => Source::Calendly,
            Self::Engagelab => Source::Engagelab,
            Self::Twilio => Source::Twilio,
            Self::Brevo => Source::Brevo,
        }
    }

    /// Whether it is EngageLab trying the address out, before it has been told what to sign with: `{}`, without
    /// meaning.
    pub(crate) fn is_probe(self, body: &[u8]) -> bool {
        let is_empty_object = || {
            let inside = body.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
            Some(inside.trim_ascii().is_empty())
        };
        self == Self::Engagelab && is_empty_object() == Some(true)
    }

    /// Makes sure whose call it is, under the keys that its connection has.
    pub(crate) fn verify_signature(self, call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
        match self {
            Self::Calendly => verify_calendly(call, keys),
            Self::Engagelab => verify_engagelab(call, keys).map_err(Rejection::BadSignature),
            Self::Twilio => verify_twilio(call, keys),
            Self::Brevo => verify_brevo(call, keys).map_err(Rejection::BadSignature),
        }
    }
}

fn verify_calendly(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
    if keys.calendly.is_empty() {
        tracing::error!(connection = %call.connection, "there is no signing key: `make connect` makes one");
        return Err(Rejection::Unavailable("signing_keys"));
    }
    let header = call.header(calendly::HEADER);
    calendly::verify(header, call.body, &keys.calendly, call.now, call.tolerance_seconds)
        .map_err(Rejection::BadSignature)?;
    Ok(VerifiedCall::default())
}

/// Seconds.
const LONGEST_FOR_ENGAGELAB: i64 = 300;

fn verify_engagelab(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, SignatureError> {
    let keys = keys.engagelab.as_ref().ok_or(SignatureError::NoKey)?;
    let header = call.header(engagelab::HEADER);
    let username = keys.username.expose();
    // Its body is not signed: a header must not be good for long, whatever is allowed to the others.
    let tolerance = call.tolerance_seconds.min(LONGEST_FOR_ENGAGELAB);
    let nonce = engagelab::verify(header, username, &keys.secret, call.now, tolerance)?;
    if let Some(agreed) = &keys.authorization {
        shared_secret::verify_header(call.header(shared_secret::HEADER), agreed)?;
    }
    Ok(VerifiedCall { nonce: Some(nonce), query: None })
}

fn verify_twilio(call: &InboundCall<'_>, keys: &Signing) -> Result<VerifiedCall, Rejection> {
    let token = keys.twilio.as_ref().ok_or(Rejection::BadSignature(SignatureError::NoKey))?;
    let Some(public_url) = call.public_url else {
        tracing::error!("PUBLIC_URL is not set, and Twilio signs it: its calls can't be checked");
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
    fn each_provider_has_its_path() {
        let at = |path: &str| {
            Provider::for_path(path).map(|(provider, connection)| (provider, connection.as_str().to_owned()))
        };
        for (prefix, provider) in ROUTES {
            assert_eq!(prefix, format!("/webhooks/{}", provider.source().name()));
            assert_eq!(at(prefix), Some((provider, "default".to_owned())));
            assert_eq!(at(&format!("{prefix}/acme")), Some((provider, "acme".to_owned())));
            for elsewhere in ["x", "/", "/Acme", "/a/b", "?a"] {
                assert_eq!(at(&format!("{prefix}{elsewhere}")), None, "{prefix}{elsewhere}");
            }
        }
        assert_eq!(at("/webhooks/ses"), None);
    }

    #[test]
    fn a_probe_is_an_empty_object_of_engagelabs() {
        for body in ["{}", " {}\n", "{ }"] {
            assert!(Provider::Engagelab.is_probe(body.as_bytes()), "{body:?}");
            assert!(!Provider::Brevo.is_probe(body.as_bytes()), "{body:?}");
        }
        for body in ["", "{", "}", "[]", "{}{}", "{\"rows\":[]}"] {
            assert!(!Provider::Engagelab.is_probe(body.as_bytes()), "{body:?}");
        }
    }
}
