//! The adapters of the deliveries, combined for the dispatcher and the admin function.

mod clock;
mod queue;
mod receiver;
mod vault;

use deliveries::Ports;
use egress::NotLoopback;
use endpoints::Speed;
use runtime::aws::{self, Timeouts};
use runtime::config::DeliveriesConfig;
use runtime::telemetry;

use crate::clock::Clock;
pub use crate::queue::AwsQueue;
pub use crate::receiver::HttpReceiver;
pub use crate::vault::KmsVault;

/// The real world of the deliveries.
#[derive(Debug)]
pub struct AwsDeliveries {
    store: store::Table,
    queue: AwsQueue,
    receiver: HttpReceiver,
    vault: KmsVault,
    clock: Clock,
    limits: deliveries::Limits,
}

impl AwsDeliveries {
    /// Builds every client once.
    ///
    /// # Errors
    /// An address that is named for stage dev is not loopback.
    pub async fn connect(config: &DeliveriesConfig) -> Result<Self, NotLoopback> {
        let sdk = aws::config(Timeouts::STEADY).await;
        let table = || store::Table::new(aws_sdk_dynamodb::Client::new(&sdk), config.table_name.clone());
        let sealing = sealing::Sealing::new(aws_sdk_kms::Client::new(&sdk), config.secrets_key_arn.clone());
        let limits = deliveries::Limits {
            speed: Speed::new(config.retry_speed),
            ..deliveries::Limits::of_functions(config.dispatcher_concurrency)
        };
        Ok(Self {
            store: table(),
            queue: AwsQueue::new(&sdk, config),
            receiver: HttpReceiver::new(&config.loopback_receivers)?,
            vault: KmsVault::new(sealing, table()),
            clock: Clock::default(),
            limits,
        })
    }

    /// Returns the deliveries queue.
    pub fn records(&self) -> &runtime::Queue {
        self.queue.records()
    }

    /// Returns the limits of the deliveries.
    pub fn limits(&self) -> deliveries::Limits {
        self.limits
    }
}

impl Ports for AwsDeliveries {
    type Store = store::Table;
    type Queue = AwsQueue;
    type Receiver = HttpReceiver;
    type Vault = KmsVault;
    type Clock = Clock;

    fn store(&self) -> &Self::Store {
        &self.store
    }
    fn queue(&self) -> &Self::Queue {
        &self.queue
    }
    fn receiver(&self) -> &Self::Receiver {
        &self.receiver
    }
    fn vault(&self) -> &Self::Vault {
        &self.vault
    }
    fn clock(&self) -> &Self::Clock {
        &self.clock
    }

    fn count(&self, metric: &str, dimensions: &[(&str, &str)]) {
        telemetry::count(engine::Clock::now(&self.clock), metric, dimensions);
    }
}
