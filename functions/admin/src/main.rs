//! The admin function: customers' systems call it over HTTP with a key, or it is invoked directly by IAM.

use std::sync::Arc;

use admin::{Admin, CalendlyService, Documents, Grants, Ports, find_token_owner};
use connecting::{SecretKind, SecretStore};
use deliveries::Ports as _;
use delivery_world::AwsDeliveries;
use domain::settings::CrmSettings;
use domain::{BookingId, ConnectionName, Settings, ShortLink, Snapshot};
use egress::AddressPolicy;
use engine::{ApiStore, Clock, CommitError, PortError, Store};
use front::{Input, TokenOwner};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use oauth::{Grant, GrantStore, Pause};
use runtime::aws::{self, Timeouts};
use runtime::config::{AdminConfig, DirectAccess, Environment};
use runtime::{ApiKeys, AuditLog, CalendlyApp, SecretError, Secrets, SystemClock, telemetry};
use serde_json::{Map, Value};
use signing::KeyRing;
use store::SealedDocument;
use wire::tokens::TOKENS_ALIAS;

/// The real ports of this function.
struct AwsPorts {
    deliveries: AwsDeliveries,
    secrets: Arc<Secrets>,
    crm: crm::Brevo,
    secrets_manager: aws_sdk_secretsmanager::Client,
    secret_prefix: String,
    calendly: CalendlyService,
    clock: RealClock,
    public_url: Option<String>,
    direct: DirectAccess,
    audit: AuditLog,
}

/// The machine's clock.
struct RealClock(SystemClock);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Pause for RealClock {
    async fn pause(&self, time: SignedDuration) {
        tokio::time::sleep(time.unsigned_abs()).await;
    }
}

/// Names a grant in the encryption.
const GRANT_CONTEXT: &str = "calendly.login";

impl GrantStore for AwsPorts {
    async fn load_grant(&self, connection: &ConnectionName) -> Result<Option<(Grant, u64)>, PortError> {
        let stored = self.deliveries.store().load_sealed(connection, SealedDocument::CalendlyGrant).await?;
        let Some((sealed, revision)) = stored else { return Ok(None) };
        let opened = self.deliveries.vault().open_text(connection, GRANT_CONTEXT, &sealed).await?;
        let grant = serde_json::from_slice(&opened);
        Ok(Some((grant.map_err(|_| PortError::unreadable("the tokens of a login are malformed"))?, revision)))
    }

    async fn write_grant(&self, connection: &ConnectionName, grant: &Grant, revision: u64) -> Result<(), CommitError> {
        let text = serde_json::to_vec(grant);
        let text = text.map_err(|_| PortError::unreadable("the tokens of a login cannot be written"))?;
        let sealed = self.deliveries.vault().seal_text(connection, GRANT_CONTEXT, &text).await?;
        self.deliveries.store().write_sealed(connection, SealedDocument::CalendlyGrant, &sealed, revision).await
    }
}

impl Grants for AwsPorts {
    async fn delete_grant(&self, connection: &ConnectionName) -> Result<(), PortError> {
        self.deliveries.store().delete_sealed(connection, SealedDocument::CalendlyGrant).await
    }
}

/// A connection's secrets in Secrets Manager.
struct StoredDocuments(SecretStore);

impl Documents for StoredDocuments {
    async fn read(&self, kind: SecretKind) -> Result<Map<String, Value>, PortError> {
        self.0.read(kind).await.map_err(|error| PortError::unavailable(error.to_string()))
    }

    async fn write(&self, kind: SecretKind, document: &Map<String, Value>) -> Result<(), PortError> {
        self.0.write(kind, document).await.map_err(|error| PortError::unavailable(error.to_string()))
    }

    async fn delete(&self, kind: SecretKind) -> Result<(), PortError> {
        self.0.delete(kind).await.map_err(|error| PortError::unavailable(error.to_string()))
    }
}

impl front::Ports for AwsPorts {
    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        self.deliveries.store().load_settings(connection).await
    }

    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        self.deliveries.store().reserve_permits(key, wanted, limit, now).await
    }

    fn now(&self) -> Timestamp {
        self.deliveries.clock().now()
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.secrets.api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        self.secrets.reread_api_keys().await
    }

    async fn token_owner(&self, token: &str) -> Result<Option<TokenOwner>, PortError> {
        find_token_owner(self.deliveries.store(), token).await
    }

    fn direct_access(&self) -> DirectAccess {
        self.direct.clone()
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    async fn write_audit(&self, line: &str) -> Result<(), PortError> {
        let written = self.audit.write(line, front::Ports::now(self)).await;
        written.map_err(|error| PortError::unavailable_because("the log group of the audit can't be written", error))
    }

    fn count(&self, metric: &str, dimensions: &[(&str, &str)]) {
        self.deliveries.count(metric, dimensions);
    }
}

impl Ports for AwsPorts {
    type Deliveries = AwsDeliveries;
    type Connections = store::Table;
    type Grants = Self;
    type Documents = StoredDocuments;
    type Clock = RealClock;
    type Table = store::Table;

