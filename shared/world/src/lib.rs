//! The adapters, combined for processor, reminder and schedule.

mod clock;
mod deliveries;
mod messaging;
mod timers;

use std::error::Error;
use std::sync::Arc;

use aws_config::SdkConfig;
use domain::{Command, ConnectionName, Pepper, Reason, State};
use engine::{Clock as _, NoMessaging, PortError, World};
use runtime::aws::{self, Timeouts};
use runtime::config::{MessagingConfig, WorldConfig};
use runtime::{Queue, Secrets, telemetry};

use crate::clock::Clock;
pub use crate::deliveries::DeliveriesQueue;
pub use crate::messaging::AwsMessaging;
pub use crate::timers::AwsTimers;

/// The real world. `M` is [`AwsMessaging`], or [`NoMessaging`] in a function that sends nothing.
#[derive(Debug)]
pub struct AwsWorld<M> {
    store: store::Table,
    calendly: calendly::Rest,
    timers: AwsTimers,
    clock: Clock,
    messaging: Option<M>,
    sqs: aws_sdk_sqs::Client,
    secrets: Arc<Secrets>,
    retry_speed: u32,
}

/// The clients that adapters share.
struct Clients {
    sdk: SdkConfig,
    http: http_client::Client,
    secrets: Arc<Secrets>,
}

impl Clients {
    async fn connect(config: &WorldConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let sdk = aws::config(Timeouts::STEADY).await;
        let secrets = Secrets::new(aws_sdk_secretsmanager::Client::new(&sdk), config.secret_prefix.clone());
        let secrets = secrets.with_pepper(&config.pepper_secret);
        Ok(Self { sdk, http: http_client::client()?, secrets: Arc::new(secrets) })
    }
}

impl AwsWorld<AwsMessaging> {
    /// Builds every client once.
    ///
    /// # Errors
    /// The HTTP client cannot be built: the machine has no root certificates.
    pub async fn connect(
        config: &WorldConfig,
        messaging: &MessagingConfig,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let clients = Clients::connect(config).await?;
        let messaging = AwsMessaging::new(&clients.http, &clients.sdk, &clients.secrets, messaging);
        Ok(Self::new(config, clients, Some(messaging)))
    }
}

impl AwsWorld<NoMessaging> {
    /// Builds the clients of a function that sends no messages.
    ///
    /// # Errors
    /// The HTTP client cannot be built: the machine has no root certificates.
    pub async fn connect_without_messaging(config: &WorldConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self::new(config, Clients::connect(config).await?, None))
    }
}

impl<M> AwsWorld<M> {
    fn new(config: &WorldConfig, clients: Clients, messaging: Option<M>) -> Self {
        let Clients { sdk, http, secrets } = clients;
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        let rest = calendly::Rest::new(http, config.calendly_api_url.clone(), Arc::clone(&secrets));
        let calendly = match &config.tokens_function_arn {
            Some(function) => rest.with_logins(Arc::new(calendly::LoginTokens::new(&sdk, function.clone()))),
            None => rest,
        };
        Self {
            store: store::Table::new(aws_sdk_dynamodb::Client::new(&sdk), config.table_name.clone()),
            calendly,
            timers: AwsTimers::new(&sdk, Queue::new(sqs.clone(), config.due_queue_url.clone()), config),
            clock: Clock::default(),
            messaging,
            sqs,
            secrets,
            retry_speed: config.retry_speed,
        }
    }

    /// Returns the secrets of every connection, and VAI's keys.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns another queue with the same client.
    pub fn queue(&self, url: impl Into<String>) -> Queue {
        Queue::new(self.sqs.clone(), url)
    }
}

impl<M: engine::Messaging> World for AwsWorld<M> {
    type Store = store::Table;
    type Calendly = calendly::Rest;
    type Timers = AwsTimers;
    type Clock = Clock;
    type Messaging = M;

    fn store(&self) -> &Self::Store {
        &self.store
    }
    fn calendly(&self) -> &Self::Calendly {
        &self.calendly
    }
    fn timers(&self) -> &Self::Timers {
        &self.timers
    }
    fn clock(&self) -> &Self::Clock {
        &self.clock
    }
    fn messaging(&self) -> Option<&M> {
        self.messaging.as_ref()
    }

    async fn pepper(&self) -> Result<&Pepper, PortError> {
        let read = self.secrets.pepper().await;
        read.map_err(|error| PortError::unavailable_because("the pepper could not be read", error))
    }

    fn retry_speed(&self) -> u32 {
        self.retry_speed
    }

    /// Counts outcomes. Outcomes with an alarm also count as `Trouble`: a message that did not reach its recipient, and
    /// a provider that rejects our account or template.
    fn observe(&self, command: &Command) {
        let (now, state) = (self.clock.now(), &command.state);
        let reason = command.history.last().and_then(|it| it.reason);
        let dimensions = [("State", state.name()), ("Reason", reason.map_or("none", Reason::code))];
        if state.is_final() {
            telemetry::count(now, "Command", &dimensions);
        }
        if matches!(state, State::Failed { .. } | State::Unknown) || reason == Some(Reason::Misconfigured) {
            telemetry::count(now, "Trouble", &dimensions);
        }
    }

    /// Counts it as `Trouble`: the message may say what is no longer true.
    fn observe_failed_look(&self, reason: Reason) {
        let dimensions = [("State", "not_looked_up"), ("Reason", reason.code())];
        telemetry::count(self.clock.now(), "Trouble", &dimensions);
    }

    /// Counts it as `SmsBudgetLow`, which has an alarm.
    fn observe_low_sms_budget(&self, connection: &ConnectionName) {
        telemetry::count(self.clock.now(), "SmsBudgetLow", &[("Connection", connection.as_str())]);
    }
}
