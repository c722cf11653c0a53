//! A batch of SQS records: each is processed separately, and the answer names those that failed (partial batch
//! response).
//!
//! A record whose trouble lies outside is put off, at first for minutes, then for a quarter of an hour at a time, for
//! days. A record whose failure nobody foresaw is buried in the dead-letter queue after five tries.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::error_chain;
use engine::{EngineError, PortError};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;

/// The queue that the records of a batch come from.
#[expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound is wanted")]
pub trait RecordQueue {
    /// Delivers a record again after a wait, at most 12 hours. Without it, it comes again after the queue's visibility
    /// timeout.
    async fn put_off(&self, receipt_handle: &str, wait: Duration) -> Result<(), String>;

    /// Puts a message of a tenant into the dead-letter queue, with the reason as an attribute.
    async fn bury(&self, message: &str, tenant: &str, reason: &str) -> Result<(), String>;
}

/// A queue of SQS and its dead-letter queue.
#[derive(Debug)]
pub struct SqsRecords {
    /// The queue.
    pub queue: runtime::Queue,
    /// Its dead-letter queue.
    pub dead_letters: runtime::Queue,
    /// How much faster than written time passes for the waits of records: 1, or more on a developer's machine.
    pub speed: u32,
}

impl RecordQueue for SqsRecords {
    async fn put_off(&self, receipt_handle: &str, wait: Duration) -> Result<(), String> {
        self.queue.put_off(receipt_handle, at_speed(wait, self.speed)).await.map_err(|error| error.to_string())
    }

    async fn bury(&self, message: &str, tenant: &str, reason: &str) -> Result<(), String> {
        let sent = self.dead_letters.send_with(message, tenant, ("reason", reason)).await;
        sent.map_err(|error| error.to_string())
    }
}

/// Why a record was not finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Something outside does not answer, or others are at work on the same: a later try may work.
    Temporary(String),
    /// No later try will work.
    Permanent(String),
    /// Nobody knows whether a later try may work.
    Unforeseen(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let text = error_chain(&error);
        if error.is_temporary() { Self::Temporary(text) } else { Self::Permanent(text) }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        EngineError::from(error).into()
    }
}

/// The tries of a record whose failure nobody foresaw.
const MOST_UNFORESEEN: u64 = 5;

/// The first wait, in seconds: the visibility timeout of our queues.
const FIRST_WAIT: u64 = 180;

/// The longest wait, in seconds. The queues deliver a message up to 480 times: with this wait, for five days.
const LONGEST_WAIT: u64 = 900;

/// Returns how long a record waits that was received a number of times, in seconds.
pub fn wait_after(receives: u64) -> u64 {
    let doublings = receives.saturating_sub(1).min(3);
    (FIRST_WAIT << doublings).min(LONGEST_WAIT)
}

/// Returns a wait at a speed. It is no less than a second: SQS takes whole seconds, and 0 would deliver a record at
/// once.
fn at_speed(wait: Duration, speed: u32) -> Duration {
    (wait / speed.max(1)).max(Duration::from_secs(1))
}

/// Calls `process` for each record's body, concurrently. Returns the ids of the records that must come again.
pub async fn process_records(
    event: &SqsEvent,
    queue: &impl RecordQueue,
    process: impl AsyncFn(&str) -> Result<(), Failure>,
) -> SqsBatchResponse {
    let records = event.records.iter().map(async |record| {
        let body = record.body.as_deref().unwrap_or_default();
        let receives = attribute(record, "ApproximateReceiveCount").and_then(|it| it.parse().ok()).unwrap_or(1);
        let buried = match AssertUnwindSafe(process(body)).catch_unwind().await {
            Ok(Ok(())) => return None,
            Ok(Err(Failure::Temporary(error))) => {
                let wait = Duration::from_secs(wait_after(receives));
                tracing::warn!(
                    message.id = record.message_id,
                    receives,
                    wait_s = wait.as_secs(),
                    error,
                    "record put off"
                );
                if let Some(handle) = &record.receipt_handle
                    && let Err(error) = queue.put_off(handle, wait).await
                {
                    // It comes again after the visibility timeout.
                    tracing::warn!(error, "the wait of a record could not be set");
                }
                return record.message_id.clone();
            }
            Ok(Err(Failure::Permanent(reason))) => bury(queue, record, body, &reason).await,
            Ok(Err(Failure::Unforeseen(reason))) => bury_at_last(queue, record, body, receives, reason).await,
            // A panic is a bug. It may not come again.
            Err(_) => bury_at_last(queue, record, body, receives, "the function panicked".to_owned()).await,
        };
        let error = buried.err()?;
        tracing::warn!(message.id = record.message_id, receives, error, "record not finished");
        record.message_id.clone()
    });
    let mut response = SqsBatchResponse::default();
    for id in join_all(records).await.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}

