//! The intake queue's records: each apart, side by side, each with an outcome of its own.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::{ConnectionName, Heard, Verdict};
use engine::{Clock, Gate, Received, Store, Trouble, Unavailable, UnknownEvent, World};
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
    let gate = Gate::default();
    let take = async |message: &str| take(world, dead, &gate, message, deadline).await.map_err(|it| it.to_string());
    batch::each(event, take).await
}

async fn take<W: World, D: DeadLetters>(
    world: &W,
    dead: &D,
    gate: &Gate,
    message: &str,
    deadline: Timestamp,
) -> Result<(), Trouble> {
    let envelope = match Envelope::parse(message) {
        Ok(envelope) => envelope,
        Err(problem) => return bury(world, dead, message, &problem).await,
    };
    let of_receipts = (envelope.source != Source::Calendly).then(|| receipts::parse(&envelope));
    let Envelope { connection, received_at, body, nonce, .. } = envelope;
    let settings = world.store().settings(&connection).await?;
    let now = world.clock().now();
    batch::heed_level(&settings, now);
    if settings.logging.webhooks_until.is_some_and(|until| now < until) {
        tracing::info!(connection = %connection, webhook.shape = masked(&body), "a webhook, masked");
    }
    match of_receipts {
        Some(Ok(told)) => return heard(world, gate, &connection, nonce.as_deref(), told, deadline).await,
        Some(Err(malformed)) => return bury(world, dead, message, &malformed.to_string()).await,
        None => {}
    }
    match parse_webhook(&body) {
        Err(malformed) => bury(world, dead, message, &malformed.to_string()).await,
        Ok(Webhook::Other { name, id }) => {
            telemetry::count(world.clock().now(), "UnknownEvent", &[("Event", &name)]);
            if name.starts_with("event_type.") {
                world.store().event_types_changed(&connection, now).await?;
            }
            let event = UnknownEvent { id, name, received_at, payload: body };
            Ok(world.store().keep_unknown(&connection, &event).await?)
        }
        Ok(Webhook::Fact(fact)) => {
            let kind = fact.kind.name();
            let received = Received { fact: *fact, at: received_at, payload: body };
            let progress = engine::receive(world, gate, &connection, &received, deadline).await?;
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

/// What providers and people said of messages, each counted by its kind.
#[expect(clippy::unused_async, reason = "it will ask the store")]
async fn heard<W: World>(
    world: &W,
    _gate: &Gate,
    _connection: &ConnectionName,
    _nonce: Option<&str>,
    heard: Vec<Heard>,
    _deadline: Timestamp,
) -> Result<(), Trouble> {
    for one in &heard {
        let kind = match one {
            Heard::Receipt(_) => "receipt",
            Heard::Reply(_) => "reply",
            Heard::Unsubscribed { .. } => "unsubscribed",
            Heard::Other(name) => name,
        };
        telemetry::count(world.clock().now(), "Heard", &[("Kind", kind)]);
    }
    Ok(())
}

async fn bury<W: World, D: DeadLetters>(world: &W, dead: &D, message: &str, reason: &str) -> Result<(), Trouble> {
    tracing::error!(reason = reason, "a record can't be understood and goes to the dead-letter queue");
    telemetry::count(world.clock().now(), "Buried", &[]);
    Ok(dead.bury(message, reason).await?)
}
