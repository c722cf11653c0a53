//! What Brevo's answers have in common, about e-mails and about the CRM.
//!
//! Sources: Brevo's `OpenAPI` document (the statuses and codes of an error); developers.brevo.com (rate limits).

use domain::{Outcome, Reason};
use http_client::{header_number, retry_after};
use reqwest::{Response, StatusCode};

/// Returns the seconds after which Brevo takes calls again, if it names them. A limit that was exceeded resets at
/// `x-sib-ratelimit-reset`; other answers may have that header too, and there it says nothing about the call.
pub fn wait(response: &Response) -> Option<u32> {
    let (status, headers) = (response.status(), response.headers());
    let reset = header_number(headers, "x-sib-ratelimit-reset").filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    reset.max(retry_after(headers))
}

/// Returns whether a status is one of those that Brevo documents for what it has taken. Another success may be a page
/// that answers in its place, such as one about maintenance.
pub fn is_taken(status: StatusCode) -> bool {
    matches!(status.as_u16(), 201 | 202 | 204)
}

/// Returns the outcome of a refusal, by its code, or else by its status.
///
/// | status | code | outcome |
/// |---|---|---|
/// | 402 | any | unsent, misconfigured: no credit is left |
/// | 4xx | `unauthorized`, `permission_denied` | unsent, misconfigured: the key or its rights are wrong |
/// | 4xx | `not_enough_credits`, `account_under_validation` | unsent, misconfigured: the account can't send |
/// | 404 | `document_not_found` | refused: a contact, list or template of the call is not there |
/// | 425 | `account_in_process` | unsent, as any 425: it may work later |
/// | any other | any | see [`crate::from_status`] |
pub fn from_refusal(status: StatusCode, code: Option<&str>, after_seconds: Option<u32>) -> Outcome {
    // Their codes are words of a list, but any text might be there.
    let is_word = |it: &&str| it.len() <= 40 && it.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    let code = code.filter(is_word);
    let is_account =
        matches!(code, Some("unauthorized" | "permission_denied" | "not_enough_credits" | "account_under_validation"));
    let suffix = code.map(|it| format!(", code {it}")).unwrap_or_default();
    let detail = format!("Brevo answered HTTP {}{suffix}", status.as_u16());
    match status {
        // A person must act.
        StatusCode::PAYMENT_REQUIRED => crate::misconfigured(detail),
        status if status.is_client_error() && is_account => crate::misconfigured(detail),
        StatusCode::NOT_FOUND if code == Some("document_not_found") => {
            Outcome::Refused { reason: Reason::ProviderRefused, detail }
        }
        _ => crate::from_status(status, after_seconds, detail),
    }
}
