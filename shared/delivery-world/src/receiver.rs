//! Calls to customers' URLs.

use std::net::SocketAddr;
use std::time::Duration;

use deliveries::{Answer, Receiver};
use domain::error_chain;
use egress::{AddressPolicy, Egress, HeaderMap, HeaderName, HeaderValue, NotLoopback, SystemResolver, TargetUrl};
use endpoints::AttemptResult;
use tokio::time::Instant;

/// The HTTP client for customers' URLs.
#[derive(Debug)]
pub struct HttpReceiver {
    egress: Egress,
    policy: AddressPolicy,
}

impl HttpReceiver {
    /// Makes the client. On stage dev, `loopback` names receivers on this machine.
    ///
    /// # Errors
    /// An address is not loopback.
    pub fn new(loopback: &[SocketAddr]) -> Result<Self, NotLoopback> {
        let policy = AddressPolicy::with_loopback(loopback.to_vec())?;
        Ok(Self { egress: Egress::new(policy.clone(), SystemResolver), policy })
    }

    /// Returns which addresses may be called.
    pub fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    async fn call(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<egress::Answer, (String, String)> {
        // It was checked when it was saved. The rules may have become stricter since.
        let target = TargetUrl::parse(url, &self.policy).map_err(|it| (it.code().to_owned(), error_chain(&it)))?;
        let headers = header_map(headers).ok_or_else(|| {
            ("invalid_header".to_owned(), "a header has a name or value that HTTP does not allow".to_owned())
        })?;
        let answer = self.egress.post(&target, headers, body.to_vec()).await;
        answer.map_err(|error| (error.code().to_owned(), error_chain(&error)))
    }
}

impl Receiver for HttpReceiver {
    async fn post(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let begun = Instant::now();
        let (result, retry_after) = match self.call(url, headers, body).await {
            Ok(answer) => (AttemptResult::answered(answer.status, &answer.body), answer.retry_after_seconds),
            Err((code, detail)) => (AttemptResult::Failed { code, detail }, None),
        };
        Answer { result, retry_after, millis: millis(begun.elapsed()) }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn header_map(headers: &[(String, String)]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        // A later header replaces an earlier one: ours come after the customer's.
        map.insert(HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?);
    }
    Some(map)
}
