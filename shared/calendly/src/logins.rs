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
    reported: Mutex<BTreeMap<ConnectionName, Timestamp>>,
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
    /// that is so.
    pub(crate) async fn report_rejected(&self, connection: &ConnectionName, token: &Private<String>) {
        let now = SystemClock.now();
        {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            if reported.get(connection).is_some_and(|at| *at + REPORTED_EVERY > now) {
                return;
            }
            reported.insert(connection.clone(), now);
        }
        if let Err(error) = self.ask(connection, Some(token)).await {
            tracing::warn!(
                connection = %connection,
                error = domain::error_chain(&error),
                "a rejected token could not be reported to the admin function"
            );
        }
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
                tokens.report_rejected(connection, rejected).await;
                Err(Error::NeedsReconnect)
            }
            Self::Login(tokens, connection) => tokens.token(connection, Some(rejected)).await.map(Some),
        }
    }
}
