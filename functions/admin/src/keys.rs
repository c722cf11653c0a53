//! The ed25519 keys of a connection.

use api::Refusal;
use api::endpoint_answer::{WebhookKeyView, WebhookKeysView};
use front::Context;
use signing::KeyRing;

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;

impl<P: Ports> Admin<P> {
    /// Returns the public keys of a connection. One that does not exist has none, so that names cannot be guessed.
    pub(crate) async fn webhook_keys(&self, context: &Context) -> Result<WebhookKeysView, Refusal> {
        Ok(self.published(&self.ports().key_ring(&context.connection).await.map_err(unavailable)?))
    }

    /// Adds a key, unless one waits for its first use already.
    pub(crate) async fn rotate_webhook_key(&self, context: &Context) -> Result<WebhookKeysView, Refusal> {
        let ring = self.ports().rotate_key(&context.connection).await.map_err(unavailable)?;
        tracing::info!(connection = %context.connection, "ed25519 key of a connection rotated");
        Ok(self.published(&ring))
    }

    fn published(&self, ring: &KeyRing) -> WebhookKeysView {
        let keys = ring.published_keys(self.now()).keys.into_iter().map(|it| WebhookKeyView {
            id: it.id,
            key: it.key,
            not_before: it.not_before,
            not_after: it.not_after,
        });
        WebhookKeysView { keys: keys.collect() }
    }
}