    fn table(&self) -> &store::Table {
        self.deliveries.store()
    }

    async fn load_booking(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError> {
        self.deliveries.store().load_booking(connection, booking).await
    }

    async fn load_short_link(&self, code: &str) -> Result<Option<ShortLink>, PortError> {
        self.deliveries.store().load_short_link(code).await
    }

    async fn record_opening(&self, link: &ShortLink, at: Timestamp) -> Result<(), PortError> {
        self.deliveries.store().record_opening(link, at).await
    }

    async fn prepare_crm(
        &self,
        connection: &ConnectionName,
        settings: &CrmSettings,
        is_trial: bool,
    ) -> Result<Vec<String>, String> {
        let prepared = self.crm.prepare_account(connection, settings, is_trial).await;
        let (_, problems) = prepared.map_err(|error| error.to_string())?;
        Ok(problems.iter().map(ToString::to_string).collect())
    }

    fn connections(&self) -> &store::Table {
        self.deliveries.store()
    }

    fn grants(&self) -> &Self {
        self
    }

    fn documents(&self, connection: &ConnectionName) -> StoredDocuments {
        StoredDocuments(SecretStore::new(self.secrets_manager.clone(), self.secret_prefix.clone(), connection))
    }

    fn clock(&self) -> &RealClock {
        &self.clock
    }

    fn calendly(&self) -> &CalendlyService {
        &self.calendly
    }

    async fn calendly_app(&self) -> Result<CalendlyApp, SecretError> {
        self.secrets.calendly_app().await
    }

    fn deliveries(&self) -> &AwsDeliveries {
        &self.deliveries
    }

    fn address_policy(&self) -> &AddressPolicy {
        self.deliveries.receiver().policy()
    }

    fn random(&self) -> Result<[u8; 32], PortError> {
        let mut bytes = [0; 32];
        let filled = getrandom::fill(&mut bytes);
        filled.map_err(|error| PortError::unavailable(format!("the system gives no randomness: {error}")))?;
        Ok(bytes)
    }

    async fn set_publishing(&self, connection: &ConnectionName, publishes: bool) -> Result<(), PortError> {
        self.deliveries.store().set_publishing(connection, publishes).await
    }

    async fn key_ring(&self, connection: &ConnectionName) -> Result<KeyRing, PortError> {
        self.deliveries.vault().key_ring(connection).await
    }

    async fn ensure_key(&self, connection: &ConnectionName) -> Result<(), PortError> {
        self.deliveries.vault().ensure_key(connection, self.random()?, self.deliveries.clock().now()).await
    }

    async fn rotate_key(&self, connection: &ConnectionName) -> Result<KeyRing, PortError> {
        self.deliveries.vault().rotate_key(connection, self.random()?, self.deliveries.clock().now()).await
    }

    // Setup tokens are stored as holds are: a document that expires. Their ids cannot meet: a hold's has another form.
    async fn put_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        self.deliveries.store().put_hold(connection, &format!("setup-{digest}"), document, expires).await
    }

    async fn take_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError> {
        self.deliveries.store().take_hold(connection, &format!("setup-{digest}")).await
    }

    async fn load_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError> {
        self.deliveries.store().load_hold(connection, &format!("setup-{digest}")).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = AdminConfig::read(Environment::process())?;
    telemetry::start(config.deliveries.log_level, &config.deliveries.function_name);
    let deliveries = AwsDeliveries::connect(&config.deliveries).await?;
    let secrets_manager = aws_sdk_secretsmanager::Client::new(&aws::config(Timeouts::STEADY).await);
    let client = http_client::client()?;
    let secrets = Arc::new(Secrets::new(secrets_manager.clone(), config.secret_prefix.clone()));
    let calendly = CalendlyService {
        client: client.clone(),
        api_url: config.calendly_api_url,
        auth_url: config.calendly_auth_url,
    };
    let audit = AuditLog::connect(config.audit).await;
    // Lambda gives init a full CPU, so connections are opened and settings are read before the first request.
    audit.warm().await;
    let admin = Admin::new(AwsPorts {
        deliveries,
        crm: crm::Brevo::new(client, config.brevo_api_url, Arc::clone(&secrets)),
        secrets,
        secrets_manager,
        secret_prefix: config.secret_prefix,
        calendly,
        clock: RealClock(SystemClock),
        public_url: config.public_url,
        direct: config.direct,
        audit,
    });
    admin.warm().await;
    let admin = &admin;
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        // The roles of other functions permit this alias only.
        if event.context.invoked_function_arn.ends_with(&format!(":{TOKENS_ALIAS}")) {
            return Ok(admin.handle_token_request(event.payload).await);
        }
        let deadline = batch::deadline(event.context.deadline);
        let input: Input = serde_json::from_value(event.payload)?;
        Ok::<_, Error>(admin.handle(input, deadline).await)
    }))
    .await
}
