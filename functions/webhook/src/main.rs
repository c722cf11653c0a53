//! The webhook function: reads configuration and secrets at init, then handles one request at a time.

use std::time::Duration;

use domain::{ConnectionName, Pepper};
use jiff::Timestamp;
use lambda_http::{Error, Request, run, service_fn};
use runtime::aws::{self, Timeouts};
use runtime::config::{Environment, WebhookConfig};
use runtime::{Queue, QueueError, SecretError, Secrets, Signing, SystemClock, telemetry};
use webhook::Ports;

struct Aws {
    intake: Queue,
    secrets: Secrets,
    public_url: Option<String>,
}

impl Ports for Aws {
    async fn signing(&self, connection: &ConnectionName) -> Result<Signing, SecretError> {
        self.secrets.signing(connection).await
    }

    async fn reread_signing(&self, connection: &ConnectionName) -> Option<Signing> {
        self.secrets.reread_signing(connection).await
    }

    async fn pepper(&self) -> Result<&Pepper, SecretError> {
        self.secrets.pepper().await
    }

    async fn enqueue(&self, message: String, tenant: &str) -> Result<(), QueueError> {
        self.intake.send(message, tenant, Duration::ZERO).await
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn count(&self, metric: &str, details: &[(&str, &str)]) {
        telemetry::count(self.now(), metric, details);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = WebhookConfig::read(Environment::process())?;
    telemetry::start(config.log_level, &config.function_name);
    let sdk = aws::config(Timeouts::QUICK).await;
    let ports = Aws {
        intake: Queue::new(aws_sdk_sqs::Client::new(&sdk), config.intake_queue_url),
        secrets: Secrets::new(aws_sdk_secretsmanager::Client::new(&sdk), config.secret_prefix)
            .with_pepper(config.pepper_secret),
        public_url: config.public_url,
    };
    // Lambda gives init a full CPU, so the TLS handshakes, the default connection's keys and the pepper are done before
    // the first request.
    let connection = ConnectionName::default();
    let (_, keys, pepper) =
        tokio::join!(ports.intake.warm(), ports.secrets.signing(&connection), ports.secrets.pepper());
    if let Err(error) = keys {
        tracing::warn!(error = %error, "default connection has no signing keys yet");
    }
    if let Err(error) = pepper {
        tracing::warn!(error = %error, "pepper not read yet");
    }
    let ports = &ports;
    run(service_fn(move |request: Request| async move {
        Ok::<_, Error>(webhook::handle(ports, config.signature_tolerance_seconds, &request).await)
    }))
    .await
}
