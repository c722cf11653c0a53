//! Brevo: contacts, lists, attributes and events.
//!
//! Source: Brevo's `OpenAPI` document (`POST /contacts`, `PUT /contacts/{identifier}`, `POST /events`,
//! `POST /contacts/doubleOptinConfirmation`) and developers.brevo.com (rate limits: 10 calls a second, more by plan).

mod account;
mod answer;
mod body;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::settings::DoubleOptIn;
use domain::{ConnectionName, ContactUpdate, CrmEventOrder, Outcome, Private};
use engine::Crm;
use http_client::Client;
use reqwest::{Method, RequestBuilder};
use runtime::Secrets;
use serde::Serialize;

pub use self::account::{AccountError, AccountProblem};
use self::answer::Answer;
use self::body::{ConsentBody, ContactBody, EventBody, LeaveBody};

/// Brevo's API.
#[derive(Clone, Debug)]
pub struct Brevo {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
}

impl Brevo {
    /// `base_url` has no trailing slash. Each connection has its own key.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>) -> Self {
        Self { client, base_url: base_url.into(), secrets }
    }

    async fn request(
        &self,
        connection: &ConnectionName,
        method: Method,
        path: &str,
    ) -> Result<RequestBuilder, Outcome> {
        let providers = self.secrets.providers(connection).await.map_err(|error| outcome::from_secret_error(&error))?;
        let missing = || outcome::misconfigured("the connection's secret has no key for Brevo");
        let key = providers.brevo_api_key.ok_or_else(missing)?;
        Ok(self.client.request(method, format!("{}/v3{path}", self.base_url)).header("api-key", key.expose()))
    }

    async fn send(
        &self,
        connection: &ConnectionName,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Outcome> {
        let request = self.request(connection, method, path).await?.json(body);
        Ok(Answer::read(outcome::send(request).await?).await)
    }
}

impl Crm for Brevo {
    async fn update_contact(&self, connection: &ConnectionName, update: &ContactUpdate) -> Outcome {
        let body = ContactBody::new(update);
        let mut answer = self.send(connection, Method::POST, "/contacts", &body).await;
        // Brevo has a phone number with one contact only, and does not take every number.
        if !update.phone_attributes.is_empty() && answer.as_ref().is_ok_and(Answer::may_refuse_phone) {
            answer = self.send(connection, Method::POST, "/contacts", &body.without(&update.phone_attributes)).await;
        }
        let written = answer.map_or_else(|outcome| outcome, |answer| answer.outcome());
        if update.leaves.is_empty() || !matches!(written, Outcome::Done { .. }) {
            return written;
        }
        let path = format!("/contacts/{}?identifierType=email_id", body::encode_segment(update.email.expose()));
        let left = self.send(connection, Method::PUT, &path, &LeaveBody::new(&update.leaves)).await;
        left.map_or_else(|outcome| outcome, |answer| answer.outcome())
    }

    async fn send_event(
        &self,
        connection: &ConnectionName,
        order: &CrmEventOrder,
        booking_url: Option<&str>,
    ) -> Outcome {
        let answer = self.send(connection, Method::POST, "/events", &EventBody::new(order, booking_url)).await;
        answer.map_or_else(|outcome| outcome, |answer| answer.outcome())
    }

    async fn ask_consent(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        mail: &DoubleOptIn,
        lists: &BTreeSet<u64>,
    ) -> Outcome {
        let body = ConsentBody::new(email, mail, lists);
        let answer = self.send(connection, Method::POST, "/contacts/doubleOptinConfirmation", &body).await;
        answer.map_or_else(|outcome| outcome, |answer| answer.outcome())
    }
}
