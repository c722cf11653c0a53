//! Answers the other functions that need an access token of Calendly. They reach this by the function's alias
//! `tokens`, and can do nothing else by it.

use domain::error_chain;
use jiff::SignedDuration;
use oauth::{TokenError, fingerprint};
use serde_json::Value;
use wire::tokens::{TokenReply, TokenRequest};

use crate::admin::Admin;
use crate::ports::Ports;

/// The wait before another try, when our own table or secrets fail.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

impl<P: Ports> Admin<P> {
    /// Handles a request for a token. Returns `null` for anything else.
    pub async fn handle_token_request(&self, event: Value) -> Value {
        let Ok(request) = serde_json::from_value::<TokenRequest>(event) else {
            tracing::error!("a request for a token is malformed");
            return Value::Null;
        };
        self.answer_token_request(&request).await.to_json()
    }

    async fn answer_token_request(&self, request: &TokenRequest) -> TokenReply {
        let (name, rejected) = (&request.connection, request.rejected.as_deref());
        let later = || TokenReply::NotBefore { at: self.now() + RETRY_AFTER };
        let personal = match self.personal_token(name).await {
            Ok(personal) => personal,
            Err(_) => return later(),
        };
        if let Some(personal) = personal {
            if rejected != Some(fingerprint(personal.expose()).as_str()) {
                return TokenReply::Accepted;
            }
            // Calendly is asked once more: one strange answer must not switch a connection off.
            return match self.account(&personal).me().await {
                Err(error) if error.is_unauthenticated() => self.report_lost(name).await,
                Ok(_) | Err(_) => TokenReply::Accepted,
            };
        }
        match self.login_token(name, rejected).await {
            Ok(token) => {
                if self.mark_found(name).await.is_err() {
                    tracing::warn!(connection = %name, "the status of a connection is not up to date");
                }
                TokenReply::Token { access_token: token.token, expires_at: token.expires_at }
            }
            Err(TokenError::Lost | TokenError::NoGrant) => self.report_lost(name).await,
            Err(TokenError::NotBefore(at)) => TokenReply::NotBefore { at },
            Err(error @ TokenError::Store(_)) => {
                tracing::error!(connection = %name, error = error_chain(&error), "no token");
                later()
            }
        }
    }

    async fn report_lost(&self, name: &domain::ConnectionName) -> TokenReply {
        tracing::error!(connection = %name, "Calendly accepts neither login nor token: connect again");
        if self.mark_lost(name).await.is_err() {
            tracing::warn!(connection = %name, "the status of a connection is not up to date");
        }
        TokenReply::NeedsReconnect
    }
}
