//! Access tokens of connections whose owner logged in with OAuth. The admin function hands them out: it alone has the
//! refresh tokens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use domain::{ConnectionName, Private};
use jiff::{SignedDuration, Timestamp};
use runtime::SystemClock;
use wire::tokens::{TokenReply, TokenRequest};

use crate::error::Error;

/// A token is not used in its last minute: a call takes time.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// The admin function is told once a minute that a personal token was rejected.
const REPORTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The access tokens that an instance of a function has.
#[derive(Debug)]
pub struct LoginTokens {
    client: aws_sdk_lambda::Client,
    /// The ARN of the admin function's alias.
    function: String,
    cached: Mutex<BTreeMap<ConnectionName, Cached>>,
    /// When a rejected personal token was reported, and whether the connection needs a new one.
    reported: Mutex<BTreeMap<ConnectionName, (Timestamp, bool)>>,
}

#[derive(Clone, Debug)]
struct Cached {
    token: Private<String>,
    expires_at: Timestamp,
}

impl LoginTokens {
    /// `function` is the ARN of the admin function's alias for tokens.
    pub fn new(sdk: &SdkConfig, function: impl Into<String>) -> Self {
        Self::of_client(aws_sdk_lambda::Client::new(sdk), function)
    }

    /// With a client of its own, for tests.
    pub fn of_client(client: aws_sdk_lambda::Client, function: impl Into<String>) -> Self {
        Self { client, function: function.into(), cached: Mutex::default(), reported: Mutex::default() }
    }

    /// Returns an access token; another one than `rejected`, which Calendly answered with 401.
    ///
    /// # Errors
    /// [`Error::NeedsReconnect`], or [`Error::NoToken`] if there is none now.
    pub async fn token(
        &self,
        connection: &ConnectionName,
        rejected: Option<&Private<String>>,
    ) -> Result<Private<String>, Error> {
        let now = SystemClock.now();
        let usable = |it: &Cached| it.expires_at > now + MARGIN && rejected.is_none_or(|token| *token != it.token);
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        if let Some(cached) = cached.filter(usable) {
            return Ok(cached.token);
        }
        match self.ask(connection, rejected).await? {
            TokenReply::Token { access_token, expires_at } => {
                let cached = Cached { token: access_token.clone(), expires_at };
                self.cached.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), cached);
                Ok(access_token)
            }
            TokenReply::NeedsReconnect => Err(Error::NeedsReconnect),
            TokenReply::NotBefore { at } => Err(Error::NoToken {
                problem: format!("Calendly's login gives no token before {at}"),
                is_missing: false,
            }),
            TokenReply::Accepted => Err(Error::NoToken {
                problem: "the connection has a personal token, which is not read yet".to_owned(),
                is_missing: false,
            }),
        }
    }

    /// Reports that Calendly answered 401 to a personal token. The admin function looks, and marks the connection if
    /// that is so. Returns whether it is: then somebody must connect again.
    pub(crate) async fn report_rejected(&self, connection: &ConnectionName, token: &Private<String>) -> bool {
        let now = SystemClock.now();
        let known = self.reported.lock().unwrap_or_else(PoisonError::into_inner).get(connection).copied();
        if let Some((at, is_lost)) = known
            && at + REPORTED_EVERY > now
        {
            return is_lost;
        }
        let is_lost = match self.ask(connection, Some(token)).await {
            Ok(reply) => reply == TokenReply::NeedsReconnect,
            Err(error) => {
                let error = domain::error_chain(&error);
                tracing::warn!(connection = %connection, error, "a rejected token could not be reported");
                return false;
            }
        };
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), (now, is_lost));
        is_lost
    }

    async fn ask(&self, connection: &ConnectionName, rejected: Option<&Private<String>>) -> Result<TokenReply, Error> {
        let rejected = rejected.map(|token| oauth::fingerprint(token.expose()));
        let request = TokenRequest { connection: connection.clone(), rejected };
        let unavailable = |problem: String| Error::NoToken { problem, is_missing: false };
        let payload = serde_json::to_vec(&request).map_err(|error| unavailable(error.to_string()))?;
        let answer = self.client.invoke().function_name(&self.function).payload(Blob::new(payload)).send().await;
        let answer = answer.map_err(|error| {
            let error = error.into_service_error();
            unavailable(format!("the admin function gave no token: {}", domain::error_chain(&error)))
        })?;
        let reply = answer.payload().filter(|_| answer.function_error().is_none());
        let reply = reply.and_then(|payload| TokenReply::parse(payload.as_ref()));
        reply.ok_or_else(|| unavailable("the admin function gave no token: it failed".to_owned()))
    }
}

/// How an account gets its token.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// It was given, and is not replaced.
    Given,
    /// A personal token of a connection.
    Personal(std::sync::Arc<LoginTokens>, ConnectionName),
    /// The login of a connection.
    Login(std::sync::Arc<LoginTokens>, ConnectionName),
}

