//! The reminder: handles the timers in the due queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{Environment, ReminderConfig};
use runtime::telemetry;
use world::AwsWorld;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = ReminderConfig::read(Environment::process())?;
    telemetry::start(config.world.log_level, &config.world.function_name);
    let world = &AwsWorld::connect(&config.world, &config.messaging).await?;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(reminder::handle(world, &event.payload, deadline).await)
    }))
    .await
}
