//! Brevo's answer to a write.

use domain::{Outcome, Reason};
use http_client::{header_number, retry_after};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Brevo's answer to a write.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    /// The seconds after which Brevo takes calls again.
    wait: Option<u32>,
    error: Error,
}

/// The body of an error. Its message may quote the person, so it is not read.
#[derive(Default, Deserialize, Debug)]
#[serde(default)]
struct Error {
    code: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize, Debug)]
#[serde(default)]
struct Metadata {
    duplicate_identifiers: Vec<String>,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers());
        let wait = header_number(headers, "x-sib-ratelimit-reset").or_else(|| retry_after(headers));
        let body = outcome::read_body(response).await;
        Self { status, wait, error: serde_json::from_slice(&body).unwrap_or_default() }
    }

    fn duplicates(&self) -> &[String] {
        self.error.metadata.as_ref().map_or(&[], |it| &it.duplicate_identifiers)
    }

    /// Returns whether a contact was refused for its phone number: another contact has it, or it is not valid. The code
    /// for a number of another contact has changed over time, so the identifiers count.
    pub(super) fn may_refuse_phone(&self) -> bool {
        let is_duplicate = self.duplicates().iter().any(|it| !it.eq_ignore_ascii_case("email"));
        let is_invalid = self.error.code.as_deref() == Some("invalid_parameter") && self.duplicates().is_empty();
        self.status == StatusCode::BAD_REQUEST && (is_duplicate || is_invalid)
    }

    /// Returns the outcome that the answer means.
    pub(super) fn outcome(&self) -> Outcome {
        let status = self.status;
        if status.is_success() {
            return Outcome::Done { provider_id: None };
        }
        // Their codes are words of a list, but any text might be there.
        let is_word = |it: &&str| it.len() <= 40 && it.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
        let code = self.error.code.as_deref().filter(is_word);
        let suffix = code.map(|it| format!(", code {it}")).unwrap_or_default();
        let detail = format!("Brevo answered HTTP {}{suffix}", status.as_u16());
        let retry = |reason| Outcome::Unsent { reason, after_seconds: self.wait, detail: detail.clone() };
        let is_account = matches!(
            code,
            Some("unauthorized" | "permission_denied" | "not_enough_credits" | "account_under_validation")
        );
        match status {
            // The account has no credit left, or is not approved yet: a person must act.
            StatusCode::PAYMENT_REQUIRED => retry(Reason::Misconfigured),
            status if status.is_client_error() && is_account => retry(Reason::Misconfigured),
            // The contact is being made by another call.
            StatusCode::TOO_EARLY => retry(Reason::RateLimited),
            StatusCode::BAD_REQUEST if self.duplicates().iter().any(|it| it.eq_ignore_ascii_case("email")) => {
                retry(Reason::RateLimited)
            }
            _ => outcome::from_status(status, self.wait, detail),
        }
    }
}
