//! A batch of SQS records: each is processed separately, and the answer names those that failed (partial batch
//! response).
//!
//! A record whose trouble lies outside is put off, at first for minutes, then for a quarter of an hour at a time, for
//! days. What may have been done is done again less and less often, for a day and a half. A record is buried in the
//! dead-letter queue after five failures that nobody foresaw. Deliveries during an outage are not among the five.

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

    /// Sends a message of a tenant once more, to be delivered after 180 seconds, with the number of its failures that
    /// nobody foresaw. SQS itself counts all deliveries, also those during an outage.
    async fn send_again(&self, message: &str, tenant: &str, failures: u64) -> Result<(), String>;

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

    async fn send_again(&self, message: &str, tenant: &str, failures: u64) -> Result<(), String> {
        let (failures, wait) = (failures.to_string(), at_speed(Duration::from_secs(FIRST_WAIT), self.speed));
        let sent = self.queue.send_with(message, tenant, (FAILURES, &failures), wait).await;
        sent.map_err(|error| error.to_string())
    }

    async fn bury(&self, message: &str, tenant: &str, reason: &str) -> Result<(), String> {
        let sent = self.dead_letters.send_with(message, tenant, ("reason", reason), Duration::ZERO).await;
        sent.map_err(|error| error.to_string())
    }
}

/// Why a record was not finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Something outside does not answer, or others are at work on the same: a later try may work.
    Temporary(String),
    /// Something outside may have done it, and a later try would do it again. It may also not have been done.
    Doubtful(String),
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

/// The attribute of a message with the number of its failures that nobody foresaw.
const FAILURES: &str = "failures";

/// The failures that nobody foresaw after which a record is buried.
const MOST_FAILURES: u64 = 5;

/// How long something that may have been done is tried, in seconds: longer than an outage of a day.
const LONGEST_DOUBT: u64 = 36 * 3_600;

/// The longest wait of something that may have been done, in seconds. SQS hides a message for 12 hours at most after it
/// was received, and refuses a longer wait.
const LONGEST_DOUBTFUL_WAIT: u64 = 11 * 3_600;

/// The first wait, in seconds: the visibility timeout of our queues.
const FIRST_WAIT: u64 = 180;

/// The longest wait, in seconds. The queues deliver a message up to 480 times: with this wait, for five days.
const LONGEST_WAIT: u64 = 900;

/// Returns how long a record waits that was received a number of times, in seconds.
pub fn wait_after(receives: u64) -> u64 {
    let doublings = receives.saturating_sub(1).min(3);
    (FIRST_WAIT << doublings).min(LONGEST_WAIT)
}

/// Returns how long a record of an age waits before something is done again that may have been done, in seconds: its
/// age, so that ten tries are enough for a day. Returns `None` when it has been tried for long enough.
fn wait_in_doubt(age: u64) -> Option<u64> {
    (age < LONGEST_DOUBT).then(|| age.clamp(FIRST_WAIT, LONGEST_DOUBTFUL_WAIT))
}

/// Returns a wait at a speed. It is no less than a second: SQS takes whole seconds, and 0 would deliver a record at
/// once.
fn at_speed(wait: Duration, speed: u32) -> Duration {
    (wait / speed.max(1)).max(Duration::from_secs(1))
}

/// Calls `process` for each record's body, concurrently. Returns the ids of the records that must come again. `now` is
/// the time of the invocation.
pub async fn process_records(
    event: &SqsEvent,
    queue: &impl RecordQueue,
    now: Timestamp,
    process: impl AsyncFn(&str) -> Result<(), Failure>,
) -> SqsBatchResponse {
    let records = event.records.iter().map(async |record| {
        let body = record.body.as_deref().unwrap_or_default();
        let finished = match AssertUnwindSafe(process(body)).catch_unwind().await {
            Ok(Ok(())) => return None,
            Ok(Err(Failure::Temporary(error))) => {
                Err(put_off(queue, record, wait_after(count_receives(record)), error).await)
            }
            Ok(Err(Failure::Doubtful(error))) => match wait_in_doubt(age(record, now)) {
                Some(wait) => Err(put_off(queue, record, wait, error).await),
                None => bury(queue, record, body, &error).await,
            },
            Ok(Err(Failure::Permanent(reason))) => bury(queue, record, body, &reason).await,
            Ok(Err(Failure::Unforeseen(reason))) => try_again_or_bury(queue, record, body, &reason).await,
            // A panic is a bug. It may not come again.
            Err(_) => try_again_or_bury(queue, record, body, "the function panicked").await,
        };
        let error = finished.err()?;
        let receives = count_receives(record);
        tracing::warn!(message.id = record.message_id, receives, error, "record not finished, it comes again");
        record.message_id.clone()
    });
    let mut response = SqsBatchResponse::default();
    for id in join_all(records).await.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}

