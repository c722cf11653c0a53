//! Endpoints are changed: fields, status, secrets.

use api::answer::True;
use api::endpoint_answer::{DoneView, EndpointView, RotatedSecretView, UpdatedEndpointView};
use api::endpoint_request::{EndpointIdRequest, RotateSecretRequest, UpdateEndpointRequest};
use api::{Fault, Refusal};
use deliveries::{DeliveryQueue, DeliveryStore, EndpointStore, Ports as _, RESUME_AGAIN_AFTER, Seal, Vault};
use domain::{digest, is_same_email};
use endpoints::{Disabled, Endpoint, Health, Status, TargetKind};
use engine::{CommitError, PortError};
use front::{Context, invalid_request};
use jiff::SignedDuration;
use wire::deliveries::Delivery;

use crate::admin::{Admin, inactive, unavailable};
use crate::check;
use crate::create::secret_or_new;
use crate::ports::Ports;
use crate::token::{catch_up_token, token_digest};
use crate::view;

/// How long an old secret signs too.
const GRACE_SECONDS: u32 = 24 * 60 * 60;

/// Another function may delete or change the endpoint at the same time.
const MOST_TRIES: usize = 5;

impl<P: Ports> Admin<P> {
    /// Changes the fields of an endpoint that the request has.
    pub(crate) async fn update_endpoint(
        &self,
        context: &Context,
        request: &UpdateEndpointRequest,
    ) -> Result<UpdatedEndpointView, Refusal> {
        let changed = self.change_endpoint(context, &request.endpoint, async |endpoint| {
            self.apply(context, endpoint, request).await.map(Some)
        });
        let mut endpoint = changed.await?;
        tracing::info!(connection = %context.connection, endpoint.id = %endpoint.id, "endpoint changed");
        let is_email = endpoint.target == TargetKind::Email;
        if is_email && request.email.is_some() && endpoint.status == Status::Unverified {
            self.send_confirmation(context, &endpoint).await?;
        }
        let mut verification = None;
        if request.verify && endpoint.target == TargetKind::Url {
            let (test, tested) = self.run_test(context, endpoint, events::EventType::WebhookTest).await?;
            (verification, endpoint) = (Some(test), tested);
        }
        let message = match endpoint.status {
            Status::Unverified if is_email => {
                "The endpoint is changed. Its events wait until the link that is sent to the address is confirmed."
            }
            Status::Unverified => {
                "The endpoint is changed. Its events wait until the URL has answered a test with 2xx."
            }
            Status::Enabled | Status::Disabled { .. } => "The endpoint is changed.",
        };
        let endpoint = view::endpoint(&endpoint);
        Ok(UpdatedEndpointView { success: True, message: message.to_owned(), endpoint, verification })
    }

    /// Returns an endpoint with the fields of a request.
    async fn apply(
        &self,
        context: &Context,
        mut endpoint: Endpoint,
        request: &UpdateEndpointRequest,
    ) -> Result<Endpoint, Refusal> {
        let (connection, now) = (&context.connection, self.now());
        let mut faults = Vec::new();
        let url =
            request.url.as_ref().and_then(|url| check::check_url(url, self.ports().address_policy(), &mut faults));
        let email = request.email.as_ref().and_then(|email| check::check_email(email, &mut faults));
        check_target(&endpoint, request, &mut faults);
        if let Some(secret) = &request.secret {
            check::check_secret(secret, &mut faults);
        }
        let headers = request.headers.as_ref().map(|headers| check::check_headers(headers, &mut faults));
        if let Some(retries) = request.retry_config {
            endpoint.retry = check::check_retries(retries, &mut faults);
        }
        let transform = request.data_transform.as_ref();
        if let Some(output) = check::check_output(request.output.as_ref(), transform, &mut faults) {
            endpoint.output = output;
        }
        endpoint.events = request.events.clone().unwrap_or(endpoint.events);
        let replace = |old: Option<String>, new: &Option<String>| match new {
            Some(new) => Some(new.clone()).filter(|it| !it.trim().is_empty()),
            None => old,
        };
        endpoint.condition = replace(endpoint.condition, &request.condition);
        endpoint.description = replace(endpoint.description, &request.description);
        check::check_content(&endpoint.events, endpoint.condition.as_deref(), &endpoint.output, &mut faults);
        if !faults.is_empty() {
            return Err(invalid_request(faults));
        }
        if request.ed25519 == Some(true) {
            self.ports().ensure_key(connection).await.map_err(unavailable)?;
        }
        endpoint.ed25519 = request.ed25519.unwrap_or(endpoint.ed25519);
        if url.is_none() && email.is_none() && headers.is_none() && request.secret.is_none() {
            return Ok(endpoint);
        }
        let mut secrets = self.vault().open(connection, &endpoint).await.map_err(unavailable)?;
        if let Some(url) = url.filter(|url| url.as_str() != secrets.url) {
            url.as_str().clone_into(&mut secrets.url);
            endpoint.masked_url = url.masked();
            // The new URL may belong to somebody else.
            endpoint = endpoint.with_status(Status::Unverified, now);
        }
        if let Some(email) = email.filter(|email| !is_same_email(email, &secrets.url)) {
            endpoint.masked_url = check::mask_email(&email);
            secrets.url = email;
            secrets.confirmation = Some(self.new_confirmation(connection, &endpoint.id)?);
            endpoint = endpoint.with_status(Status::Unverified, now);
        }
        if let Some(headers) = headers {
            endpoint.header_names = headers.keys().cloned().collect();
            secrets.headers = headers;
        }
        if let Some(secret) = request.secret.as_ref().filter(|it| *it.expose() != secrets.secret) {
            let until = now + SignedDuration::from_secs(GRACE_SECONDS.into());
            secrets = secrets.rotate(secret.expose().clone(), now, until);
        }
        endpoint.sealed = self.vault().seal(connection, &endpoint.id, &secrets).await.map_err(unavailable)?;
        Ok(endpoint)
    }

