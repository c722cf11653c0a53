//! The HTTP client that all adapters share, and what they do alike with a call and its answer.

use std::time::Duration;

pub use reqwest::Client;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};

/// The time-out of a whole call. The engine begins no effect within ten seconds of a function's deadline.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// The time-out of a connection, including TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest body that is read. The longest known answer, a page of 100 Calendly events, has less than 1 MB.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Why a call has no complete answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// The request could not be built. Nothing was sent.
    #[error("the request could not be built: {0}")]
    InvalidRequest(String),
    /// No connection was made. Nothing was sent.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// The time-out passed. The request may have had its effect.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, or the answer is too large. The request may have had its effect.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            Self::InvalidRequest(root_cause(&error))
        } else if error.is_connect() {
            Self::NoConnection(root_cause(&error))
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken(root_cause(&error))
        }
    }
}

/// Builds the client. Build one and clone it: each build loads the system's root certificates.
///
/// # Errors
/// The TLS backend or the root certificates can't be loaded.
pub fn client() -> reqwest::Result<Client> {
    client_with_timeout(CALL_TIMEOUT)
}

/// Builds a client whose calls end after `call_timeout`.
///
/// # Errors
/// The TLS backend or the root certificates can't be loaded.
pub fn client_with_timeout(call_timeout: Duration) -> reqwest::Result<Client> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the client is built")]
    let builder = Client::builder();
    builder
        .user_agent("vai-calendly")
        .timeout(call_timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // Lambda freezes a function between invocations, and the servers close its idle connections meanwhile. The
        // outcome of a message written to a closed connection is unknown; a new TLS handshake per call costs less.
        .pool_max_idle_per_host(0)
        .build()
}

/// Sends a request and waits for the status and headers of the answer.
///
/// # Errors
/// There was no answer.
pub async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    Ok(request.send().await?)
}

/// Reads the body of an answer.
///
/// # Errors
/// The connection broke, the time-out passed, or the body is larger than 8 MiB.
pub async fn read_body(mut response: Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(CallError::Broken(format!("the answer has more than {MAX_BODY_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Returns the whole number in a header.
pub fn header_number(headers: &HeaderMap, name: impl AsRef<str>) -> Option<u32> {
    headers.get(name.as_ref())?.to_str().ok()?.trim().parse().ok()
}

/// Returns the seconds in `Retry-After`; see [`parse_retry_after`].
pub fn retry_after(headers: &HeaderMap) -> Option<u32> {
    let text = |name| headers.get(name)?.to_str().ok();
    headers.contains_key(RETRY_AFTER).then(|| parse_retry_after(text(RETRY_AFTER).unwrap_or_default(), text(DATE)))
}

/// Parses the value of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3), to seconds. A date counts from
/// the answer's own `Date`, so that it needs no clock. A longer wait than a `u32` holds is the longest one. What can't
/// be read is 0: the server asks to try again, and our own backoff says when.
pub fn parse_retry_after(wait: &str, date: Option<&str>) -> u32 {
    let wait = wait.trim();
    if !wait.is_empty() && wait.bytes().all(|it| it.is_ascii_digit()) {
        return wait.parse().unwrap_or(u32::MAX);
    }
    let instant = |text: &str| httpdate::parse_http_date(text.trim()).ok();
    let wait = instant(wait).zip(date.and_then(instant)).and_then(|(until, now)| until.duration_since(now).ok());
    wait.map_or(0, |wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX))
}

/// Returns the innermost cause, such as "Connection refused". The outer ones repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use stand_in::{Answer, StandIn};

    use super::*;

    async fn get(url: &str, timeout: Duration) -> Result<(u16, Option<u32>, Vec<u8>), CallError> {
        let response = send(client_with_timeout(timeout).expect("a client").get(url)).await?;
        let (status, wait) = (response.status().as_u16(), retry_after(response.headers()));
        Ok((status, wait, read_body(response).await?))
    }

    #[tokio::test]
    async fn each_way_of_getting_no_answer_has_its_error() {
        let error = async |url: &str| get(url, Duration::from_millis(300)).await.expect_err("no answer");
        assert_eq!(error(StandIn::with_answer(Answer::never_answers()).url()).await, CallError::Timeout);
        let broken = error(StandIn::with_answer(Answer::closes_connection()).url()).await;
        assert!(matches!(broken, CallError::Broken(_)), "{broken:?}");
        let refused = error(&stand_in::unused_url()).await;
        assert_eq!(refused.to_string(), "no connection: Connection refused (os error 111)");
        let invalid = error("no URL").await;
        assert!(matches!(invalid, CallError::InvalidRequest(_)), "{invalid:?}");
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let now = "Fri, 27 Mar 2026 10:00:00 GMT";
        for (wait, date, seconds) in [
            ("17", None, Some(17)),
            (" 0 ", None, Some(0)),
            ("99999999999999999999", None, Some(u32::MAX)),
            ("Fri, 27 Mar 2026 10:01:30 GMT", Some(now), Some(90)),
            ("Friday, 27-Mar-26 10:01:30 GMT", Some(now), Some(90)),
            ("Fri Mar 27 10:01:30 2026", Some(now), Some(90)),
            ("Fri, 27 Mar 2026 09:00:00 GMT", Some(now), Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(now), Some(u32::MAX)),
            ("Fri, 27 Mar 2026 10:01:30 GMT", None, Some(0)),
            ("Fri, 27 Mar 2026 10:01:30 GMT", Some("now"), Some(0)),
            ("", Some(now), Some(0)),
            ("-1", Some(now), Some(0)),
            ("1.5", Some(now), Some(0)),
            ("soon", Some(now), Some(0)),
        ] {
            let value = |it: &str| it.parse::<HeaderValue>().expect("a value");
            let mut headers = HeaderMap::from_iter([(RETRY_AFTER, value(wait))]);
            headers.extend(date.map(|it| (DATE, value(it))));
            assert_eq!(retry_after(&headers), seconds, "{wait} {date:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let server = StandIn::with_answer(Answer::new(302, "").header("location", "/elsewhere"));
        assert_eq!(get(server.url(), CALL_TIMEOUT).await, Ok((302, None, Vec::new())));
        assert_eq!(server.only_request().method_and_target(), "GET /");
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let body_of = async |bytes: usize| {
            let server = StandIn::with_answer(Answer::new(200, "x".repeat(bytes)));
            get(server.url(), CALL_TIMEOUT).await.map(|(_, _, body)| body.len())
        };
        assert_eq!(body_of(MAX_BODY_BYTES).await, Ok(MAX_BODY_BYTES));
        let refused = body_of(MAX_BODY_BYTES + 1).await;
        assert!(matches!(refused, Err(CallError::Broken(_))), "{refused:?}");
    }
}
