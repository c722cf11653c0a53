//! What can go wrong with a call, without a word about any person.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// Calendly's titles are a few words; a proxy's may be anything.
const LONGEST_TITLE: usize = 60;

/// Why a call did not work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Calendly answered, and not with success.
    #[error("Calendly answered {status} {title}{}", advice(required_scopes, *reset_seconds))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Calendly's title of it, else the status's own name.
        title: String,
        /// The scopes that the token would need, where Calendly names them.
        required_scopes: Vec<String>,
        /// In how many seconds the rate limit starts anew, where that is the trouble.
        reset_seconds: Option<u32>,
    },
    /// There was no answer; whether the call had an effect is not known.
    #[error("Calendly could not be reached: {0}")]
    Unreachable(&'static str),
    /// The answer is not what it should be.
    #[error("Calendly's answer could not be read: {0}")]
    Unreadable(String),
}

impl Error {
    pub(crate) fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Told {
            title: Option<String>,
            #[serde(default)]
            required_scopes: Vec<String>,
        }
        // A 502 may carry HTML.
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        let name = || status.canonical_reason().unwrap_or_default().to_owned();
        let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
        Self::Refused {
            status: status.as_u16(),
            title: told.title.map_or_else(name, |title| title.chars().take(LONGEST_TITLE).collect()),
            required_scopes: told.required_scopes,
            reset_seconds: if is_limited { reset_seconds(headers) } else { None },
        }
    }

    pub(crate) fn unreachable(error: &reqwest::Error) -> Self {
        Self::Unreachable(if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        })
    }

    /// Whether the call certainly had no effect: else whatever was to be made may have been made.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, .. })
    }

    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether there is one already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    /// Whether the token is no good.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// The scopes that the token lacks, when that is the trouble.
    pub fn missing_scopes(&self) -> Option<&[String]> {
        match self {
            Self::Refused { status: 403, title, required_scopes, .. } if title == "Insufficient scope" => {
                Some(required_scopes)
            }
            _ => None,
        }
    }
}

/// Seconds until the limit starts anew, not an instant. Calendly documents no `Retry-After`.
fn reset_seconds(headers: &HeaderMap) -> Option<u32> {
    headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()
}

fn advice(scopes: &[String], reset_seconds: Option<u32>) -> String {
    match reset_seconds {
        Some(seconds) => format!("; its limit starts anew in {seconds} s"),
        None if !scopes.is_empty() => format!("; it needs {}", scopes.join(", ")),
        None => String::new(),
    }
}