/// Sets how long a record waits, in seconds. Returns why it comes again.
async fn put_off(queue: &impl RecordQueue, record: &SqsMessage, wait: u64, error: String) -> String {
    if let Some(handle) = &record.receipt_handle
        && let Err(error) = queue.put_off(handle, Duration::from_secs(wait)).await
    {
        // It comes again after the visibility timeout.
        tracing::warn!(error, "the wait of a record could not be set");
    }
    format!("{error} (in {wait} s)")
}

/// Sends a record once more after a failure that nobody foresaw, or buries it.
async fn try_again_or_bury(
    queue: &impl RecordQueue,
    record: &SqsMessage,
    body: &str,
    reason: &str,
) -> Result<(), String> {
    let failures = count_failures(record) + 1;
    if failures >= MOST_FAILURES {
        return bury(queue, record, body, reason).await;
    }
    tracing::warn!(message.id = record.message_id, failures, error = reason, "record failed, it is sent once more");
    queue.send_again(body, tenant(record), failures).await
}

async fn bury(queue: &impl RecordQueue, record: &SqsMessage, body: &str, reason: &str) -> Result<(), String> {
    tracing::error!(message.id = record.message_id, reason, "record put into the dead-letter queue");
    queue.bury(body, tenant(record), reason).await
}

/// Returns whose record it is. Every message that we send names its tenant. What came from elsewhere belongs to nobody.
fn tenant(record: &SqsMessage) -> &str {
    attribute(record, "MessageGroupId").unwrap_or("unknown")
}

