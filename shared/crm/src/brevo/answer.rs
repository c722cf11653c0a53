//! Brevo's answer to a write.

use domain::{Outcome, Reason};
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
        let (status, wait) = (response.status(), outcome::brevo::wait(&response));
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
    ///
    /// | status | body | outcome |
    /// |---|---|---|
    /// | 201, 202, 204 | any | done |
    /// | 400 | the address is that of another contact | unsent, rate limited: another call is making the contact |
    /// | any other | | see [`outcome::brevo::from_refusal`] |
    pub(super) fn outcome(&self) -> Outcome {
        let status = self.status;
        if outcome::brevo::is_taken(status) {
            return Outcome::done(None);
        }
        let refusal = outcome::brevo::from_refusal(status, self.error.code.as_deref(), self.wait);
        let is_being_made = self.duplicates().iter().any(|it| it.eq_ignore_ascii_case("email"));
        match refusal {
            Outcome::Refused { detail, .. } if status == StatusCode::BAD_REQUEST && is_being_made => {
                Outcome::Unsent { reason: Reason::RateLimited, after_seconds: self.wait, detail }
            }
            refusal => refusal,
        }
    }
}
