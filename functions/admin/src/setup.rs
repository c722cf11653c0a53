//! A receiver registers itself: with a token that works once, within an hour.

use std::collections::BTreeMap;

use api::endpoint_answer::{SetupTokenView, SetupView};
use api::endpoint_request::{SetupRequest, SetupTokenRequest};
use api::{Refusal, Why};
use endpoints::{EndpointId, RetryPolicy, TargetKind};
use front::{Context, invalid_request};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::{Admin, unavailable};
use crate::check;
use crate::create::NewEndpoint;
use crate::ports::Ports;
use crate::token::{is_setup_token, setup_token, token_digest};

/// How long a setup token works.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What is stored of a setup token.
#[derive(Serialize, Deserialize)]
struct Plan {
    events: Vec<String>,
    description: Option<String>,
    ed25519: bool,
    /// Whether an endpoint was created with it.
    #[serde(default)]
    is_used: bool,
}

impl<P: Ports> Admin<P> {
    /// Makes a setup token.
    pub(crate) async fn setup_token(
        &self,
        context: &Context,
        request: &SetupTokenRequest,
    ) -> Result<SetupTokenView, Refusal> {
        let events = request.events.clone().unwrap_or_else(|| vec!["*".to_owned()]);
        let mut faults = Vec::new();
        check::check_content(&events, None, &Value::Null, &mut faults);
        if !faults.is_empty() {
            return Err(invalid_request(faults));
        }
        let plan = Plan { events, description: request.description.clone(), ed25519: request.ed25519, is_used: false };
        let token = setup_token(&context.connection, self.random()?);
        let expires_at = self.now() + LIFETIME;
        self.put_plan(context, &token_digest(&token), &plan, expires_at).await?;
        tracing::info!(connection = %context.connection, "setup token made");
        Ok(SetupTokenView { token: token.into(), expires_at, setup_url: self.url("/api/endpoints/setup") })
    }

    /// Creates an endpoint with a setup token.
    pub(crate) async fn setup(&self, context: &Context, request: &SetupRequest) -> Result<SetupView, Refusal> {
        let connection = &context.connection;
        let refuse = || {
            let message = "The setup token is not known, was used, or is older than an hour. Make a new one.";
            Refusal::new(Why::SetupTokenInvalid, message)
        };
        let token = request.token.expose();
        if !is_setup_token(token, connection) {
            return Err(refuse());
        }
        let digest = token_digest(token);
        let stored = self.ports().load_setup_token(connection, &digest).await.map_err(unavailable)?;
        let (document, expires) = stored.filter(|(_, expires)| *expires > self.now()).ok_or_else(refuse)?;
        let plan: Option<Plan> = serde_json::from_str(&document).ok();
        let plan = plan.filter(|it| !it.is_used).ok_or_else(refuse)?;
        let mut faults = Vec::new();
        let url = check::check_url(&request.url, self.ports().address_policy(), &mut faults);
        if let Some(secret) = &request.secret {
            check::check_secret(secret, &mut faults);
        }
        let Some(url) = url.filter(|_| faults.is_empty()) else { return Err(invalid_request(faults)) };
        let new = NewEndpoint {
            // The token leads to one id, so that two calls at the same time create one endpoint.
            id: EndpointId::from_digest(&digest),
            target: TargetKind::Url,
            masked_url: url.masked(),
            description: plan.description.clone(),
            events: plan.events.clone(),
            condition: None,
            output: Value::Null,
            retry: RetryPolicy::default(),
            ed25519: plan.ed25519,
            url: url.as_str().to_owned(),
            headers: BTreeMap::new(),
            secret: request.secret.clone(),
        };
        let created = self.create(context, new).await.map_err(|refusal| match refusal.why {
            Why::KeyReused { .. } => refuse(),
            _ => refusal,
        })?;
        let (secret, catch_up_token) = created.shown.ok_or_else(refuse)?;
        self.put_plan(context, &digest, &Plan { is_used: true, ..plan }, expires).await?;
        let mut endpoint = created.endpoint;
        let mut verification = None;
        if request.verify {
            let (test, tested) = self.run_test(context, endpoint, events::EventType::WebhookTest).await?;
            (verification, endpoint) = (Some(test), tested);
        }
        Ok(SetupView {
            id: endpoint.id.as_str().to_owned(),
            secret: secret.into(),
            catch_up_token: catch_up_token.into(),
            keys_url: self.url(&format!("/.well-known/webhook-keys/{connection}")),
            api_url: self.url(""),
            status: endpoint.status.name().to_owned(),
            verification,
        })
    }

    async fn put_plan(
        &self,
        context: &Context,
        digest: &str,
        plan: &Plan,
        expires: jiff::Timestamp,
    ) -> Result<(), Refusal> {
        let document = serde_json::to_string(plan).unwrap_or_default();
        let put = self.ports().put_setup_token(&context.connection, digest, &document, expires).await;
        put.map_err(unavailable)
    }

    /// Returns a URL of this API; its path, if the address is not known.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ports().public_url().unwrap_or_default())
    }
}
