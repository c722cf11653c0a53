//! Endpoints are created, listed and read.

use std::collections::BTreeMap;

use api::answer::True;
use api::endpoint_answer::{CreatedEndpointView, EndpointView, EndpointsView};
use api::endpoint_request::{CreateEndpointRequest, DeliveryKind, EndpointIdRequest, ListEndpointsRequest};
use api::{Fault, Refusal, Why};
use deliveries::{DeliveryStore, Seal, Vault};
use domain::{ConnectionName, Private, digest};
use endpoints::{Endpoint, EndpointId, EndpointSecrets, RetryPolicy, Status, TargetKind};
use engine::CommitError;
use front::{Context, invalid_request};
use serde_json::{Value, json};
use signing::Secret;

use crate::admin::{Admin, MOST_ENDPOINTS, unavailable};
use crate::check;
use crate::ports::Ports;
use crate::token::{catch_up_token, token_digest};
use crate::view;

/// The default length of a page of endpoints.
const PAGE: u32 = 50;

/// Ids that are parts of our own paths.
const RESERVED_IDS: [&str; 4] = ["statistics", "setup", "setup-token", "confirm"];

/// A checked endpoint that does not exist yet.
pub(crate) struct NewEndpoint {
    pub(crate) id: EndpointId,
    pub(crate) target: TargetKind,
    pub(crate) masked_url: String,
    pub(crate) description: Option<String>,
    pub(crate) events: Vec<String>,
    pub(crate) condition: Option<String>,
    pub(crate) output: Value,
    pub(crate) retry: RetryPolicy,
    pub(crate) ed25519: bool,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// The customer's own secret.
    pub(crate) secret: Option<Private<String>>,
}

/// An endpoint that was created, or that the same request had created before.
pub(crate) struct Created {
    pub(crate) endpoint: Endpoint,
    /// The secret and the catch-up token, if they were made now.
    pub(crate) shown: Option<(String, String)>,
}

impl NewEndpoint {
    /// Returns the digest of the request, without its secrets: it is stored in the clear.
    fn request_digest(&self) -> String {
        let names: Vec<_> = self.headers.keys().collect();
        let request = json!([
            self.target,
            self.masked_url,
            self.description,
            self.events,
            self.condition,
            self.output,
            self.retry,
            self.ed25519,
            names,
        ]);
        digest(&[&request.to_string()])
    }
}

impl<P: Ports> Admin<P> {
    /// Creates an endpoint.
    pub(crate) async fn create_endpoint(
        &self,
        context: &Context,
        request: &CreateEndpointRequest,
    ) -> Result<CreatedEndpointView, Refusal> {
        let new = self.check_new(context, request)?;
        let Created { mut endpoint, shown } = self.create(context, new).await?;
        let is_email = endpoint.target == TargetKind::Email;
        if is_email && endpoint.status == Status::Unverified {
            self.send_confirmation(context, &endpoint).await?;
        }
        let mut verification = None;
        if request.verify && endpoint.status == Status::Unverified {
            let (test, tested) = self.run_test(context, endpoint, events::EventType::WebhookTest).await?;
            (verification, endpoint) = (Some(test), tested);
        }
        let message = match (&shown, endpoint.status) {
            (None, _) => {
                "The endpoint exists: the same request created it. Its secret and its catch-up token were shown then. If \
                 that answer was lost, rotate the secret."
            }
            (Some(_), Status::Unverified) if is_email => {
                "The endpoint is created. Store its catch-up token, which is not shown again. Its events wait until the \
                 link that is sent to the address is confirmed, within 72 hours. To send it again, test the endpoint."
            }
            (Some(_), Status::Unverified) => {
                "The endpoint is created. Store its secret and its catch-up token, which are not shown again. Its events \
                 wait until the URL has answered a test with 2xx."
            }
            (Some(_), Status::Enabled | Status::Disabled { .. }) => {
                "The endpoint is created. Store its secret and its catch-up token, which are not shown again."
            }
        };
        let (secret, token): (Option<Private<String>>, _) =
            shown.map(|(secret, token)| (secret.into(), token.into())).unzip();
        // Nothing that is sent by e-mail is signed with it.
        let secret = secret.filter(|_| !is_email);
        Ok(CreatedEndpointView {
            success: True,
            webhook_id: endpoint.id.as_str().to_owned(),
            message: message.to_owned(),
            endpoint: view::endpoint(&endpoint),
            secret,
            catch_up_token: token,
            verification,
        })
    }

