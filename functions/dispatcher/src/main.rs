//! The dispatcher: handles the messages in the deliveries queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::SqsRecords;
use delivery_world::AwsDeliveries;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{DispatcherConfig, Environment};
use runtime::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let DispatcherConfig { deliveries: config, deliveries_dlq_url } = DispatcherConfig::read(Environment::process())?;
    telemetry::start(config.log_level, &config.function_name);
    let ports = &AwsDeliveries::connect(&config).await?;
    let queue = ports.records().clone();
    let records = &SqsRecords { dead_letters: queue.with_url(deliveries_dlq_url), queue, speed: config.retry_speed };
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(
            dispatcher::handle(ports, ports.limits(), records, &event.payload, deadline).await,
        )
    }))
    .await
}
