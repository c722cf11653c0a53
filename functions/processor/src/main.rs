//! The processor: turns calls of Calendly and the providers into bookings, messages and reminders.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use engine::PortError;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use processor::DeadLetters;
use runtime::config::{Environment, ProcessorConfig};
use runtime::{Queue, telemetry};
use world::AwsWorld;

struct IntakeDlq(Queue);

impl DeadLetters for IntakeDlq {
    async fn send(&self, message: &str, tenant: &str, reason: &str) -> Result<(), PortError> {
        let sent = self.0.send_with(message, tenant, ("reason", reason)).await;
        sent.map_err(|error| PortError::unavailable_because("the dead-letter queue accepted no message", error))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = ProcessorConfig::read(Environment::process())?;
    telemetry::start(config.world.log_level, &config.world.function_name);
    let world = &AwsWorld::connect(&config.world, &config.messaging).await?;
    let dead_letters = &IntakeDlq(world.queue(config.intake_dlq_url));
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(processor::handle(world, dead_letters, &event.payload, deadline).await)
    }))
    .await
}
