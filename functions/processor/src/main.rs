//! The processor: what Calendly told becomes bookings, messages and reminders.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use engine::Unavailable;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use processor::DeadLetters;
use runtime::config::{Environment, WorldConfig};
use runtime::{Queue, telemetry};
use std::time::Duration;
use world::{AwsWorld, deadline};

struct IntakeDlq(Queue);

impl DeadLetters for IntakeDlq {
    async fn bury(&self, message: &str, reason: &str) -> Result<(), Unavailable> {
        let sent = self.0.send_with(message, &[("reason", reason)], Duration::ZERO).await;
        sent.map_err(|error| Unavailable(error.to_string()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (config, intake_dlq_url) = WorldConfig::read_with_intake_dlq(Environment::of_process())?;
    telemetry::start(config.log_level, &config.function_name);
    let world = &AwsWorld::connect(&config).await?;
    let dead = &IntakeDlq(world.queue(intake_dlq_url));
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(processor::handle(world, dead, &event.payload, deadline).await)
    }))
    .await
}
