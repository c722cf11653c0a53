//! What the front needs from outside.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{ConnectionName, Settings};
use engine::PortError;
use jiff::Timestamp;
use runtime::config::DirectAccess;
use runtime::{ApiKeys, SecretError};

/// The endpoint that a catch-up token belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenOwner {
    /// The endpoint's connection.
    pub connection: ConnectionName,
    /// The endpoint's id.
    pub endpoint: String,
}

/// What the front needs from outside.
pub trait Ports {
    /// Reads the settings of a connection.
    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError>;

    /// Reserves up to `wanted` of a key's permits for the minute of `now`. Returns the number of reserved permits.
    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError>;

    /// Returns the time now.
    fn now(&self) -> Timestamp;

    /// Returns the API keys.
    async fn api_keys(&self) -> Result<ApiKeys, SecretError>;

    /// Reads the API keys again, in case one was just made; `None` when they were read a moment ago.
    async fn reread_api_keys(&self) -> Option<ApiKeys>;

    /// Returns the endpoint that a catch-up token belongs to; `None` if the token opens nothing. A function without
    /// such operations accepts no token.
    async fn token_owner(&self, _token: &str) -> Result<Option<TokenOwner>, PortError> {
        Ok(None)
    }

    /// Returns what a direct invocation may do, which has no key.
    fn direct_access(&self) -> DirectAccess;

    /// Returns the URL of the API and the webhook function, if known.
    fn public_url(&self) -> Option<&str>;

    /// Writes a line of the audit to its log group. It takes a second at most, because the caller waits for it: Lambda
    /// stops the function when it has answered.
    async fn write_audit(&self, line: &str) -> Result<(), PortError>;

    /// Adds one to a metric.
    fn count(&self, metric: &str, dimensions: &[(&str, &str)]);
}
