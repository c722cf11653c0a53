//! The intake queue's records: each apart, side by side, each with an outcome of its own.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::{Feedback, Verdict};
use engine::{CallLimiter, Clock, EngineError, ReceivedFact, Store, Unavailable, UnhandledEvent, World};
use jiff::Timestamp;
use runtime::telemetry;
use wire::calendly::{Webhook, masked, parse_webhook};
use wire::intake::{Envelope, Source};
use wire::receipts;
use world::batch;

/// Where records go that nobody will ever understand.
#[expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound is wanted")]
pub trait DeadLetters {
    /// Puts a message there, with the reason as an attribute.
    async fn bury(&self, message: &str, reason: &str) -> Result<(), Unavailable>;
}

/// Handles a batch: the records that must come back are the answer.
pub async fn handle<W: World, D: DeadLetters>(
    world: &W,
    dead: &D,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    let take = async |message: &str| take(world, dead, &limiter, message, deadline).await.map_err(|it| it.to_string());
    batch::process_records(event, take).await
}

async fn take<W: World, D: DeadLetters>(
    world: &W,
    dead: &D,
    limiter: &CallLimiter,
    message: &str,
    deadline: Timestamp,
) -> Result<(), EngineError> {
    let envelope = match Envelope::parse(message) {
        Ok(envelope) => envelope,
        Err(problem) => return bury(world, dead, message, &problem).await,
    };
    let connection = &envelope.connection;
    let settings = world.store().settings(connection).await?;
    let now = world.clock().now();
    batch::apply_log_level(&settings, now);
    if settings.logging.webhooks_until.is_some_and(|until| now < until) {
        tracing::info!(connection = %connection, webhook.shape = masked(&envelope.body), "a webhook, masked");
    }
    if envelope.source != Source::Calendly {
        return match receipts::parse(&envelope) {
            Ok(told) => take_feedback(world, limiter, &envelope, &told, deadline).await,
            Err(malformed) => bury(world, dead, message, &malformed.to_string()).await,
        };
    }
    let Envelope { connection, received_at, body, .. } = envelope;
    match parse_webhook(&body) {
        Err(malformed) => bury(world, dead, message, &malformed.to_string()).await,
        Ok(Webhook::Other { name, id }) => {
            telemetry::count(world.clock().now(), "UnhandledEvent", &[("Event", &name)]);
            if name.starts_with("event_type.") {
                world.store().event_types_changed(&connection, now).await?;
            }
            let event = UnhandledEvent { id, name, received_at, payload: body };
            Ok(world.store().keep_unhandled_event(&connection, &event).await?)
        }
        Ok(Webhook::Fact(fact)) => {
            let kind = fact.kind.name();
            let received = ReceivedFact { fact: *fact, at: received_at, payload: body };
            let progress = engine::process_fact(world, limiter, &connection, &received, deadline).await?;
            let verdict = match progress.verdict {
                Verdict::New => "new",
                Verdict::Duplicate => "duplicate",
            };
            tracing::info!(booking.id = %progress.booking, fact.kind = kind, fact.verdict = verdict, "a fact was taken in");
            telemetry::count(world.clock().now(), "Fact", &[("Kind", kind), ("Verdict", verdict)]);
            Ok(())
        }
    }
}

/// What providers and people said of messages, each counted by what it came to. A number that may be used once and was used
/// for another body is a captured header under a forged one: nothing of it is believed.
async fn take_feedback<W: World>(
    world: &W,
    limiter: &CallLimiter,
    envelope: &Envelope,
    told: &[Feedback],
    deadline: Timestamp,
) -> Result<(), EngineError> {
    let Envelope { connection, source, nonce, body, .. } = envelope;
    let now = world.clock().now();
    let count = |what: &str| telemetry::count(now, "Feedback", &[("Source", source.name()), ("What", what)]);
    if let Some(nonce) = nonce {
        let digest = domain::digest(&[&String::from_utf8_lossy(body)]);
        if world.store().claim_nonce(connection, nonce, &digest, now).await?.is_none() {
            tracing::warn!(connection = %connection, source = source.name(), "a call's number was used before");
            count("replayed");
            return Ok(());
        }
    }
    for one in told {
        let came_to = engine::take_feedback(world, limiter, connection, one, deadline).await?;
        match one {
            Feedback::Other(name) => count(name),
            Feedback::Receipt(_) | Feedback::Reply(_) | Feedback::Unsubscribed { .. } => count(came_to),
        }
    }
    Ok(())
}

async fn bury<W: World, D: DeadLetters>(world: &W, dead: &D, message: &str, reason: &str) -> Result<(), EngineError> {
    tracing::error!(reason = reason, "a record can't be understood and goes to the dead-letter queue");
    telemetry::count(world.clock().now(), "Buried", &[]);
    Ok(dead.bury(message, reason).await?)
}
