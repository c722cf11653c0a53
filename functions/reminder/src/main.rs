//! The reminder: timers arrive through the due queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{Environment, WorldConfig};
use runtime::telemetry;
use world::{AwsWorld, deadline};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = WorldConfig::read(Environment::of_process())?;
    telemetry::start(config.log_level, &config.function_name);
    let world = &AwsWorld::connect(&config).await?;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = deadline(event.context.deadline);
        Ok::<SqsBatchResponse, Error>(reminder::handle(world, &event.payload, deadline).await)
    }))
    .await
}
