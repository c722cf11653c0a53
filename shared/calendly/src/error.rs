//! The errors of calls, without personal data, and their meaning to the engine.

use domain::Reason;
use engine::{CalendlyError, PortError};
use http_client::{CallError, header_number};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// The longest title that is kept, in characters. Calendly's titles are short; a proxy's may be anything.
const LONGEST_TITLE: usize = 60;

/// The longest name of a parameter, code or scope, and the most of each that are kept.
const LONGEST_NAME: usize = 80;
const MOST_NAMES: usize = 8;

/// The wait when Calendly does not say when its rate limit resets: its shortest limit is per minute.
pub(crate) const USUAL_RESET_SECONDS: u32 = 60;

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Calendly answered with an error.
    #[error("Calendly answered {status} {title}{}{}", format_faults(faults), format_advice(required_scopes, *reset_seconds))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Calendly's title of the error, else the name of the status.
        title: String,
        /// What is wrong with the request, by parameter and code.
        faults: Vec<Fault>,
        /// The scopes that the token would need, if Calendly names them.
        required_scopes: Vec<String>,
        /// The seconds until the rate limit resets, if it was exceeded.
        reset_seconds: Option<u32>,
    },
    /// The connection's token could not be read, so no call was made.
    #[error("{problem}")]
    NoToken {
        /// Why; never its value.
        problem: String,
        /// Whether an operator must set it up; otherwise a retry may work.
        is_missing: bool,
    },
    /// Calendly no longer accepts the connection's login or token. Nothing was done.
    #[error("Calendly no longer accepts this connection's login: connect it again")]
    NeedsReconnect,
    /// The request was not sent.
    #[error("Calendly could not be reached: {0}")]
    Unsent(&'static str),
    /// There was no answer. The call may have had its effect.
    #[error("Calendly could not be reached: {0}")]
    Unreachable(&'static str),
    /// The answer is not of the expected form.
    #[error("Calendly's answer could not be read: {0}")]
    Unreadable(String),
}

/// One thing that is wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The parameter, for example `event.start_time`.
    pub parameter: Option<String>,
    /// The code, for example `already_filled`.
    pub code: Option<String>,
}

/// The meaning of an error for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorClass {
    /// No call was made.
    NotSent(Reason),
    /// The token, its scopes, the plan or our base URL is wrong: an operator must act.
    Misconfigured,
    /// The resource does not exist.
    NotFound,
    /// The rate limit was exceeded; it resets in this many seconds.
    Limited(u32),
    /// Refused for good.
    Refused,
    /// The call may have had its effect.
    Unknown,
}

impl Error {
    pub(crate) fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Body {
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
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let name = || status.canonical_reason().unwrap_or_default().to_owned();
        let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
        let faults = body.details.into_iter().map(|it| Fault {
            parameter: it.parameter.filter(|name| is_name(name)),
            code: it.code.filter(|name| is_name(name)),
        });
        Self::Refused {
            status: status.as_u16(),
            title: body.title.map_or_else(name, |title| title.chars().take(LONGEST_TITLE).collect()),
            faults: faults.filter(|it| it.parameter.is_some() || it.code.is_some()).take(MOST_NAMES).collect(),
            required_scopes: body.required_scopes.into_iter().filter(|it| is_name(it)).take(MOST_NAMES).collect(),
            reset_seconds: if is_limited { reset_seconds(headers) } else { None },
        }
    }

    /// Whether the call certainly had no effect.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused { status: 400..=499, .. } | Self::NoToken { .. } | Self::NeedsReconnect | Self::Unsent(_)
        )
    }

    /// Whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the resource exists already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    /// Whether the token is invalid.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. } | Self::NeedsReconnect)
    }

    /// Whether the token may not do that, for any reason.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// Returns the parameters that Calendly found wrong, by its names.
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

    /// Returns the scopes that the token lacks, when that is the cause.
    pub fn missing_scopes(&self) -> Option<&[String]> {
        match self {
            Self::Refused { status: 403, title, required_scopes, .. } if title == "Insufficient scope" => {
                Some(required_scopes)
            }
            _ => None,
        }
    }

    pub(crate) fn classify(&self) -> ErrorClass {
        match self {
            Self::NoToken { is_missing: true, .. } => ErrorClass::NotSent(Reason::Misconfigured),
            Self::NoToken { .. } | Self::Unsent(_) => ErrorClass::NotSent(Reason::Unreachable),
            Self::NeedsReconnect => ErrorClass::NotSent(Reason::NeedsReconnect),
            Self::Unreachable(_) | Self::Unreadable(_) => ErrorClass::Unknown,
            Self::Refused { status, reset_seconds, .. } => match status {
                // The client follows no redirects, so a redirect means a wrong base URL.
                300..=399 | 401 | 403 => ErrorClass::Misconfigured,
                404 => ErrorClass::NotFound,
                // A proxy timed out; Calendly behind it may have acted.
                408 => ErrorClass::Unknown,
                429 => ErrorClass::Limited(reset_seconds.unwrap_or(USUAL_RESET_SECONDS)),
                400..=499 => ErrorClass::Refused,
                _ => ErrorClass::Unknown,
            },
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoConnection(_) => Self::Unsent("no connection"),
            CallError::InvalidRequest(_) => Self::Unsent("the URL is invalid"),
            CallError::Timeout => Self::Unreachable("no answer in time"),
            CallError::Broken(_) => Self::Unreachable("the connection broke"),
        }
    }
}

impl From<Error> for CalendlyError {
    fn from(error: Error) -> Self {
        match error.classify() {
            ErrorClass::NotFound => Self::NotFound,
            ErrorClass::Limited(seconds) => Self::Limited(seconds),
            ErrorClass::Misconfigured | ErrorClass::Refused | ErrorClass::NotSent(Reason::NeedsReconnect) => {
                Self::Refused(error.to_string())
            }
            ErrorClass::NotSent(_) | ErrorClass::Unknown => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        match error {
            Error::NeedsReconnect => Self::NeedsReconnect,
            error => Self::unavailable(error.to_string()),
        }
    }
}

/// Returns the seconds until the rate limit resets. Calendly documents no `Retry-After`.
pub(crate) fn reset_seconds(headers: &HeaderMap) -> Option<u32> {
    header_number(headers, "x-ratelimit-reset")
}

/// Whether a text has the form of a name in Calendly's API. Other text may quote the person.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-' | b'[' | b']' | b'/');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

fn format_faults(faults: &[Fault]) -> String {
    let each = faults.iter().map(|it| [it.parameter.as_deref(), it.code.as_deref()].into_iter().flatten());
    let each: Vec<_> = each.map(|names| names.collect::<Vec<_>>().join(" ")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}

fn format_advice(scopes: &[String], reset_seconds: Option<u32>) -> String {
    match reset_seconds {
        Some(seconds) => format!("; the rate limit resets in {seconds} s"),
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
    fn names_are_kept_and_messages_are_not() {
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
    fn each_status_has_its_class() {
        for (status, class) in [
            (302, ErrorClass::Misconfigured),
            (400, ErrorClass::Refused),
            (401, ErrorClass::Misconfigured),
            (403, ErrorClass::Misconfigured),
            (404, ErrorClass::NotFound),
            (408, ErrorClass::Unknown),
            (409, ErrorClass::Refused),
            (424, ErrorClass::Refused),
            (429, ErrorClass::Limited(60)),
            (500, ErrorClass::Unknown),
            (502, ErrorClass::Unknown),
        ] {
            assert_eq!(refused(status, &json!("<html>")).classify(), class, "{status}");
        }
    }
}
