//! What can go wrong with a call, without a word about any person, and what that means to the engine.

use domain::Reason;
use engine::{CalendlyError, PortError};
use http_client::{CallError, header_number};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// Calendly's titles are a few words; a proxy's may be anything.
const LONGEST_TITLE: usize = 60;

/// The same of the names of parameters, codes and scopes, and of how many there are.
const LONGEST_NAME: usize = 80;
const MOST_NAMES: usize = 8;

/// How long a limit lasts when Calendly doesn't say: its shortest is counted by the minute.
pub(crate) const USUAL_RESET_SECONDS: u32 = 60;

/// Why a call did not work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Calendly answered, and not with success.
    #[error("Calendly answered {status} {title}{}{}", list(faults), advice(required_scopes, *reset_seconds))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Calendly's title of it, else the status's own name.
        title: String,
        /// What is wrong with the request, as far as Calendly says so in names.
        faults: Vec<Fault>,
        /// The scopes that the token would need, where Calendly names them.
        required_scopes: Vec<String>,
        /// In how many seconds the rate limit starts anew, where that is the trouble.
        reset_seconds: Option<u32>,
    },
    /// The connection's token can't be had, so nothing was asked.
    #[error("{problem}")]
    NoToken {
        /// Why not; never its value.
        problem: String,
        /// Whether somebody must set it up, rather than wait.
        is_missing: bool,
    },
    /// Nothing left this machine.
    #[error("Calendly could not be reached: {0}")]
    Unsent(&'static str),
    /// There was no answer; whether the call had an effect is not known.
    #[error("Calendly could not be reached: {0}")]
    Unreachable(&'static str),
    /// The answer is not what it should be.
    #[error("Calendly's answer could not be read: {0}")]
    Unreadable(String),
}

/// One thing that is wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where, for example `event.start_time`.
    pub parameter: Option<String>,
    /// What, for example `already_filled`.
    pub code: Option<String>,
}

/// What an error means to whoever wanted something done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// Nothing was asked, so nothing was done.
    Unasked(Reason),
    /// The token, its scopes, the plan or our base URL: somebody must look.
    Misconfigured,
    /// There is no such thing.
    Missing,
    /// Not before so many seconds have passed.
    Limited(u32),
    /// Not done, and it will not be.
    Refused,
    /// Nobody can tell whether it was done.
    Doubtful,
}

impl Error {
    pub(crate) fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Told {
            title: Option<String>,
            #[serde(default)]
            details: Vec<Detail>,
            #[serde(default)]
            required_scopes: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Detail {
            parameter: Option<String>,
            code: Option<String>,
        }
        // A 502 may carry HTML.
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        let name = || status.canonical_reason().unwrap_or_default().to_owned();
        let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
        let faults = told.details.into_iter().map(|it| Fault {
            parameter: it.parameter.filter(|name| is_name(name)),
            code: it.code.filter(|name| is_name(name)),
        });
        Self::Refused {
            status: status.as_u16(),
            title: told.title.map_or_else(name, |title| title.chars().take(LONGEST_TITLE).collect()),
            faults: faults.filter(|it| it.parameter.is_some() || it.code.is_some()).take(MOST_NAMES).collect(),
            required_scopes: told.required_scopes.into_iter().filter(|it| is_name(it)).take(MOST_NAMES).collect(),
            reset_seconds: if is_limited { reset_seconds(headers) } else { None },
        }
    }

    /// Whether the call certainly had no effect: else whatever was to be made may have been made.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, .. } | Self::NoToken { .. } | Self::Unsent(_))
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

