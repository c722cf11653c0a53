//! The dispatcher: handles the messages in the deliveries queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use delivery_world::AwsDeliveries;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{DispatcherConfig, Environment};
use runtime::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = DispatcherConfig::read(Environment::process())?.deliveries;
    telemetry::start(config.log_level, &config.function_name);
    let ports = &AwsDeliveries::connect(&config).await?;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(dispatcher::handle(ports, ports.limits(), &event.payload, deadline).await)
    }))
    .await
}
