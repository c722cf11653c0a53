//! The ports of the admin function.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use calendly::{Account, App};
use connecting::SecretKind;
use deliveries::{EndpointStore, Seal};
use domain::settings::CrmSettings;
use domain::{BookingId, ConnectionName, Private, ShortLink, Snapshot};
use egress::AddressPolicy;
use engine::{BookingLists, Clock, Connections, ImportStore, PortError, SettingsStore};
use jiff::Timestamp;
use oauth::{GrantStore, Pause};
use runtime::{CalendlyApp, SecretError};
use serde_json::{Map, Value};
use signing::KeyRing;

/// The stored grants of logins.
pub trait Grants: GrantStore {
    /// Deletes a connection's grant. One that does not exist is a success.
    async fn delete_grant(&self, connection: &ConnectionName) -> Result<(), PortError>;
}

/// The secrets of one connection.
pub trait Documents {
    /// Reads a secret's document; empty if there is none.
    async fn read(&self, kind: SecretKind) -> Result<Map<String, Value>, PortError>;

    /// Writes a secret's document.
    async fn write(&self, kind: SecretKind, document: &Map<String, Value>) -> Result<(), PortError>;

    /// Deletes a secret. One that does not exist is a success.
    async fn delete(&self, kind: SecretKind) -> Result<(), PortError>;
}

/// Where Calendly is, and the client that calls it.
#[derive(Clone, Debug)]
pub struct CalendlyService {
    /// The HTTP client.
    pub client: calendly::Client,
    /// The base URL of its API, without a trailing slash.
    pub api_url: String,
    /// The base URL of its logins, without a trailing slash.
    pub auth_url: String,
}

impl CalendlyService {
    /// Returns an account by its token.
    pub(crate) fn account(&self, token: Private<String>) -> Account {
        Account::new(self.client.clone(), &self.api_url, token)
    }

    /// Returns our OAuth app.
    pub(crate) fn app(&self, app: &CalendlyApp) -> App {
        App::new(self.client.clone(), &self.auth_url, &app.client_id, app.client_secret.clone())
    }
}

/// The ports of the admin function, in addition to those that [`front::Front`] needs.
pub trait Ports: front::Ports {
    /// The ports of the deliveries.
    type Deliveries: deliveries::Ports<Store: EndpointStore, Vault: Seal>;

    /// Returns the ports of the deliveries.
    fn deliveries(&self) -> &Self::Deliveries;

    /// The stored connections.
    type Connections: Connections;
    /// The stored grants.
    type Grants: Grants;
    /// The secrets of one connection.
    type Documents: Documents;
    /// The time.
    type Clock: Clock + Pause;

    /// The table, for settings.
    type Table: SettingsStore + ImportStore + BookingLists;

    /// Returns the table.
    fn table(&self) -> &Self::Table;

    /// Reads a booking with its commands. One read.
    async fn load_booking(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError>;

    /// Reads the short link of a code. It may be readable for some time after its end. Up to two reads.
    async fn load_short_link(&self, code: &str) -> Result<Option<ShortLink>, PortError>;

    /// Records that a short link was opened. Only the first time counts. One write.
    async fn record_opening(&self, link: &ShortLink, at: Timestamp) -> Result<(), PortError>;

    /// Checks the account at the customer's CRM, and creates the attributes that it lacks unless it is only a trial.
    /// Returns what is wrong with the account; or why it could not be checked.
    async fn prepare_crm(
        &self,
        connection: &ConnectionName,
        settings: &CrmSettings,
        is_trial: bool,
    ) -> Result<Vec<String>, String>;

    /// Returns the connections.
    fn connections(&self) -> &Self::Connections;

    /// Returns the grants.
    fn grants(&self) -> &Self::Grants;

    /// Returns the secrets of a connection.
    fn documents(&self, connection: &ConnectionName) -> Self::Documents;

    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;

    /// Returns where Calendly is.
    fn calendly(&self) -> &CalendlyService;

    /// Reads our OAuth app at Calendly.
    async fn calendly_app(&self) -> Result<CalendlyApp, SecretError>;

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

    /// Reads the document of a token and its expiry, and deletes it. Of two calls at the same time, one gets it.
    async fn take_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError>;

    /// Reads the document of a setup token and its expiry. It may be readable for some time after that.
    async fn load_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError>;
}