impl Source {
    /// Returns another token after Calendly answered 401 to one; `None` if there is no other.
    pub(crate) async fn replace(&self, rejected: &Private<String>) -> Result<Option<Private<String>>, Error> {
        match self {
            Self::Given => Ok(None),
            Self::Personal(tokens, connection) => {
                let is_lost = tokens.report_rejected(connection, rejected).await;
                if is_lost { Err(Error::NeedsReconnect) } else { Ok(None) }
            }
            Self::Login(tokens, connection) => tokens.token(connection, Some(rejected)).await.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_sdk_lambda::config::retry::RetryConfig;
    use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
    use engine::Calendly as _;
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures;

    /// The admin function's alias: a stand-in for Lambda, which answers each invocation with the next reply.
    fn tokens(replies: Vec<Value>) -> (Arc<LoginTokens>, StandIn) {
        let mut replies = replies.into_iter();
        let lambda = StandIn::start(move |_| match replies.next() {
            Some(reply) => Answer::json(200, reply),
            None => Answer::new(500, ""),
        });
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(lambda.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        (Arc::new(LoginTokens::of_client(aws_sdk_lambda::Client::from_conf(config), "admin:tokens")), lambda)
    }

    fn token(name: &str) -> Value {
        let expires_at = SystemClock.now() + SignedDuration::from_hours(2);
        json!({ "type": "token", "access_token": name, "expires_at": expires_at })
    }

    /// Calendly accepts one token only.
    fn calendly(accepted: &'static str) -> StandIn {
        StandIn::start(move |request| match request.header("authorization") {
            Some(header) if header == format!("Bearer {accepted}") => fixtures::resource(
                &json!({ "uri": fixtures::ME, "timezone": "Europe/Bucharest", "current_organization": "O1" }),
            ),
            _ => Answer::json(401, json!({ "title": "Unauthenticated" })),
        })
    }

    async fn host_zone(rest: &crate::Rest, connection: &str) -> Result<Option<String>, engine::PortError> {
        rest.fetch_host_zone(&ConnectionName::parse(connection).expect("a name"), fixtures::ME).await
    }

    #[tokio::test]
    async fn a_connection_without_a_personal_token_uses_its_login_and_keeps_the_token() {
        let (tokens, lambda) = tokens(vec![token("a-1")]);
        let calendly = calendly("a-1");
        let rest = fixtures::rest(calendly.url()).with_logins(Arc::clone(&tokens));
        for name in ["empty", "no-secret", "empty"] {
            let found = host_zone(&rest, name).await;
            if name == "empty" {
                assert_eq!(found.expect("an answer").as_deref(), Some("Europe/Bucharest"));
            } else {
                assert!(found.is_err(), "the stand-in has no second token");
            }
        }
        let asked = lambda.requests();
        assert_eq!(asked.len(), 2, "a token is asked for once for each connection");
        assert_eq!(asked[0].method_and_path(), "POST /2015-03-31/functions/admin%3Atokens/invocations");
        assert_eq!(asked[0].json(), json!({ "connection": "empty" }));
    }

    #[tokio::test]
    async fn a_rejected_token_is_replaced_and_the_call_made_once_more() {
        let (tokens, lambda) = tokens(vec![token("a-1"), token("a-2")]);
        let calendly = calendly("a-2");
        let rest = fixtures::rest(calendly.url()).with_logins(tokens);
        assert_eq!(host_zone(&rest, "empty").await.expect("an answer").as_deref(), Some("Europe/Bucharest"));
        assert_eq!(calendly.requests().len(), 2);
        let rejected = json!({ "connection": "empty", "rejected": oauth::fingerprint("a-1") });
        assert_eq!(lambda.requests()[1].json(), rejected);
    }

    #[tokio::test]
    async fn a_lost_login_or_personal_token_needs_a_reconnect() {
        let lost = json!({ "type": "needs_reconnect" });
        let (tokens, lambda) = tokens(vec![lost.clone(), lost]);
        let calendly = calendly("none");
        let rest = fixtures::rest(calendly.url()).with_logins(tokens);
        for name in ["empty", "default", "default"] {
            let error = host_zone(&rest, name).await.expect_err("no login");
            assert!(matches!(error, engine::PortError::NeedsReconnect), "{name}: {error:?}");
        }
        assert_eq!(lambda.requests().len(), 2, "a personal token is reported once a minute");
    }

    #[tokio::test]
    async fn a_personal_token_that_was_replaced_meanwhile_is_no_reason_to_reconnect() {
        let (tokens, _lambda) = tokens(vec![json!({ "type": "accepted" })]);
        let calendly = calendly("none");
        let rest = fixtures::rest(calendly.url()).with_logins(tokens);
        let error = host_zone(&rest, "default").await.expect_err("401");
        assert!(matches!(error, engine::PortError::Unavailable { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_function_that_fails_or_has_no_token_now_is_unavailable() {
        for reply in [
            json!({ "errorType": "Sandbox.Timedout", "errorMessage": "timed out" }),
            json!({ "type": "not_before", "at": "2127-01-01T00:00:00Z" }),
        ] {
            let (tokens, _lambda) = tokens(vec![reply]);
            let calendly = calendly("none");
            let rest = fixtures::rest(calendly.url()).with_logins(tokens);
            let error = host_zone(&rest, "empty").await.expect_err("no token");
            assert!(matches!(error, engine::PortError::Unavailable { .. }), "{error:?}");
            assert!(calendly.requests().is_empty());
        }
    }
}
