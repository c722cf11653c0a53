//! A batch of SQS records: each is processed separately, and the answer names those that failed (partial batch
//! response).

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;

/// Calls `process` for each record's body, concurrently. Returns the ids of the records that failed or panicked.
pub async fn process_records(event: &SqsEvent, process: impl AsyncFn(&str) -> Result<(), String>) -> SqsBatchResponse {
    let records = event.records.iter().map(async |record| {
        let body = record.body.as_deref().unwrap_or_default();
        // A panic is a bug. The record is delivered again and ends in the dead-letter queue.
        let error = match AssertUnwindSafe(process(body)).catch_unwind().await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(_) => "panicked".to_owned(),
        };
        tracing::warn!(message.id = record.message_id.as_deref(), error, "record not finished");
        record.message_id.clone()
    });
    let mut response = SqsBatchResponse::default();
    for id in join_all(records).await.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}

/// Returns the instant at which Lambda stops the invocation, from its context (milliseconds since 1970, UTC).
pub fn deadline(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds).ok().and_then(|it| Timestamp::from_millisecond(it).ok()).unwrap_or(Timestamp::MAX)
}
