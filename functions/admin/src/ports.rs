//! The ports of the admin function.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use deliveries::{EndpointStore, Seal};
use domain::ConnectionName;
use egress::AddressPolicy;
use engine::PortError;
use jiff::Timestamp;
use signing::KeyRing;

/// The ports of the admin function, in addition to those that [`front::Front`] needs.
pub trait Ports: front::Ports {
    /// The ports of the deliveries.
    type Deliveries: deliveries::Ports<Store: EndpointStore, Vault: Seal>;

    /// Returns the ports of the deliveries.
    fn deliveries(&self) -> &Self::Deliveries;

    /// Returns which addresses a URL may lead to.
    fn address_policy(&self) -> &AddressPolicy;

    /// Makes 256 random bits.
    fn random(&self) -> Result<[u8; 32], PortError>;

    /// Stores whether a connection has endpoints: without any, the events of its bookings are not logged.
    async fn set_publishing(&self, connection: &ConnectionName, publishes: bool) -> Result<(), PortError>;

    /// Returns the ed25519 keys of a connection; an empty ring if it has none.
    async fn key_ring(&self, connection: &ConnectionName) -> Result<KeyRing, PortError>;

    /// Makes the first ed25519 key of a connection, if it has none.
    async fn ensure_key(&self, connection: &ConnectionName) -> Result<(), PortError>;

    /// Makes the next ed25519 key of a connection, unless one waits for its first use already. Returns the keys.
    async fn rotate_key(&self, connection: &ConnectionName) -> Result<KeyRing, PortError>;

    /// Stores a document until it expires, under the digest of its setup token.
    async fn put_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError>;

    /// Reads the document of a setup token and its expiry. It may be readable for some time after that.
    async fn load_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError>;
}
