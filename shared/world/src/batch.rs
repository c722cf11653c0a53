//! A batch of SQS records, each with an outcome of its own (partial batch response).

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::Settings;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;
use runtime::telemetry;

/// Takes on the log level that a connection's settings ask for, until the instant they name.
pub fn apply_log_level(settings: &Settings, now: Timestamp) {
    let logging = &settings.logging;
    let holds = logging.level_until.is_some_and(|until| now < until);
    telemetry::set_level(logging.level.as_deref().filter(|_| holds));
}

/// Hands each record's body to `take`, side by side. Those that fail, or panic, come back; their neighbours don't.
pub async fn process_records(event: &SqsEvent, take: impl AsyncFn(&str) -> Result<(), String>) -> SqsBatchResponse {
    let records = event.records.iter().map(async |record| {
        let body = record.body.as_deref().unwrap_or_default();
        // A panic is a bug: the record goes round again and ends in the dead-letter queue.
        let problem = match AssertUnwindSafe(take(body)).catch_unwind().await {
            Ok(Ok(())) => return None,
            Ok(Err(problem)) => problem,
            Err(_) => "panicked".to_owned(),
        };
        tracing::warn!(message.id = record.message_id.as_deref(), error = problem, "a record comes back");
        record.message_id.clone()
    });
    let mut response = SqsBatchResponse::default();
    for id in join_all(records).await.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}
