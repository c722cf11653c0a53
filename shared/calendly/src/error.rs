//! The errors of calls, without personal data, and their meaning to the engine.

use domain::Reason;
use engine::{CalendlyError, PortError};
use http_client::{CallError, header_number, retry_after};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// The longest title that is kept, in characters. Calendly's titles are short; a proxy's may be anything.
const LONGEST_TITLE: usize = 60;

/// The longest name of a parameter, code or scope, and the most of each that are kept.
const LONGEST_NAME: usize = 80;
const MOST_NAMES: usize = 8;

/// The longest wait that counts, in seconds: Calendly's longest limit is per day.
const LONGEST_WAIT_SECONDS: u32 = 86_400;

/// The wait when Calendly does not say when its rate limit resets: its shortest limit is per minute.
pub(crate) const USUAL_RESET_SECONDS: u32 = 60;

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Calendly answered with an error.
    #[error(
        "Calendly answered {status} {title}{}{}",
        format_faults(faults),
        format_advice(*status, required_scopes, *wait_seconds)
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Calendly's title of the error, else the name of the status.
        title: String,
        /// What is wrong with the request, by parameter and code.
        faults: Vec<Fault>,
        /// The scopes that the token would need, if Calendly names them.
        required_scopes: Vec<String>,
        /// The seconds until Calendly takes calls again, if it names them.
        wait_seconds: Option<u32>,
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
        let faults = body.details.into_iter().map(|it| Fault {
            parameter: it.parameter.filter(|name| is_name(name)),
            code: it.code.filter(|name| is_name(name)),
        });
        Self::Refused {
            status: status.as_u16(),
            title: body.title.map_or_else(name, |title| title.chars().take(LONGEST_TITLE).collect()),
            faults: faults.filter(|it| it.parameter.is_some() || it.code.is_some()).take(MOST_NAMES).collect(),
            required_scopes: body.required_scopes.into_iter().filter(|it| is_name(it)).take(MOST_NAMES).collect(),
            wait_seconds: wait_seconds(status, headers),
        }
    }

    /// Whether the call certainly had no effect.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { status, .. } => (400..=499).contains(status) && self.classify() != ErrorClass::Unknown,
            Self::NoToken { .. } | Self::NeedsReconnect | Self::Unsent(_) => true,
            Self::Unreachable(_) | Self::Unreadable(_) => false,
        }
    }

    /// Returns the seconds until Calendly takes calls again, if it names them.
    pub(crate) fn wait_seconds(&self) -> Option<u32> {
        match self {
            Self::Refused { wait_seconds, .. } => *wait_seconds,
            _ => None,
        }
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

    /// Returns what the error means. Source: Calendly's documentation of its errors, and RFC 9110 for what a proxy
    /// answers in its place. Calendly does not say what a 5xx means for a call that writes, and documents no
    /// `Retry-After`. So here a 503 with one proves nothing: who books looks for the booking, and a cancellation is
    /// repeated, which does no harm, after that wait.
    pub(crate) fn classify(&self) -> ErrorClass {
        match self {
            Self::NoToken { is_missing: true, .. } => ErrorClass::NotSent(Reason::Misconfigured),
            Self::NoToken { .. } | Self::Unsent(_) => ErrorClass::NotSent(Reason::Unreachable),
            Self::NeedsReconnect => ErrorClass::NotSent(Reason::NeedsReconnect),
            Self::Unreachable(_) | Self::Unreadable(_) => ErrorClass::Unknown,
            Self::Refused { status, wait_seconds, .. } => match status {
                // The client follows no redirects, so a redirect means a wrong base URL.
                300..=399 | 401 | 403 => ErrorClass::Misconfigured,
                404 => ErrorClass::NotFound,
                // A proxy timed out; Calendly behind it may have acted. Or the host's calendar did not answer.
                408 | 424 => ErrorClass::Unknown,
                // Refused before anything was done with it.
                421 | 425 => ErrorClass::NotSent(Reason::Unreachable),
                429 => ErrorClass::Limited(wait_seconds.unwrap_or(USUAL_RESET_SECONDS)),
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
            ErrorClass::NotSent(_) | ErrorClass::Unknown => {
                error.wait_seconds().map_or_else(|| Self::Unavailable(error.to_string()), Self::Limited)
            }
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        if error == Error::NeedsReconnect {
            return Self::NeedsReconnect;
        }
        let wait = match error.classify() {
            ErrorClass::Limited(seconds) => Some(seconds),
            _ => error.wait_seconds(),
        };
        match wait {
            Some(seconds) => Self::Limited { context: error.to_string(), seconds },
            None => Self::unavailable(error.to_string()),
        }
    }
}

/// Returns the seconds until the rate limit resets.
pub(crate) fn reset_seconds(headers: &HeaderMap) -> Option<u32> {
    header_number(headers, "x-ratelimit-reset").map(|seconds| seconds.min(LONGEST_WAIT_SECONDS))
}

/// Returns the seconds until Calendly takes calls again. Every answer says when the rate limit resets, which counts
/// only when it was exceeded. Calendly documents no `Retry-After`, but a proxy in front of it may send one.
pub(crate) fn wait_seconds(status: StatusCode, headers: &HeaderMap) -> Option<u32> {
    let reset = reset_seconds(headers).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    reset.max(retry_after(headers).map(|seconds| seconds.min(LONGEST_WAIT_SECONDS)))
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

fn format_advice(status: u16, scopes: &[String], wait_seconds: Option<u32>) -> String {
    match wait_seconds {
        Some(seconds) if status == 429 => format!("; the rate limit resets in {seconds} s"),
        Some(seconds) => format!("; it asks to wait {seconds} s"),
        None if !scopes.is_empty() => format!("; it needs {}", scopes.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
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
            (413, ErrorClass::Refused),
            (421, ErrorClass::NotSent(Reason::Unreachable)),
            (424, ErrorClass::Unknown),
            (425, ErrorClass::NotSent(Reason::Unreachable)),
            (429, ErrorClass::Limited(60)),
            (500, ErrorClass::Unknown),
            (502, ErrorClass::Unknown),
            (503, ErrorClass::Unknown),
            (504, ErrorClass::Unknown),
        ] {
            let error = refused(status, &json!("<html>"));
            assert_eq!(error.classify(), class, "{status}");
            let had_no_effect = (400..=499).contains(&status) && class != ErrorClass::Unknown;
            assert_eq!(error.is_refusal(), had_no_effect, "{status}");
        }
    }

    #[test]
    fn a_wait_is_read_from_the_header_that_means_it() {
        let wait = |status: u16, named: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.extend(
                named.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
            );
            Error::refused(StatusCode::from_u16(status).expect("a status"), &headers, b"").wait_seconds()
        };
        let (reset, retry) = ("x-ratelimit-reset", "retry-after");
        for (status, headers, seconds) in [
            (429, vec![(reset, "37")], Some(37)),
            (429, vec![(retry, "90")], Some(90)),
            (429, vec![(reset, "37"), (retry, "90")], Some(90)),
            (429, vec![(reset, "1795694400")], Some(LONGEST_WAIT_SECONDS)),
            (429, vec![(reset, "-1")], None),
            (503, vec![(reset, "37")], None),
            (503, vec![(retry, "90")], Some(90)),
            (502, vec![(retry, "99999999999999999999")], Some(LONGEST_WAIT_SECONDS)),
            (503, vec![("date", "Fri, 27 Mar 2026 10:00:00 GMT"), (retry, "Fri, 27 Mar 2026 10:01:30 GMT")], Some(90)),
        ] {
            assert_eq!(wait(status, &headers), seconds, "{status} {headers:?}");
        }
    }
}
