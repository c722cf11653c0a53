//! What the front needs from outside.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use engine::{ApiStore, World};
use runtime::{ApiKeys, SecretError};

/// What the front needs from outside.
pub trait Ports {
    /// The world of bookings.
    type World: World<Store: ApiStore>;

    /// Returns the world of bookings.
    fn world(&self) -> &Self::World;

    /// Returns the API keys.
    async fn api_keys(&self) -> Result<ApiKeys, SecretError>;

    /// Reads the API keys again, in case one was just made; `None` when they were read a moment ago.
    async fn reread_api_keys(&self) -> Option<ApiKeys>;

    /// Returns the URL of the API and the webhook function, if known.
    fn public_url(&self) -> Option<&str>;

    /// Adds one to a metric.
    fn count(&self, metric: &str, dimensions: &[(&str, &str)]);
}
