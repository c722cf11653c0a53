//! The providers' ways in: where each calls, and how its call proves to be its own.

use domain::ConnectionName;
use jiff::Timestamp;
use lambda_http::http::HeaderMap;
use runtime::Signing;
use wire::intake::Source;
use wire::signature::{Refusal, calendly, engagelab, shown, twilio};

use crate::No;

/// Where each provider calls; a connection's name may follow. A connection left out is `default`.
const DOORS: [(&str, Door); 4] = [
    ("/webhooks/calendly", Door::Calendly),
    ("/webhooks/engagelab", Door::Engagelab),
    ("/webhooks/twilio", Door::Twilio),
    ("/webhooks/brevo", Door::Brevo),
];

/// A provider's way in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    Calendly,
    Engagelab,
    Twilio,
    Brevo,
}

/// A call as it came, and what it is held against.
pub(crate) struct Call<'a> {
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
pub(crate) struct Genuine {
    /// EngageLab's nonce.
    pub(crate) nonce: Option<String>,
    /// The query, where the signature covers it.
    pub(crate) query: Option<String>,
}

impl Door {
    /// The door at a path, and the connection whose it is.
    pub(crate) fn at(path: &str) -> Option<(Self, ConnectionName)> {
        DOORS.iter().find_map(|(prefix, door)| {
            let connection = match path.strip_prefix(prefix)? {
                "" => ConnectionName::default(),
                rest => ConnectionName::parse(rest.strip_prefix('/')?)?,
            };
            Some((*door, connection))
        })
    }

    /// Whose calls come in here.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Calendly => Source::Calendly,
            Self::Engagelab => Source::Engagelab,
            Self::Twilio => Source::Twilio,
            Self::Brevo => Source::Brevo,
        }
    }

    /// Whether it is EngageLab trying the address out, before it has been told what to sign with: `{}`, without meaning.
    pub(crate) fn is_probe(self, body: &[u8]) -> bool {
        let is_empty_object = || {
            let inside = body.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
            Some(inside.trim_ascii().is_empty())
        };
        self == Self::Engagelab && is_empty_object() == Some(true)
    }

    /// Makes sure whose call it is, under the keys that its connection has.
    pub(crate) fn verify(self, call: &Call<'_>, keys: &Signing) -> Result<Genuine, No> {
        match self {
            Self::Calendly => of_calendly(call, keys),
            Self::Engagelab => of_engagelab(call, keys).map_err(No::Refused),
            Self::Twilio => of_twilio(call, keys),
            Self::Brevo => of_brevo(call, keys).map_err(No::Refused),
        }
    }
}

fn of_calendly(call: &Call<'_>, keys: &Signing) -> Result<Genuine, No> {
    if keys.calendly.is_empty() {
        tracing::error!(connection = %call.connection, "there is no signing key: `make connect` makes one");
        return Err(No::Unavailable("signing_keys"));
    }
    let header = call.header(calendly::HEADER);
    calendly::verify(header, call.body, &keys.calendly, call.now, call.tolerance_seconds).map_err(No::Refused)?;
    Ok(Genuine::default())
}

/// Seconds.
const LONGEST_FOR_ENGAGELAB: i64 = 300;

fn of_engagelab(call: &Call<'_>, keys: &Signing) -> Result<Genuine, Refusal> {
    let keys = keys.engagelab.as_ref().ok_or(Refusal::NoKey)?;
    let header = call.header(engagelab::HEADER);
    let username = keys.username.expose();
    // Its body is not signed: a header must not be good for long, whatever is allowed to the others.
    let tolerance = call.tolerance_seconds.min(LONGEST_FOR_ENGAGELAB);
    let nonce = engagelab::verify(header, username, &keys.secret, call.now, tolerance)?;
    if let Some(agreed) = &keys.authorization {
        shown::whole(call.header(shown::HEADER), agreed)?;
    }
    Ok(Genuine { nonce: Some(nonce), query: None })
}

fn of_twilio(call: &Call<'_>, keys: &Signing) -> Result<Genuine, No> {
    let token = keys.twilio.as_ref().ok_or(No::Refused(Refusal::NoKey))?;
    let Some(public_url) = call.public_url else {
        tracing::error!("PUBLIC_URL is not set, and Twilio signs it: its calls can't be checked");
        return Err(No::Unavailable("public_url"));
    };
    let query = call.query.map_or_else(String::new, |query| format!("?{query}"));
    let url = format!("{public_url}{}{query}", call.path);
    twilio::verify(call.header(twilio::HEADER), &url, call.body, token).map_err(No::Refused)?;
    Ok(Genuine { nonce: None, query: call.query.map(str::to_owned) })
}

fn of_brevo(call: &Call<'_>, keys: &Signing) -> Result<Genuine, Refusal> {
    let token = keys.brevo.as_ref().ok_or(Refusal::NoKey)?;
    shown::bearer(call.header(shown::HEADER), token)?;
    Ok(Genuine::default())
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap_or("not text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_its_door() {
        let at = |path: &str| Door::at(path).map(|(door, connection)| (door, connection.as_str().to_owned()));
        for (prefix, door) in DOORS {
            assert_eq!(prefix, format!("/webhooks/{}", door.source().name()));
            assert_eq!(at(prefix), Some((door, "default".to_owned())));
            assert_eq!(at(&format!("{prefix}/acme")), Some((door, "acme".to_owned())));
            for elsewhere in ["x", "/", "/Acme", "/a/b", "?a"] {
                assert_eq!(at(&format!("{prefix}{elsewhere}")), None, "{prefix}{elsewhere}");
            }
        }
        assert_eq!(at("/webhooks/ses"), None);
    }

    #[test]
    fn a_probe_is_an_empty_object_of_engagelabs() {
        for body in ["{}", " {}\n", "{ }"] {
            assert!(Door::Engagelab.is_probe(body.as_bytes()), "{body:?}");
            assert!(!Door::Brevo.is_probe(body.as_bytes()), "{body:?}");
        }
        for body in ["", "{", "}", "[]", "{}{}", "{\"rows\":[]}"] {
            assert!(!Door::Engagelab.is_probe(body.as_bytes()), "{body:?}");
        }
    }
}
