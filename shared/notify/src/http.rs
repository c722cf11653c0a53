//! The one way in which this crate calls out, and the one reading of what comes back.
//!
//! The question is always the same: was it done, was it certainly not done, or can nobody tell? Only what never left this
//! machine, and what the provider plainly turned away, counts as not done.

use std::error::Error;
use std::time::Duration;

use domain::{Outcome, Reason};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use runtime::SecretError;

use crate::wording::Broken;

/// How long a whole call may take: no effect is begun within ten seconds of a function's deadline.
pub(crate) const WHOLE_CALL: Duration = Duration::from_secs(8);
/// How long a connection may take to be made, TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// The client for every provider; make one and pass it on, because each loads the system's certificates.
///
/// # Errors
/// The TLS backend or the system's certificates can't be used.
pub fn client() -> reqwest::Result<Client> {
    client_within(WHOLE_CALL)
}

pub(crate) fn client_within(whole_call: Duration) -> reqwest::Result<Client> {
    #[expect(clippy::disallowed_methods, reason = "the one place where it is made")]
    let builder = Client::builder();
    builder
        .user_agent("vai-calendly")
        .timeout(whole_call)
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // A function is frozen between invocations and its idle connections die unseen. A message that is written to
        // a dead one is lost in doubt; a handshake for each is cheaper.
        .pool_max_idle_per_host(0)
        .build()
}

/// Sends a request and waits for the answer's head.
///
/// # Errors
/// The outcome, when there was no answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, Outcome> {
    request.send().await.map_err(|error| {
        let why = root_cause(&error);
        if error.is_builder() {
            misconfigured(format!("the request could not be made: {why}"))
        } else if error.is_connect() {
            let detail = format!("no connection: {why}");
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail }
        } else if error.is_timeout() {
            Outcome::Unknown { detail: "no answer in time".to_owned() }
        } else {
            Outcome::Unknown { detail: format!("the connection broke: {why}") }
        }
    })
}

/// What an answer means by its status alone, when it is not a success. Nothing but the status is told on: an answer's
/// words may quote the person.
pub(crate) fn by_status(provider: &str, response: &Response) -> Outcome {
    of_status(
        response.status(),
        retry_after(response),
        format!("{provider} answered HTTP {}", response.status().as_u16()),
    )
}

/// The same, of a status that came with another client's answer, or with a wait that the provider tells in its own way.
pub(crate) fn of_status(status: StatusCode, after_seconds: Option<u32>, detail: String) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Unsent { reason: Reason::RateLimited, after_seconds, detail },
        // Turned away at the door: somebody may be changing the key just now.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => misconfigured(detail),
        // A redirect is a wrong base URL: none is followed.
        status if status.is_redirection() => Outcome::Refused { reason: Reason::Misconfigured, detail },
        StatusCode::REQUEST_TIMEOUT => Outcome::Unknown { detail },
        status if status.is_client_error() => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        _ => Outcome::Unknown { detail },
    }
}

/// A secret that can't be had is tried again for a while: somebody may be running `make connect`.
pub(crate) fn without_secret(error: &SecretError) -> Outcome {
    match error {
        SecretError::Unknown(_) | SecretError::Malformed { .. } => misconfigured(error.to_string()),
        SecretError::Unavailable { .. } => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: error.to_string() }
        }
    }
}

/// Nothing was sent, and won't be until somebody looks at the settings.
pub(crate) fn misconfigured(detail: impl Into<String>) -> Outcome {
    Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: detail.into() }
}

/// The connection's own wording can't be filled in, and trying again would not mend it.
pub(crate) fn unworded(broken: &Broken) -> Outcome {
    Outcome::Refused { reason: Reason::WordingBroken, detail: broken.to_string() }
}

/// Seconds. The other form, a date, would need a clock; our own backoff does as well.
pub(crate) fn retry_after(response: &Response) -> Option<u32> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// The innermost words, such as "Connection refused": the outer ones say where, which the provider's name does.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