/// Buries a record that was received too often.
async fn bury_at_last(
    queue: &impl RecordQueue,
    record: &SqsMessage,
    body: &str,
    receives: u64,
    reason: String,
) -> Result<(), String> {
    if receives < MOST_UNFORESEEN { Err(reason) } else { bury(queue, record, body, &reason).await }
}

async fn bury(queue: &impl RecordQueue, record: &SqsMessage, body: &str, reason: &str) -> Result<(), String> {
    tracing::error!(message.id = record.message_id, reason, "record put into the dead-letter queue");
    // Every message that we send names its tenant. What came from elsewhere belongs to nobody.
    queue.bury(body, attribute(record, "MessageGroupId").unwrap_or("unknown"), reason).await
}

fn attribute<'a>(record: &'a SqsMessage, name: &str) -> Option<&'a str> {
    record.attributes.get(name).map(String::as_str)
}

/// Returns the instant at which Lambda stops the invocation, from its context (milliseconds since 1970, UTC).
pub fn deadline(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds).ok().and_then(|it| Timestamp::from_millisecond(it).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct FakeQueue {
        put_off: RefCell<Vec<(String, u64)>>,
        buried: RefCell<Vec<(String, String, String)>>,
        is_down: bool,
    }

    impl RecordQueue for FakeQueue {
        async fn put_off(&self, receipt_handle: &str, wait: Duration) -> Result<(), String> {
            if self.is_down {
                return Err("SQS is down".to_owned());
            }
            self.put_off.borrow_mut().push((receipt_handle.to_owned(), wait.as_secs()));
            Ok(())
        }

        async fn bury(&self, message: &str, tenant: &str, reason: &str) -> Result<(), String> {
            if self.is_down {
                return Err("SQS is down".to_owned());
            }
            self.buried.borrow_mut().push((message.to_owned(), tenant.to_owned(), reason.to_owned()));
            Ok(())
        }
    }

    fn event(bodies: &[&str], receives: u64) -> SqsEvent {
        let mut event = SqsEvent::default();
        for body in bodies {
            let attributes = [("ApproximateReceiveCount", receives.to_string()), ("MessageGroupId", "acme".to_owned())];
            let mut record = SqsMessage::default();
            record.message_id = Some(format!("id-{body}"));
            record.receipt_handle = Some(format!("handle-{body}"));
            record.body = Some((*body).to_owned());
            record.attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
            event.records.push(record);
        }
        event
    }

    async fn process(body: &str) -> Result<(), Failure> {
        match body {
            "good" => Ok(()),
            "outside" => Err(Failure::Temporary("no answer".to_owned())),
            "wrong" => Err(Failure::Permanent("not JSON".to_owned())),
            _ => panic!("a bug"),
        }
    }

    fn handle(queue: &FakeQueue, receives: u64) -> Vec<String> {
        let event = event(&["good", "outside", "wrong", "bug"], receives);
        let response = process_records(&event, queue, process).now_or_never().expect("nothing waits");
        response.batch_item_failures.into_iter().map(|it| it.item_identifier).collect()
    }

    #[test]
    fn trouble_outside_is_put_off_longer_and_longer_and_never_buried() {
        let queue = FakeQueue::default();
        for receives in [1, 2, 3, 4, 5, 100, 479] {
            assert!(handle(&queue, receives).contains(&"id-outside".to_owned()), "{receives}");
        }
        let waits: Vec<_> = queue.put_off.borrow().iter().map(|(handle, wait)| (handle.clone(), *wait)).collect();
        assert_eq!(waits, [180, 360, 720, 900, 900, 900, 900].map(|wait| ("handle-outside".to_owned(), wait)));
        assert!(queue.buried.borrow().iter().all(|(message, ..)| message != "outside"));
    }

    #[test]
    fn at_a_higher_speed_waits_are_shorter_but_never_nothing() {
        let waits = [0, 1, 30, 10_000].map(|speed| at_speed(Duration::from_secs(180), speed).as_secs());
        assert_eq!(waits, [180, 180, 6, 1]);
    }

    #[test]
    fn what_nobody_foresaw_is_buried_after_five_tries_and_what_is_wrong_at_once() {
        let queue = FakeQueue::default();
        for receives in 1..=4 {
            assert_eq!(handle(&queue, receives), ["id-outside", "id-bug"], "{receives}");
        }
        let wrong = ("wrong".to_owned(), "acme".to_owned(), "not JSON".to_owned());
        assert_eq!(*queue.buried.borrow(), vec![wrong.clone(); 4]);
        assert_eq!(handle(&queue, 5), ["id-outside"]);
        let bug = ("bug".to_owned(), "acme".to_owned(), "the function panicked".to_owned());
        assert_eq!(queue.buried.borrow()[4..], [wrong, bug]);
    }

    #[test]
    fn without_sqs_a_record_comes_again_by_itself() {
        let queue = FakeQueue { is_down: true, ..FakeQueue::default() };
        assert_eq!(handle(&queue, 5), ["id-outside", "id-wrong", "id-bug"]);
    }
}