    /// Deletes an endpoint.
    pub(crate) async fn delete_endpoint(
        &self,
        context: &Context,
        request: &EndpointIdRequest,
    ) -> Result<DoneView, Refusal> {
        let connection = &context.connection;
        for _ in 0..MOST_TRIES {
            let endpoint = self.load_endpoint(context, &request.endpoint).await?;
            match self.store().delete_endpoint(connection, &endpoint).await {
                Ok(()) => {
                    self.stop_publishing(context).await?;
                    tracing::info!(connection = %connection, endpoint.id = %endpoint.id, "endpoint deleted");
                    return Ok(DoneView { success: True, message: "The endpoint is deleted.".to_owned() });
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(unavailable(error)),
            }
        }
        Err(unavailable(PortError::unavailable("other functions repeatedly changed the endpoint")))
    }

    /// Ends the logging of events, if the connection has no endpoint any more.
    async fn stop_publishing(&self, context: &Context) -> Result<(), Refusal> {
        let has_none = async || {
            let all = self.store().list_endpoints(&context.connection).await;
            all.map(|it| it.is_empty()).map_err(unavailable)
        };
        if !has_none().await? {
            return Ok(());
        }
        self.ports().set_publishing(&context.connection, false).await.map_err(unavailable)?;
        // An endpoint may have been created meanwhile.
        if !has_none().await? {
            self.ports().set_publishing(&context.connection, true).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Enables an endpoint, and continues what has waited.
    pub(crate) async fn enable_endpoint(
        &self,
        context: &Context,
        request: &EndpointIdRequest,
    ) -> Result<EndpointView, Refusal> {
        let changed = self.change_endpoint(context, &request.endpoint, async |endpoint| match endpoint.status {
            Status::Unverified => Err(inactive(&endpoint)),
            Status::Enabled => Ok(None),
            Status::Disabled { .. } => self.activate(context, endpoint).await.map(Some),
        });
        let endpoint = changed.await?;
        self.send(&[resume(context, &endpoint)]).await?;
        tracing::info!(connection = %context.connection, endpoint.id = %endpoint.id, "endpoint enabled");
        Ok(view::endpoint(&endpoint))
    }

    /// Returns an endpoint as enabled, after making sure that its lanes continue even if this function is killed.
    pub(crate) async fn activate(&self, context: &Context, endpoint: Endpoint) -> Result<Endpoint, Refusal> {
        self.reset_health(context, &endpoint).await?;
        let now = self.now();
        let again_at = now + RESUME_AGAIN_AFTER;
        let parts = [context.connection.as_str(), endpoint.id.as_str(), &again_at.to_string()];
        let (name, message) = (format!("resume-{}", digest(&parts)), resume(context, &endpoint));
        let queue = self.ports().deliveries().queue();
        queue.send_at(&name, &message, again_at, now).await.map_err(unavailable)?;
        Ok(endpoint.with_status(Status::Enabled, now))
    }

    /// Forgets the failures of an endpoint: else the next one would disable it again.
    pub(crate) async fn reset_health(&self, context: &Context, endpoint: &Endpoint) -> Result<(), Refusal> {
        for _ in 0..MOST_TRIES {
            let loaded = self.store().load_health(&context.connection, &endpoint.id).await;
            let (health, _) = loaded.map_err(unavailable)?;
            let healthy = Health { revision: health.revision, ..Health::default() };
            if health == healthy {
                return Ok(());
            }
            let written = self.store().write_health(&context.connection, &endpoint.id, &healthy).await;
            if written.map_err(unavailable)? {
                return Ok(());
            }
        }
        Err(unavailable(PortError::unavailable("other functions repeatedly changed the endpoint's health")))
    }

    /// Disables an endpoint.
    pub(crate) async fn disable_endpoint(
        &self,
        context: &Context,
        request: &EndpointIdRequest,
    ) -> Result<EndpointView, Refusal> {
        let reason = Disabled::ByCustomer;
        let changed = self.change_endpoint(context, &request.endpoint, async |endpoint| match endpoint.status {
            // An endpoint that was disabled has been verified, so that it can be enabled without a test.
            Status::Unverified => Err(inactive(&endpoint)),
            Status::Enabled => Ok(Some(endpoint.with_status(Status::Disabled { reason }, self.now()))),
            Status::Disabled { .. } => Ok(None),
        });
        let endpoint = changed.await?;
        tracing::info!(connection = %context.connection, endpoint.id = %endpoint.id, "endpoint disabled by its customer");
        Ok(view::endpoint(&endpoint))
    }

    /// Replaces the secret and the catch-up token of an endpoint.
    pub(crate) async fn rotate_secret(
        &self,
        context: &Context,
        request: &RotateSecretRequest,
    ) -> Result<RotatedSecretView, Refusal> {
        let mut faults = Vec::new();
        if let Some(secret) = &request.secret {
            check::check_secret(secret, &mut faults);
        }
        if !faults.is_empty() {
            return Err(invalid_request(faults));
        }
        let connection = &context.connection;
        let secret = secret_or_new(request.secret.as_ref(), self.random()?);
        let (random, now) = (self.random()?, self.now());
        let until = now + SignedDuration::from_secs(request.grace_seconds.unwrap_or(GRACE_SECONDS).into());
        let changed = self.change_endpoint(context, &request.endpoint, async |endpoint| {
            let secrets = self.vault().open(connection, &endpoint).await.map_err(unavailable)?;
            let secrets = secrets.rotate(secret.clone(), now, until);
            let sealed = self.vault().seal(connection, &endpoint.id, &secrets).await.map_err(unavailable)?;
            let token_digest = Some(token_digest(&catch_up_token(connection, &endpoint.id, random)));
            Ok(Some(Endpoint { sealed, token_digest, ..endpoint }))
        });
        let endpoint = changed.await?;
        tracing::info!(connection = %connection, endpoint.id = %endpoint.id, "secret of an endpoint rotated");
        Ok(RotatedSecretView {
            id: endpoint.id.as_str().to_owned(),
            catch_up_token: catch_up_token(connection, &endpoint.id, random).into(),
            secret: secret.into(),
            old_secret_until: until,
        })
    }
}

/// Checks that a request changes only what an endpoint of its kind has.
fn check_target(endpoint: &Endpoint, request: &UpdateEndpointRequest, faults: &mut Vec<Fault>) {
    let (has_url, has_email) = (request.url.is_some(), request.email.is_some());
    let refused: &[(&str, bool)] = match endpoint.target {
        TargetKind::Url => &[("email", has_email)],
        TargetKind::Poll => &[("url", has_url), ("email", has_email)],
        TargetKind::Email => &[
            ("url", has_url),
            ("secret", request.secret.is_some()),
            ("headers", request.headers.is_some()),
            ("ed25519", request.ed25519.is_some()),
            ("verify", request.verify),
        ],
    };
    let problem = match endpoint.target {
        TargetKind::Url => "must be left out: this endpoint has a URL",
        TargetKind::Poll => "must be left out: this endpoint asks for its events",
        TargetKind::Email => "must be left out: events are sent by e-mail",
    };
    faults.extend(refused.iter().filter(|(_, is_given)| *is_given).map(|(path, _)| Fault::new(*path, problem)));
}

/// Returns the message that continues the lanes of an endpoint.
pub(crate) fn resume(context: &Context, endpoint: &Endpoint) -> Delivery {
    Delivery::Resume {
        connection: context.connection.clone(),
        endpoint: endpoint.id.as_str().to_owned(),
        probe: None,
        after: None,
    }
}
