//! The reminder: handles the timers in the due queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::SqsRecords;
use deliveries::DeliveryStore;
use domain::ConnectionName;
use endpoints::{Delivery, Endpoint, EndpointId, EndpointSecrets};
use engine::{PortError, World};
use events::Stream;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reminder::Endpoints;
use runtime::aws::{self, Timeouts};
use runtime::config::{Environment, ReminderConfig};
use runtime::telemetry;
use sealing::{Sealed, Sealing};
use world::{AwsMessaging, AwsWorld};

/// The endpoints in the table, and their addresses, encrypted with keys of KMS.
struct AwsEndpoints<'a> {
    world: &'a AwsWorld<AwsMessaging>,
    sealing: Sealing,
    public_url: Option<String>,
}

impl Endpoints for AwsEndpoints<'_> {
    async fn load_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<Option<Endpoint>, PortError> {
        self.world.store().load_endpoint(connection, endpoint).await
    }

    async fn load_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<Delivery>, PortError> {
        self.world.store().load_delivery(connection, endpoint, stream, number).await
    }

    async fn open(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError> {
        let opened = self.sealing.open(connection, endpoint.id.as_str(), &Sealed::from_text(&endpoint.sealed)).await;
        let opened =
            opened.map_err(|error| PortError::unavailable_because("an address could not be decrypted", error))?;
        serde_json::from_slice(&opened).map_err(|_| PortError::unreadable("an endpoint's secrets are malformed"))
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = ReminderConfig::read(Environment::process())?;
    telemetry::start(config.world.log_level, &config.world.function_name);
    let world = &AwsWorld::connect(&config.world, &config.messaging).await?;
    let kms = aws_sdk_kms::Client::new(&aws::config(Timeouts::STEADY).await);
    let endpoints = &AwsEndpoints {
        world,
        sealing: Sealing::new(kms, config.secrets_key_arn),
        public_url: config.messaging.public_url.clone(),
    };
    let (queue, dead_letters) = (world.queue(config.world.due_queue_url), world.queue(config.due_dlq_url));
    let records = &SqsRecords { queue, dead_letters, speed: config.world.retry_speed };
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(reminder::handle(world, endpoints, records, &event.payload, deadline).await)
    }))
    .await
}