/// Returns how often a record has been received, this time included.
fn count_receives(record: &SqsMessage) -> u64 {
    attribute(record, "ApproximateReceiveCount").and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// Returns the number of a record's earlier failures that nobody foresaw.
fn count_failures(record: &SqsMessage) -> u64 {
    let failures = record.message_attributes.get(FAILURES).and_then(|it| it.string_value.as_deref());
    failures.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Returns how long ago a record was sent, in seconds.
fn age(record: &SqsMessage, now: Timestamp) -> u64 {
    let sent = attribute(record, "SentTimestamp").and_then(|it| it.parse().ok());
    let sent = sent.and_then(|it| Timestamp::from_millisecond(it).ok()).unwrap_or(now);
    u64::try_from(now.duration_since(sent).as_secs()).unwrap_or(0)
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

    use aws_lambda_events::event::sqs::SqsMessageAttribute;

    use super::*;

    /// SQS hides a message for 12 hours from its receipt on, which was some time ago.
    const MOST_WAIT: Duration = Duration::from_secs(12 * 3_600 - 900);

    #[derive(Default)]
    struct FakeQueue {
        put_off: RefCell<Vec<(String, u64)>>,
        sent_again: RefCell<Vec<(String, String, u64)>>,
        buried: RefCell<Vec<(String, String, String)>>,
        is_down: bool,
    }

    impl RecordQueue for FakeQueue {
        async fn put_off(&self, receipt_handle: &str, wait: Duration) -> Result<(), String> {
            if self.is_down || wait > MOST_WAIT {
                return Err("SQS is down, or refuses the wait".to_owned());
            }
            self.put_off.borrow_mut().push((receipt_handle.to_owned(), wait.as_secs()));
            Ok(())
        }

        async fn send_again(&self, message: &str, tenant: &str, failures: u64) -> Result<(), String> {
            if self.is_down {
                return Err("SQS is down".to_owned());
            }
            self.sent_again.borrow_mut().push((message.to_owned(), tenant.to_owned(), failures));
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

    const NOW: Timestamp = Timestamp::constant(1_795_000_000, 0);

    /// Makes a batch of messages that were received and failed a number of times, and were sent some seconds ago.
    fn event(bodies: &[&str], receives: u64, failures: u64, age: i64) -> SqsEvent {
        let mut event = SqsEvent::default();
        for body in bodies {
            let attributes = [
                ("ApproximateReceiveCount", receives.to_string()),
                ("SentTimestamp", (NOW.as_millisecond() - age * 1_000).to_string()),
                ("MessageGroupId", "acme".to_owned()),
            ];
            let mut record = SqsMessage::default();
            if failures > 0 {
                let mut counted = SqsMessageAttribute::default();
                counted.string_value = Some(failures.to_string());
                record.message_attributes = [(FAILURES.to_owned(), counted)].into();
            }
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
            "doubt" => Err(Failure::Doubtful("no answer".to_owned())),
            "wrong" => Err(Failure::Permanent("not JSON".to_owned())),
            _ => panic!("a bug"),
        }
    }

    const BODIES: [&str; 5] = ["good", "outside", "doubt", "wrong", "bug"];

    fn handle(queue: &FakeQueue, event: &SqsEvent) -> Vec<String> {
        let response = process_records(event, queue, NOW, process).now_or_never().expect("nothing waits");
        response.batch_item_failures.into_iter().map(|it| it.item_identifier).collect()
    }

    #[test]
    fn trouble_outside_is_put_off_longer_and_longer_and_never_buried() {
        let queue = FakeQueue::default();
        for receives in [1, 2, 3, 4, 5, 100, 479] {
            assert_eq!(handle(&queue, &event(&["outside"], receives, 0, 0)), ["id-outside"], "{receives}");
        }
        let waits: Vec<_> = queue.put_off.borrow().iter().map(|(handle, wait)| (handle.clone(), *wait)).collect();
        assert_eq!(waits, [180, 360, 720, 900, 900, 900, 900].map(|wait| ("handle-outside".to_owned(), wait)));
        assert!(queue.buried.borrow().is_empty());
    }

    #[test]
    fn what_may_have_been_done_is_tried_some_ten_times_in_a_day_and_a_half() {
        let queue = FakeQueue::default();
        let mut age = 0;
        while handle(&queue, &event(&["doubt"], 1, 0, age)) == ["id-doubt"] {
            let (_, wait) = queue.put_off.borrow().last().cloned().expect("a wait");
            age += i64::try_from(wait).expect("small");
        }
        let hours: Vec<_> = queue.put_off.borrow().iter().map(|(_, wait)| wait / 3_600).collect();
        assert_eq!(hours, [0, 0, 0, 0, 0, 0, 1, 3, 6, 11, 11, 11]);
        assert!(age > 36 * 3_600, "longer than an outage of a day: {age}");
        assert_eq!(queue.buried.borrow().len(), 1);
    }

    #[test]
    fn at_a_higher_speed_waits_are_shorter_but_never_nothing() {
        let waits = [0, 1, 30, 10_000].map(|speed| at_speed(Duration::from_secs(180), speed).as_secs());
        assert_eq!(waits, [180, 180, 6, 1]);
    }

    #[test]
    fn what_nobody_foresaw_is_buried_after_five_failures_and_what_is_wrong_at_once() {
        let queue = FakeQueue::default();
        // What was received often during an outage has not failed so yet.
        for receives in [1, 100] {
            for failures in 0..4 {
                assert_eq!(handle(&queue, &event(&BODIES, receives, failures, 0)), ["id-outside", "id-doubt"]);
            }
        }
        let again = [1, 2, 3, 4, 1, 2, 3, 4].map(|failures| ("bug".to_owned(), "acme".to_owned(), failures));
        assert_eq!(*queue.sent_again.borrow(), again);
        let wrong = ("wrong".to_owned(), "acme".to_owned(), "not JSON".to_owned());
        assert_eq!(*queue.buried.borrow(), vec![wrong.clone(); 8]);
        assert_eq!(handle(&queue, &event(&BODIES, 1, 4, 0)), ["id-outside", "id-doubt"]);
        let bug = ("bug".to_owned(), "acme".to_owned(), "the function panicked".to_owned());
        assert_eq!(queue.buried.borrow()[8..], [wrong, bug]);
    }

    #[test]
    fn without_sqs_a_record_comes_again_by_itself() {
        let queue = FakeQueue { is_down: true, ..FakeQueue::default() };
        for failures in [0, 4] {
            let failed = handle(&queue, &event(&BODIES, 5, failures, 0));
            assert_eq!(failed, ["id-outside", "id-doubt", "id-wrong", "id-bug"]);
        }
    }
}
