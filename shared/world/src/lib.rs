//! The adapters put together: the world that the processor and the reminder act on.

pub mod batch;
mod timers;

use std::sync::Arc;

use domain::{Command, Reason, State};
use engine::World;
use jiff::Timestamp;
use runtime::aws::{self, Timeouts};
use runtime::config::WorldConfig;
use runtime::{Queue, Secrets, SystemClock, telemetry};

pub use timers::AwsTimers;

/// Everything outside, for real.
#[derive(Debug)]
pub struct AwsWorld {
    store: store::Table,
    calendly: calendly::Rest,
    sms: notify::SmsRouter,
    email: notify::EmailRouter,
    vai: notify::VaiClient,
    timers: AwsTimers,
    clock: Clock,
    sqs: aws_sdk_sqs::Client,
    secrets: Arc<Secrets>,
}

/// The machine's clock, as the engine's port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(SystemClock);

impl engine::Clock for Clock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl AwsWorld {
    /// Builds every client once.
    ///
    /// # Errors
    /// When the HTTP client can't be built: the machine has no root certificates.
    pub async fn connect(config: &WorldConfig) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let sdk = aws::config(Timeouts::STEADY).await;
        let secrets = Arc::new(Secrets::new(aws_sdk_secretsmanager::Client::new(&sdk), config.secret_prefix.clone()));
        let http = notify::http::client()?;
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        let links = notify::Links::new(config.public_url.clone());
        let (engagelab, twilio) = (config.engagelab_api_url.clone(), config.twilio_api_url.clone());
        let sms = notify::SmsRouter::new(
            notify::Engagelab::new(http.clone(), engagelab, Arc::clone(&secrets), links.clone()),
            notify::Twilio::new(http.clone(), twilio, Arc::clone(&secrets), links.clone()),
        );
        let vai = notify::VaiClient::new(http.clone(), config.vai_api_url.clone(), Arc::clone(&secrets));
        let brevo = config.brevo_api_url.clone();
        let email = notify::EmailRouter::new(
            vai.clone(),
            notify::Ses::new(sdk.clone(), config.ses_api_url.clone(), links.clone()),
            notify::Brevo::new(http.clone(), brevo, Arc::clone(&secrets), links),
        );
        Ok(Self {
            store: store::Table::new(aws_sdk_dynamodb::Client::new(&sdk), config.table_name.clone()),
            calendly: calendly::Rest::new(http, config.calendly_api_url.clone(), Arc::clone(&secrets)),
            sms,
            email,
            vai,
            timers: AwsTimers::new(&sdk, Queue::new(sqs.clone(), config.due_queue_url.clone()), config),
            clock: Clock::default(),
            sqs,
            secrets,
        })
    }

    /// The secrets of every connection, and VAI's keys.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Another queue, by the same client.
    pub fn queue(&self, url: impl Into<String>) -> Queue {
        Queue::new(self.sqs.clone(), url)
    }
}

impl World for AwsWorld {
    type Store = store::Table;
    type Calendly = calendly::Rest;
    type Sms = notify::SmsRouter;
    type Email = notify::EmailRouter;
    type Vai = notify::VaiClient;
    type Timers = AwsTimers;
    type Clock = Clock;

    fn store(&self) -> &Self::Store {
        &self.store
    }
    fn calendly(&self) -> &Self::Calendly {
        &self.calendly
    }
    fn sms(&self) -> &Self::Sms {
        &self.sms
    }
    fn email(&self) -> &Self::Email {
        &self.email
    }
    fn vai(&self) -> &Self::Vai {
        &self.vai
    }
    fn timers(&self) -> &Self::Timers {
        &self.timers
    }
    fn clock(&self) -> &Self::Clock {
        &self.clock
    }

    /// Counts outcomes, and apart from them what an alarm watches: whatever did not reach its people, and a provider
    /// that turns our account or template away.
    fn observe(&self, command: &Command) {
        let (now, state) = (self.clock.0.now(), &command.state);
        let reason = command.history.last().and_then(|it| it.reason);
        let dimensions = [("State", state.name()), ("Reason", reason.map_or("none", Reason::code))];
        if state.is_final() {
            telemetry::count(now, "Command", &dimensions);
        }
        if matches!(state, State::Failed { .. } | State::Unknown) || reason == Some(Reason::Misconfigured) {
            telemetry::count(now, "Trouble", &dimensions);
        }
    }
}

/// The instant at which Lambda stops the invocation, from its context (milliseconds since 1970).
pub fn deadline(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds).ok().and_then(|it| Timestamp::from_millisecond(it).ok()).unwrap_or(Timestamp::MAX)
}
