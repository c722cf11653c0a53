//! What the front needs of the outside world.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use engine::{ApiStore, World};
use runtime::{ApiKeys, SecretError};

/// What the front needs of the outside world.
pub trait Ports {
    /// The world of bookings.
    type World: World<Store: ApiStore>;

    /// The world of bookings.
    fn world(&self) -> &Self::World;

    /// The API keys.
    async fn api_keys(&self) -> Result<ApiKeys, SecretError>;

    /// Reads the API keys again, in case one was just made; `None` when they were read a moment ago.
    async fn reread_api_keys(&self) -> Option<ApiKeys>;

    /// Where callers reach the API, and Calendly the webhook function, if it is known.
    fn public_url(&self) -> Option<&str>;

    /// Counts a metric.
    fn count(&self, metric: &str, dimensions: &[(&str, &str)]);
}
