//! The schedule function: VAI's backend calls it over HTTP with a key, or invokes it directly by IAM.

use domain::{ConnectionName, Settings};
use engine::{ApiStore, Clock, NoMessaging, PortError, Store, World};
use front::Input;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::config::{DirectAccess, Environment, ScheduleConfig};
use runtime::{ApiKeys, AuditLog, Depth, Queue, QueueError, SecretError, telemetry};
use schedule::{Ports, QueueState, Schedule};
use world::AwsWorld;

/// The real ports of this function.
struct AwsPorts {
    world: AwsWorld<NoMessaging>,
    /// By name: the queue, if there is one, and its dead-letter queue.
    queues: Vec<(&'static str, Option<Queue>, Queue)>,
    public_url: Option<String>,
    direct: DirectAccess,
    audit: AuditLog,
}

impl front::Ports for AwsPorts {
    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        self.world.store().load_settings(connection).await
    }

    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        self.world.store().reserve_permits(key, wanted, limit, now).await
    }

    fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.world.secrets().api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        self.world.secrets().reread_api_keys().await
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
        telemetry::count(self.world.clock().now(), metric, dimensions);
    }
}

impl Ports for AwsPorts {
    type World = AwsWorld<NoMessaging>;

    fn world(&self) -> &AwsWorld<NoMessaging> {
        &self.world
    }

    async fn queues(&self) -> Result<Vec<QueueState>, PortError> {
        let states = self.queues.iter().map(async |(name, queue, dead)| {
            let waiting = async {
                match queue {
                    Some(queue) => queue.depth().await,
                    None => Ok(Depth::default()),
                }
            };
            let (depth, dead) = futures_util::try_join!(waiting, dead.depth())?;
            let dead = dead.waiting + dead.in_flight;
            Ok(QueueState { name, waiting: depth.waiting, in_flight: depth.in_flight, dead })
        });
        let states = try_join_all(states).await;
        states.map_err(|error: QueueError| PortError::unavailable_because("a queue's depth can't be read", error))
    }

    fn random(&self) -> Result<[u8; 16], PortError> {
        let mut bytes = [0; 16];
        let filled = getrandom::fill(&mut bytes);
        filled.map_err(|error| PortError::unavailable(format!("the system gives no randomness: {error}")))?;
        Ok(bytes)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = ScheduleConfig::read(Environment::process())?;
    telemetry::start(config.world.log_level, &config.world.function_name);
    let world = AwsWorld::connect_without_messaging(&config.world).await?;
    let queues = vec![
        ("intake", Some(world.queue(config.intake_queue_url)), world.queue(config.intake_dlq_url)),
        ("due", Some(world.queue(config.world.due_queue_url.clone())), world.queue(config.due_dlq_url)),
        ("scheduler", None, world.queue(config.scheduler_dlq_url)),
    ];
    let audit = AuditLog::connect(config.audit).await;
    // Lambda gives init a full CPU, so connections are opened and settings are read before the first request.
    audit.warm().await;
    let schedule =
        Schedule::new(AwsPorts { world, queues, public_url: config.public_url, direct: config.direct, audit });
    schedule.warm().await;
    let schedule = &schedule;
    run(service_fn(move |event: LambdaEvent<Input>| async move {
        let deadline = batch::deadline(event.context.deadline);
        Ok::<_, Error>(schedule.handle(event.payload, deadline).await)
    }))
    .await
}