    /// Checks a request to create an endpoint.
    fn check_new(&self, context: &Context, request: &CreateEndpointRequest) -> Result<NewEndpoint, Refusal> {
        let mut faults = Vec::new();
        let id = self.choose_id(context, request.id.as_deref(), &mut faults)?;
        let policy = self.ports().address_policy();
        let url = request.url.as_ref().and_then(|url| check::check_url(url, policy, &mut faults));
        let email = request.email.as_ref().and_then(|email| check::check_email(email, &mut faults));
        if email.is_some() {
            self.check_can_send(context, &mut faults);
        }
        if let Some(secret) = &request.secret {
            check::check_secret(secret, &mut faults);
        }
        let headers = check::check_headers(&request.headers, &mut faults);
        let retry = request.retry_config.map(|it| check::check_retries(it, &mut faults)).unwrap_or_default();
        let output = check::check_output(request.output.as_ref(), request.data_transform.as_ref(), &mut faults);
        let output = output.unwrap_or_default();
        let condition = request.condition.clone().filter(|it| !it.trim().is_empty());
        check::check_content(&request.events, condition.as_deref(), &output, &mut faults);
        if !faults.is_empty() {
            return Err(invalid_request(faults));
        }
        Ok(NewEndpoint {
            id,
            target: match request.delivery.unwrap_or_default() {
                DeliveryKind::Url => TargetKind::Url,
                DeliveryKind::Poll => TargetKind::Poll,
                DeliveryKind::Email => TargetKind::Email,
            },
            masked_url: match &email {
                Some(address) => check::mask_email(address),
                None => url.as_ref().map(egress::TargetUrl::masked).unwrap_or_default(),
            },
            description: request.description.clone().filter(|it| !it.is_empty()),
            events: request.events.clone(),
            condition,
            output,
            retry,
            ed25519: request.ed25519,
            url: email.or_else(|| url.map(|it| it.as_str().to_owned())).unwrap_or_default(),
            headers,
            secret: request.secret.clone(),
        })
    }

    /// Returns the id that the caller chose, the one that its idempotency key leads to, or a new one.
    fn choose_id(
        &self,
        context: &Context,
        chosen: Option<&str>,
        faults: &mut Vec<Fault>,
    ) -> Result<EndpointId, Refusal> {
        let connection = context.connection.as_str();
        let made = match &context.caller.idempotency_key {
            Some(key) => digest(&["endpoint", connection, key]),
            None => hex::encode(self.random()?),
        };
        let Some(chosen) = chosen else { return Ok(EndpointId::from_digest(&made)) };
        let id = EndpointId::parse(chosen).filter(|it| !RESERVED_IDS.contains(&it.as_str()));
        Ok(id.unwrap_or_else(|| {
            let problem =
                "must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and not statistics, setup, setup-token or confirm";
            faults.push(Fault::new("id", problem));
            EndpointId::from_digest(&made)
        }))
    }

