//! The page that confirms an address. Mail scanners follow links, so GET changes nothing: it shows a button, which
//! posts.

use api::{Refusal, Why};
use deliveries::{Seal, Vault};
use domain::{ConnectionName, Settings};
use endpoints::{Endpoint, EndpointId, Status, TargetKind};
use front::{Caller, Context, Speaker};
use jiff::Timestamp;
use serde_json::Value;

use crate::admin::{Admin, unavailable};
use crate::change::resume;
use crate::page::{Page, page};
use crate::ports::Ports;
use crate::token::{parse_confirmation_token, token_digest};

impl<P: Ports> Admin<P> {
    /// Answers a request for the page.
    pub(crate) async fn confirmation_page(&self, method: &str, query: Option<&str>, deadline: Timestamp) -> Value {
        let token = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("token="));
        let Some((token, (connection, endpoint))) = token.and_then(|it| Some((it, parse_confirmation_token(it)?)))
        else {
            return page(Page::Invalid);
        };
        let speaker = Speaker::default();
        let caller = Caller { speaker, is_trusted: false, idempotency_key: None, endpoint: None, deadline };
        let context = Context::new(caller, connection, Settings::default(), None);
        let answer = match method {
            "POST" => self.confirm(&context, &endpoint, token).await.map(|()| Page::Done),
            "GET" | "HEAD" => self.find_unconfirmed(&context, &endpoint, token).await.map(|_| Page::Ask),
            _ => Ok(Page::Invalid),
        };
        page(answer.unwrap_or_else(|refusal| match refusal.why {
            Why::Unavailable => Page::Failed,
            _ => Page::Invalid,
        }))
    }

    /// Returns the endpoint whose address a token confirms now.
    async fn find_unconfirmed(&self, context: &Context, id: &EndpointId, token: &str) -> Result<Endpoint, Refusal> {
        let endpoint = self.load_endpoint(context, id.as_str()).await?;
        self.check_token(&context.connection, &endpoint, token).await.map(|_| endpoint)
    }

    /// Returns the endpoint's secrets without the token, if the token is the one that confirms its address now.
    async fn check_token(
        &self,
        connection: &ConnectionName,
        endpoint: &Endpoint,
        token: &str,
    ) -> Result<endpoints::EndpointSecrets, Refusal> {
        let refuse = || Refusal::new(Why::NotFound, "The link is not known, was used, or has ended.");
        if endpoint.target != TargetKind::Email || endpoint.status != Status::Unverified {
            return Err(refuse());
        }
        let mut secrets = self.vault().open(connection, endpoint).await.map_err(unavailable)?;
        let confirmation = secrets.confirmation.take().filter(|it| it.until > self.now()).ok_or_else(refuse)?;
        // What is compared are hashes: how long it takes tells nothing about the token.
        if token_digest(&confirmation.token) != token_digest(token) {
            return Err(refuse());
        }
        Ok(secrets)
    }

    /// Enables an endpoint, and continues what has waited.
    async fn confirm(&self, context: &Context, id: &EndpointId, token: &str) -> Result<(), Refusal> {
        let connection = &context.connection;
        let changed = self.change_endpoint(context, id.as_str(), async |endpoint| {
            let secrets = self.check_token(connection, &endpoint, token).await?;
            let sealed = self.vault().seal(connection, &endpoint.id, &secrets).await.map_err(unavailable)?;
            self.activate(context, Endpoint { sealed, ..endpoint }).await.map(Some)
        });
        let endpoint = changed.await?;
        self.send(&[resume(context, &endpoint)]).await?;
        tracing::info!(connection = %connection, endpoint.id = %endpoint.id, "address of an endpoint confirmed");
        Ok(())
    }
}
