//! The processor: processes the records of the intake queue concurrently. Each record has its own outcome.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::{ConnectionName, Feedback, Settings, Verdict, error_chain};
use engine::{CallLimiter, Clock, EngineError, Invocation, PortError, ReceivedFact, Store, UnhandledEvent, World};
use jiff::Timestamp;
use runtime::telemetry;
use wire::calendly::{Webhook, mask_values, parse_creator, parse_webhook};
use wire::intake::{Envelope, Source};
use wire::receipts;

/// The dead-letter queue, for records that can never be processed.
#[expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound is wanted")]
pub trait DeadLetters {
    /// Puts a message of a tenant into the queue, with the reason as an attribute.
    async fn send(&self, message: &str, tenant: &str, reason: &str) -> Result<(), PortError>;
}

/// Handles a batch. Returns the records that must be delivered again.
pub async fn handle<W: World, D: DeadLetters>(
    world: &W,
    dead_letters: &D,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    batch::process_records(event, async |message: &str| {
        let processed = match process_message(world, &limiter, message, deadline).await {
            Err(Failure::Permanent(reason)) => send_to_dead_letters(world, dead_letters, message, &reason).await,
            Err(Failure::Temporary(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        processed.map_err(|error| error_chain(&error))
    })
    .await
}

/// Why a record was not processed.
enum Failure {
    /// A later try may work.
    Temporary(EngineError),
    /// No later try will work, for this reason.
    Permanent(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        if error.is_temporary() { Self::Temporary(error) } else { Self::Permanent(error_chain(&error)) }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        EngineError::from(error).into()
    }
}

async fn process_message<W: World>(
    world: &W,
    limiter: &CallLimiter,
    message: &str,
    deadline: Timestamp,
) -> Result<(), Failure> {
    let envelope = Envelope::parse(message).map_err(|error| Failure::Permanent(error.to_string()))?;
    let connection = &envelope.connection;
    let settings = world.store().load_settings(connection).await?;
    let now = world.clock().now();
    telemetry::set_level(settings.logging.level_at(now));
    if settings.logging.webhooks_until.is_some_and(|until| now < until) {
        tracing::info!(connection = %connection, webhook.shape = mask_values(&envelope.body), "webhook received");
    }
    let invocation = Invocation { world, limiter, connection, deadline };
    if envelope.source == Source::Calendly {
        check_creator(&settings, &envelope.body)?;
        process_webhook(invocation, &envelope).await
    } else {
        process_feedback(invocation, &envelope).await
    }
}

/// Checks that a webhook is of a subscription that delivers to its connection. Calendly signs the webhooks of all
/// logins with the key of our app, so the signature does not tell.
fn check_creator(settings: &Settings, body: &[u8]) -> Result<(), Failure> {
    let (Some(creators), Some(creator)) = (&settings.webhook_creators, parse_creator(body)) else { return Ok(()) };
    if creators.contains(&creator) {
        return Ok(());
    }
    // Somebody may have connected just now: the settings at hand can be a minute old. So it comes again.
    let problem = "the webhook's created_by is not a user who connected this connection";
    Err(PortError::unavailable(problem).into())
}

async fn process_webhook<W: World>(invocation: Invocation<'_, W>, envelope: &Envelope) -> Result<(), Failure> {
    let Invocation { world, connection, .. } = invocation;
    let Envelope { received_at, body, .. } = envelope;
    let now = world.clock().now();
    match parse_webhook(body).map_err(|error| Failure::Permanent(error.to_string()))? {
        Webhook::Other { name, id } => {
            telemetry::count(now, "UnhandledEvent", &[("Event", &name)]);
            if name.starts_with("event_type.") {
                world.store().mark_event_types_changed(connection, now).await?;
            }
            let event = UnhandledEvent { id, name, received_at: *received_at, payload: body.clone() };
            Ok(world.store().store_unhandled_event(connection, &event).await?)
        }
        Webhook::Fact(fact) => {
            let kind = fact.kind.name();
            let received = ReceivedFact { fact: *fact, at: *received_at, payload: body.clone() };
            let progress = invocation.process_fact(&received).await?;
            let verdict = match progress.verdict {
                Verdict::New => "new",
                Verdict::Duplicate => "duplicate",
            };
            tracing::info!(booking.id = %progress.booking, fact.kind = kind, fact.verdict = verdict, "fact processed");
            telemetry::count(world.clock().now(), "Fact", &[("Kind", kind), ("Verdict", verdict)]);
            Ok(())
        }
    }
}

/// Processes feedback and counts each effect. If a nonce was used before with another body, the header was captured and
/// the body is forged, so the call is ignored.
async fn process_feedback<W: World>(invocation: Invocation<'_, W>, envelope: &Envelope) -> Result<(), Failure> {
    let Invocation { world, connection, .. } = invocation;
    let Envelope { source, nonce, body, .. } = envelope;
    let all = receipts::parse(envelope).map_err(|error| Failure::Permanent(error.to_string()))?;
    let now = world.clock().now();
    let count = |effect: &str| telemetry::count(now, "Feedback", &[("Source", source.name()), ("What", effect)]);
    if let Some(nonce) = nonce {
        let digest = domain::digest(&[&String::from_utf8_lossy(body)]);
        if world.store().claim_nonce(connection, nonce, &digest, now).await?.is_none() {
            tracing::warn!(connection = %connection, source = source.name(), "nonce used before, call ignored");
            count("replayed");
            return Ok(());
        }
    }
    for feedback in &all {
        let effect = invocation.process_feedback(feedback).await?;
        match feedback {
            Feedback::Other(name) => count(name),
            Feedback::Receipt(_) | Feedback::Reply(_) | Feedback::Unsubscribed { .. } => count(effect),
        }
    }
    Ok(())
}

async fn send_to_dead_letters<W: World, D: DeadLetters>(
    world: &W,
    dead_letters: &D,
    message: &str,
    reason: &str,
) -> Result<(), EngineError> {
    tracing::error!(reason, "record put into the dead-letter queue");
    telemetry::count(world.clock().now(), "Buried", &[]);
    // What cannot be parsed belongs to nobody.
    let connection = Envelope::parse(message).ok().map(|envelope| envelope.connection);
    let tenant = connection.as_ref().map_or("unknown", ConnectionName::as_str);
    Ok(dead_letters.send(message, tenant, reason).await?)
}
