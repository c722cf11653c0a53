//! What an answer of a provider means: the message was sent, it was certainly not sent, or the outcome is unknown.
//!
//! Only a request that never left this machine, and one that the provider plainly refused, count as not sent.

use domain::{Outcome, Reason};
use http_client::{CallError, retry_after};
use reqwest::{RequestBuilder, Response, StatusCode};
use runtime::SecretError;

/// Sends a request and waits for the status and headers of the answer.
///
/// # Errors
/// The outcome, when there was no answer.
pub async fn send(request: RequestBuilder) -> Result<Response, Outcome> {
    http_client::send(request).await.map_err(|error| {
        let detail = error.to_string();
        match error {
            CallError::InvalidRequest(_) => misconfigured(detail),
            CallError::NoConnection(_) => Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail },
            CallError::Timeout | CallError::Broken(_) => Outcome::Unknown { detail },
        }
    })
}

/// Reads the body of an answer. A body that broke off counts as empty: the status alone decides then.
pub async fn read_body(response: Response) -> Vec<u8> {
    http_client::read_body(response).await.unwrap_or_default()
}

/// Returns the outcome that a status alone means, when it is not a success. The detail holds the status only: the text
/// of an answer may quote the person.
pub fn from_response(provider: &str, response: &Response) -> Outcome {
    let status = response.status();
    let detail = format!("{provider} answered HTTP {}", status.as_u16());
    from_status(status, retry_after(response.headers()), detail)
}

/// Returns the outcome that a status means, with the seconds to wait where the provider names them.
pub fn from_status(status: StatusCode, after_seconds: Option<u32>, detail: String) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Unsent { reason: Reason::RateLimited, after_seconds, detail },
        // Retried, since an operator may be changing the key just now.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => misconfigured(detail),
        // The client follows no redirects, so a redirect means a wrong base URL.
        status if status.is_redirection() => Outcome::Refused { reason: Reason::Misconfigured, detail },
        // A server that names a time for the next try has not taken this one (RFC 9110, 15.6.4 and 10.2.3). Without
        // it, a proxy may have lost the answer of a server that has.
        StatusCode::SERVICE_UNAVAILABLE if after_seconds.is_some() => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds, detail }
        }
        StatusCode::REQUEST_TIMEOUT => Outcome::Unknown { detail },
        status if status.is_client_error() => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        _ => Outcome::Unknown { detail },
    }
}

/// Returns the outcome of a call whose secret could not be read. It is retried, since an operator may be running
/// `make connect`.
pub fn from_secret_error(error: &SecretError) -> Outcome {
    match error {
        SecretError::Unknown(_) | SecretError::Malformed { .. } => misconfigured(error.to_string()),
        SecretError::Unavailable { .. } => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: error.to_string() }
        }
    }
}

/// Returns the outcome of a call that was not made because the settings, the secret or the account need attention.
pub fn misconfigured(detail: impl Into<String>) -> Outcome {
    Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: detail.into() }
}
