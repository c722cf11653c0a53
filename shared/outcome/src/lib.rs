//! What an answer of a provider means: the message was sent, it was certainly not sent, or the outcome is unknown.
//!
//! Only a request that never left this machine, and one that the provider plainly refused, count as not sent.
//!
//! What is common to all providers is here. Each adapter has a table of the codes that its provider documents.

pub mod brevo;

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
            CallError::Timeout | CallError::Broken(_) => Outcome::Unknown { after_seconds: None, detail },
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

/// Returns the outcome that a status means, where the provider says nothing else. `after_seconds` is `Retry-After`.
///
/// Source: RFC 9110, 15 (statuses) and 10.2.3 (`Retry-After`); RFC 6585, 4 (429); RFC 8470, 5.2 (425). A
/// proxy in front of a provider may send 502, 503 and 504.
pub fn from_status(status: StatusCode, after_seconds: Option<u32>, detail: String) -> Outcome {
    let unsent = |reason| Outcome::Unsent { reason, after_seconds, detail: detail.clone() };
    match status.as_u16() {
        // Refused before anything was done with it.
        425 | 429 => unsent(Reason::RateLimited),
        421 => unsent(Reason::Unreachable),
        // The answer to a request that was carried out is elsewhere (RFC 9110, 15.4.4).
        303 => Outcome::Unknown { after_seconds, detail },
        // The key, its rights or the address is wrong, or a page about maintenance answers. An operator or the provider
        // may be correcting it just now, so it is tried again. The client follows no redirects.
        300..=399 | 401 | 403..=405 => unsent(Reason::Misconfigured),
        // A server that names a time for the next try has not taken this one. Without it, a proxy may have lost the
        // answer of a server that has.
        503 if after_seconds.is_some() => unsent(Reason::Unreachable),
        // A proxy may have waited in vain for a server that has acted.
        408 => Outcome::Unknown { after_seconds, detail },
        400..=499 => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        // The others of 5xx, and a success where the adapter found no sign of it in the body.
        _ => Outcome::Unknown { after_seconds, detail },
    }
}

/// Returns the outcome of a call whose secret could not be read. It is retried, since an operator may be running
/// `make connect`.
pub fn from_secret_error(error: &SecretError) -> Outcome {
    match error {
        SecretError::Unknown(_) | SecretError::Malformed { .. } => misconfigured(error.to_string()),
        SecretError::NotLookedUp(_) | SecretError::Unavailable { .. } => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: error.to_string() }
        }
    }
}

/// Returns the outcome of a call that was not made because the settings, the secret or the account need attention.
pub fn misconfigured(detail: impl Into<String>) -> Outcome {
    Outcome::Unsent { reason: Reason::Misconfigured, after_seconds: None, detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, after_seconds: Option<u32>) -> Outcome {
        from_status(StatusCode::from_u16(status).expect("a status"), after_seconds, String::new())
    }

    #[test]
    fn each_status_has_its_outcome() {
        use Reason::{Misconfigured, ProviderRefused, RateLimited, Unreachable};
        let wait = Some(90);
        for after_seconds in [None, wait] {
            let unsent = |reason| Outcome::Unsent { reason, after_seconds, detail: String::new() };
            for status in [425, 429] {
                assert_eq!(of(status, after_seconds), unsent(RateLimited), "{status}");
            }
            assert_eq!(of(421, after_seconds), unsent(Unreachable));
            for status in [301, 302, 307, 308, 401, 403, 404, 405] {
                assert_eq!(of(status, after_seconds), unsent(Misconfigured), "{status}");
            }
            for status in [400, 402, 406, 409, 410, 411, 413, 415, 422, 431, 451] {
                let refused = Outcome::Refused { reason: ProviderRefused, detail: String::new() };
                assert_eq!(of(status, after_seconds), refused, "{status}");
            }
            for status in [200, 204, 303, 408, 500, 501, 502, 504, 520, 522, 524] {
                let unknown = Outcome::Unknown { after_seconds, detail: String::new() };
                assert_eq!(of(status, after_seconds), unknown, "{status}");
            }
        }
        assert_eq!(of(503, None), Outcome::Unknown { after_seconds: None, detail: String::new() });
        let unavailable = Outcome::Unsent { reason: Unreachable, after_seconds: wait, detail: String::new() };
        assert_eq!(of(503, wait), unavailable);
    }
}
