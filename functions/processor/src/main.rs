//! The processor: turns calls of Calendly and the providers into bookings, messages and reminders.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::SqsRecords;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{Environment, ProcessorConfig};
use runtime::telemetry;
use world::AwsWorld;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = ProcessorConfig::read(Environment::process())?;
    telemetry::start(config.world.log_level, &config.world.function_name);
    let world = &AwsWorld::connect(&config.world, &config.messaging).await?;
    let (queue, dead_letters) = (world.queue(config.intake_queue_url), world.queue(config.intake_dlq_url));
    let records = &SqsRecords { queue, dead_letters, speed: config.world.retry_speed };
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(processor::handle(world, records, &event.payload, deadline).await)
    }))
    .await
}
