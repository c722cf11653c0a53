//! The admin function: customers' systems call it over HTTP with a key, or it is invoked directly by IAM.

use admin::{Admin, Ports, find_token_owner};
use deliveries::Ports as _;
use delivery_world::AwsDeliveries;
use domain::{ConnectionName, Settings};
use egress::AddressPolicy;
use engine::{ApiStore, Clock, PortError, Store};
use front::{Input, TokenOwner};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::aws::{self, Timeouts};
use runtime::config::{AdminConfig, Environment};
use runtime::{ApiKeys, SecretError, Secrets, telemetry};
use signing::KeyRing;

/// The real ports of this function.
struct AwsPorts {
    deliveries: AwsDeliveries,
    secrets: Secrets,
    public_url: Option<String>,
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

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn count(&self, metric: &str, dimensions: &[(&str, &str)]) {
        self.deliveries.count(metric, dimensions);
    }
}

impl Ports for AwsPorts {
    type Deliveries = AwsDeliveries;

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
    let secrets = Secrets::connect(&aws::config(Timeouts::STEADY).await, config.secret_prefix);
    let admin = Admin::new(AwsPorts { deliveries, secrets, public_url: config.public_url });
    // Lambda gives init a full CPU, so connections are opened and settings are read before the first request.
    admin.warm().await;
    let admin = &admin;
    run(service_fn(move |event: LambdaEvent<Input>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<_, Error>(admin.handle(event.payload, deadline).await)
    }))
    .await
}
