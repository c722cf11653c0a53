//! The processor: processes the records of the intake queue concurrently. Each record has its own outcome.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use batch::{Failure, RecordQueue};
use domain::{Feedback, Settings, Verdict};
use engine::{Calendly, CallLimiter, Clock, Invocation, ReceivedFact, Store, UnhandledEvent, World};
use jiff::Timestamp;
use runtime::telemetry;
use serde_json::json;
use wire::calendly::{Webhook, find_invitee_uri, mask_values, name_cut_webhook, parse_creator, parse_webhook};
use wire::intake::{Cut, Envelope, Source};
use wire::receipts;

/// Handles a batch. Returns the records that must be delivered again.
pub async fn handle<W: World>(
    world: &W,
    queue: &impl RecordQueue,
    event: &SqsEvent,
    deadline: Timestamp,
) -> SqsBatchResponse {
    let limiter = CallLimiter::default();
    batch::process_records(event, queue, world.clock().now(), async |message: &str| {
        let processed = process_message(world, &limiter, message, deadline).await;
        if let Err(Failure::Permanent(_)) = &processed {
            telemetry::count(world.clock().now(), "Buried", &[]);
        }
        processed
    })
    .await
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
    if let Some(cut) = &envelope.cut {
        process_cut_webhook(invocation, &envelope, cut).await
    } else if envelope.source == Source::Calendly {
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
    Err(Failure::Unforeseen("the webhook's created_by is not a user who connected this connection".to_owned()))
}

/// Processes a webhook of which only the beginning and the end are known: its invitee is asked for at Calendly. The
/// parts are listed among the unhandled events, for support.
async fn process_cut_webhook<W: World>(
    invocation: Invocation<'_, W>,
    envelope: &Envelope,
    cut: &Cut,
) -> Result<(), Failure> {
    let Invocation { world, connection, .. } = invocation;
    let (name, id) = name_cut_webhook(&cut.sha256);
    let payload = json!({"size": cut.size, "sha256": cut.sha256, "parts": String::from_utf8_lossy(&envelope.body)});
    let payload = payload.to_string().into_bytes();
    telemetry::count(world.clock().now(), "UnhandledEvent", &[("Event", &name)]);
    let event = UnhandledEvent { id, name, received_at: envelope.received_at, payload: payload.clone() };
    world.store().store_unhandled_event(connection, &event).await?;
    let Some(invitee) = find_invitee_uri(&envelope.body) else { return Ok(()) };
    if let Some(fact) = world.calendly().fetch_invitee(connection, &invitee).await? {
        let received = ReceivedFact { fact, at: envelope.received_at, payload };
        let progress = invocation.process_fact(&received).await?;
        tracing::warn!(booking.id = %progress.booking, size = cut.size, "webhook too large, its booking was read from Calendly");
    }
    Ok(())
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
            _ => count(effect),
        }
    }
    Ok(())
}