    /// Whether the token may not do that, for whatever reason.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// What Calendly finds fault with, in its own names.
    pub(crate) fn parameters(&self) -> Vec<String> {
        match self {
            Self::Refused { faults, .. } => faults.iter().filter_map(|it| it.parameter.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether one of the faults has this code.
    pub fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused { faults, .. } if faults.iter().any(|it| it.code.as_deref() == Some(code)))
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

    pub(crate) fn meaning(&self) -> Meaning {
        match self {
            Self::NoToken { is_missing: true, .. } => Meaning::Unasked(Reason::Misconfigured),
            Self::NoToken { .. } | Self::Unsent(_) => Meaning::Unasked(Reason::Unreachable),
            Self::Unreachable(_) | Self::Unreadable(_) => Meaning::Doubtful,
            Self::Refused { status, reset_seconds, .. } => match status {
                // A redirect is a wrong base URL: none is followed.
                300..=399 | 401 | 403 => Meaning::Misconfigured,
                404 => Meaning::Missing,
                // Some proxy between us lost patience; what lies behind it may have acted.
                408 => Meaning::Doubtful,
                429 => Meaning::Limited(reset_seconds.unwrap_or(USUAL_RESET_SECONDS)),
                400..=499 => Meaning::Refused,
                _ => Meaning::Doubtful,
            },
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoConnection(_) => Self::Unsent("no connection"),
            CallError::InvalidRequest(_) => Self::Unsent("its address is no URL"),
            CallError::Timeout => Self::Unreachable("no answer in time"),
            CallError::Broken(_) => Self::Unreachable("the connection broke"),
        }
    }
}

impl From<Error> for CalendlyError {
    fn from(error: Error) -> Self {
        match error.meaning() {
            Meaning::Missing => Self::NotFound,
            Meaning::Limited(seconds) => Self::Limited(seconds),
            Meaning::Misconfigured | Meaning::Refused => Self::Refused(error.to_string()),
            Meaning::Unasked(_) | Meaning::Doubtful => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// Returns the seconds until the rate limit resets. Calendly documents no `Retry-After`.
pub(crate) fn reset_seconds(headers: &HeaderMap) -> Option<u32> {
    header_number(headers, "x-ratelimit-reset")
}

/// Whether a text is the name of something in Calendly's API. Whatever is not may quote the person.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-' | b'[' | b']' | b'/');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

fn list(faults: &[Fault]) -> String {
    let each = faults.iter().map(|it| [it.parameter.as_deref(), it.code.as_deref()].into_iter().flatten());
    let each: Vec<_> = each.map(|names| names.collect::<Vec<_>>().join(" ")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}

fn advice(scopes: &[String], reset_seconds: Option<u32>) -> String {
    match reset_seconds {
        Some(seconds) => format!("; its limit starts anew in {seconds} s"),
        None if !scopes.is_empty() => format!("; it needs {}", scopes.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(status: u16, body: &Value) -> Error {
        let status = StatusCode::from_u16(status).expect("a status");
        Error::refused(status, &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn names_are_kept_and_words_are_not() {
        let filled = refused(
            400,
            &json!({
                "title": "Invalid Argument", "message": "The supplied parameters are invalid, Ana Pop.",
                "details": [
                    {"parameter": "event.start_time", "message": "That start time has been filled", "code": "already_filled"},
                    {"parameter": "invitee.email", "message": "ana@example.com is taken"},
                    {"parameter": "not a name: Ana Pop", "message": "…", "code": "ana@example.com"},
                    {"parameter": "x".repeat(LONGEST_NAME + 1)},
                ],
            }),
        );
        assert!(filled.has_code("already_filled") && !filled.has_code("invalid_location_choice"));
        assert_eq!(
            filled.to_string(),
            "Calendly answered 400 Invalid Argument (event.start_time already_filled, invitee.email)"
        );
        let many: Vec<_> = (0..100).map(|n| json!({"parameter": format!("p{n}")})).collect();
        let Error::Refused { faults, .. } = refused(400, &json!({"title": "…", "details": many})) else {
            panic!("a refusal")
        };
        assert_eq!(faults.len(), MOST_NAMES);
    }

    #[test]
    fn a_status_says_what_became_of_it() {
        for (status, meaning) in [
            (302, Meaning::Misconfigured),
            (400, Meaning::Refused),
            (401, Meaning::Misconfigured),
            (403, Meaning::Misconfigured),
            (404, Meaning::Missing),
            (408, Meaning::Doubtful),
            (409, Meaning::Refused),
            (424, Meaning::Refused),
            (429, Meaning::Limited(60)),
            (500, Meaning::Doubtful),
            (502, Meaning::Doubtful),
        ] {
            assert_eq!(refused(status, &json!("<html>")).meaning(), meaning, "{status}");
        }
    }
}