    /// Stores a new endpoint. If there is one with its id, it is returned if the same request created it.
    pub(crate) async fn create(&self, context: &Context, new: NewEndpoint) -> Result<Created, Refusal> {
        let connection = &context.connection;
        let all = self.store().list_endpoints(connection).await.map_err(unavailable)?;
        if let Some(found) = all.iter().find(|it| it.id == new.id) {
            return self.repeat(connection, found, &new).await;
        }
        if all.len() >= usize::try_from(MOST_ENDPOINTS).unwrap_or(usize::MAX) {
            let message =
                format!("The connection has {MOST_ENDPOINTS} endpoints, which is the most. Delete one first.");
            return Err(Refusal::new(Why::TooManyEndpoints { most: MOST_ENDPOINTS }, message));
        }
        let secret = secret_or_new(new.secret.as_ref(), self.random()?);
        let token = catch_up_token(connection, &new.id, self.random()?);
        let secrets = EndpointSecrets {
            url: new.url.clone(),
            secret: secret.clone(),
            previous: Vec::new(),
            headers: new.headers.clone(),
            confirmation: match new.target {
                TargetKind::Email => Some(self.new_confirmation(connection, &new.id)?),
                TargetKind::Url | TargetKind::Poll => None,
            },
        };
        let sealed = self.vault().seal(connection, &new.id, &secrets).await.map_err(unavailable)?;
        let now = self.now();
        let endpoint = Endpoint {
            id: new.id.clone(),
            created_at: now,
            target: new.target,
            masked_url: new.masked_url.clone(),
            description: new.description.clone(),
            events: new.events.clone(),
            condition: new.condition.clone(),
            output: new.output.clone(),
            retry: new.retry,
            ed25519: new.ed25519,
            // There is no URL to verify where the endpoint asks.
            status: if new.target == TargetKind::Poll { Status::Enabled } else { Status::Unverified },
            status_since: now,
            receives_since: now,
            sealed,
            header_names: new.headers.keys().cloned().collect(),
            token_digest: Some(token_digest(&token)),
            request_digest: new.request_digest(),
            revision: 0,
        };
        if endpoint.ed25519 {
            self.ports().ensure_key(connection).await.map_err(unavailable)?;
        }
        // An endpoint with the same id may have been deleted.
        self.reset_health(context, &endpoint).await?;
        match self.store().write_endpoint(connection, &endpoint).await {
            Ok(()) => {}
            Err(CommitError::Conflict) => {
                let found = self.load_endpoint(context, endpoint.id.as_str()).await?;
                self.ports().set_publishing(connection, true).await.map_err(unavailable)?;
                return self.repeat(connection, &found, &new).await;
            }
            Err(CommitError::Port(error)) => return Err(unavailable(error)),
        }
        // After the write: the deletion of the last endpoint may switch it off at the same time.
        self.ports().set_publishing(connection, true).await.map_err(unavailable)?;
        tracing::info!(connection = %connection, endpoint.id = %endpoint.id, "endpoint created");
        Ok(Created { endpoint: Endpoint { revision: 1, ..endpoint }, shown: Some((secret, token)) })
    }

    /// Returns the endpoint that the same request created before.
    async fn repeat(
        &self,
        connection: &ConnectionName,
        found: &Endpoint,
        new: &NewEndpoint,
    ) -> Result<Created, Refusal> {
        let stored = self.vault().open(connection, found).await.map_err(unavailable)?;
        let is_same = found.request_digest == new.request_digest()
            && stored.url == new.url
            && stored.headers == new.headers
            && new.secret.as_ref().is_none_or(|it| *it.expose() == stored.secret);
        if is_same {
            return Ok(Created { endpoint: found.clone(), shown: None });
        }
        let why = Why::KeyReused { booking: None, endpoint: Some(found.id.as_str().to_owned()) };
        let message =
            "Another request created the endpoint of this id or idempotency key, or the endpoint was changed since.";
        Err(Refusal::new(why, message))
    }

    /// Lists the endpoints.
    pub(crate) async fn list_endpoints(
        &self,
        context: &Context,
        request: &ListEndpointsRequest,
    ) -> Result<EndpointsView, Refusal> {
        let all = self.store().list_endpoints(&context.connection).await.map_err(unavailable)?;
        let is_after = |it: &&Endpoint| request.after.as_ref().is_none_or(|after| it.id.as_str() > after.as_str());
        let mut rest = all.iter().filter(is_after);
        let limit = usize::try_from(request.limit.unwrap_or(PAGE)).unwrap_or(usize::MAX);
        let endpoints: Vec<EndpointView> = rest.by_ref().take(limit).map(view::endpoint).collect();
        let next = endpoints.last().map(|it| it.id.clone()).filter(|_| rest.next().is_some());
        Ok(EndpointsView { endpoints, next })
    }

    /// Returns an endpoint.
    pub(crate) async fn endpoint(
        &self,
        context: &Context,
        request: &EndpointIdRequest,
    ) -> Result<EndpointView, Refusal> {
        Ok(view::endpoint(&self.load_endpoint(context, &request.endpoint).await?))
    }
}

/// Returns a secret of the caller, or a new one.
pub(crate) fn secret_or_new(given: Option<&Private<String>>, random: [u8; 32]) -> String {
    given.map_or_else(|| Secret::generate(random).expose().to_owned(), |it| it.expose().clone())
}
