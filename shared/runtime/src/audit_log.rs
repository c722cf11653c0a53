//! The log group of the audit. It is apart from the functions' own logs, because it is kept longer and read by others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use jiff::Timestamp;

use crate::aws::{self, Timeouts};
use crate::config::AuditConfig;

/// The longest time that a line takes: a caller waits for it.
const LONGEST_WRITE: Duration = Duration::from_secs(1);

/// A line could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the call to CloudWatch Logs failed: {0}")]
pub struct AuditLogError(String);

/// The log group of the audit. Each instance of a function writes to a log stream of its own.
#[derive(Debug)]
pub struct AuditLog {
    client: Client,
    config: AuditConfig,
    /// Whether the stream is known to exist.
    has_stream: AtomicBool,
}

impl AuditLog {
    /// Makes a client of its own, because a caller waits for it: it gives up after a second.
    pub async fn connect(config: AuditConfig) -> Self {
        Self::new(Client::new(&aws::config(Timeouts::BRIEF).await), config)
    }

    fn new(client: Client, config: AuditConfig) -> Self {
        Self { client, config, has_stream: AtomicBool::new(false) }
    }

    /// Creates the stream, so that the first call doesn't wait for it. A failure is only logged: the first line tries
    /// again.
    pub async fn warm(&self) {
        if let Err(error) = self.create_stream().await {
            tracing::warn!(
                error = domain::error_chain(&error),
                "the log group of the audit could not be reached at init"
            );
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// CloudWatch Logs did not accept it within a second.
    pub async fn write(&self, line: &str, at: Timestamp) -> Result<(), AuditLogError> {
        let written = tokio::time::timeout(LONGEST_WRITE, async {
            if !self.has_stream.load(Ordering::Relaxed) {
                self.create_stream().await?;
            }
            self.put(line, at).await
        });
        written.await.unwrap_or_else(|_| Err(AuditLogError("it took too long".to_owned())))
    }

    async fn put(&self, line: &str, at: Timestamp) -> Result<(), AuditLogError> {
        let event = InputLogEvent::builder().timestamp(at.as_millisecond()).message(line).build();
        let event = event.map_err(|error| AuditLogError(domain::error_chain(&error)))?;
        let AuditConfig { group, stream } = &self.config;
        let call = self.client.put_log_events().log_group_name(group).log_stream_name(stream).log_events(event);
        let answer = call.send().await.map_err(|error| {
            // Somebody may have deleted the stream: the next line creates it again.
            self.has_stream.store(false, Ordering::Relaxed);
            AuditLogError(domain::error_chain(&error))
        })?;
        match answer.rejected_log_events_info() {
            None => Ok(()),
            Some(rejected) => Err(AuditLogError(format!("the line was rejected: {rejected:?}"))),
        }
    }

    async fn create_stream(&self) -> Result<(), AuditLogError> {
        let AuditConfig { group, stream } = &self.config;
        let answer = self.client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
        if let Err(error) = answer
            && !error.as_service_error().is_some_and(|it| it.is_resource_already_exists_exception())
        {
            return Err(AuditLogError(domain::error_chain(&error)));
        }
        self.has_stream.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn log(server: &StandIn) -> AuditLog {
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        let place = AuditConfig { group: "audit".to_owned(), stream: "api/1".to_owned() };
        AuditLog::new(Client::from_conf(config), place)
    }

    /// Starts a server that answers each operation with the error of that name, if it has one.
    fn server(mut error: impl FnMut(&str) -> Option<&'static str> + Send + 'static) -> StandIn {
        StandIn::start(move |request| match error(operation(request)) {
            Some(error) => Answer::json(400, json!({ "__type": error, "message": "no" })),
            None => Answer::json(200, json!({})),
        })
    }

    fn operation(request: &stand_in::Request) -> &str {
        request.header("x-amz-target").and_then(|it| it.strip_prefix("Logs_20140328.")).expect("an operation")
    }

    fn operations(server: &StandIn) -> Vec<String> {
        server.requests().iter().map(|it| operation(it).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_first_line_creates_the_stream() {
        let server = server(|_| None);
        let log = log(&server);
        for line in ["a", "b"] {
            log.write(line, AT + jiff::SignedDuration::from_millis(1_500)).await.expect("written");
        }
        assert_eq!(operations(&server), ["CreateLogStream", "PutLogEvents", "PutLogEvents"]);
        let place = json!({ "logGroupName": "audit", "logStreamName": "api/1" });
        let mut written = place.clone();
        written["logEvents"] = json!([{ "timestamp": 1_500, "message": "b" }]);
        let bodies: Vec<_> = server.requests().iter().map(stand_in::Request::json).collect();
        assert_eq!([&bodies[0], &bodies[2]], [&place, &written]);
    }

    #[tokio::test]
    async fn a_stream_that_exists_is_used_and_a_deleted_one_is_created_again() {
        let mut puts = 0;
        let server = server(move |operation| match operation {
            "CreateLogStream" => Some("ResourceAlreadyExistsException"),
            _ => {
                puts += 1;
                (puts == 2).then_some("ResourceNotFoundException")
            }
        });
        let log = log(&server);
        log.warm().await;
        let written = [log.write("a", AT).await, log.write("b", AT).await, log.write("c", AT).await];
        assert_eq!(written.map(|it| it.is_ok()), [true, false, true]);
        let expected = ["CreateLogStream", "PutLogEvents", "PutLogEvents", "CreateLogStream", "PutLogEvents"];
        assert_eq!(operations(&server), expected);
    }

    #[tokio::test]
    async fn what_was_not_written_is_an_error() {
        let refusing = server(|_| Some("AccessDeniedException"));
        let error = log(&refusing).write("a", AT).await.expect_err("denied").to_string();
        assert!(error.contains("AccessDenied") && operations(&refusing) == ["CreateLogStream"], "{error}");

        let rejected = json!({ "rejectedLogEventsInfo": { "tooOldLogEventEndIndex": 1 } });
        let server = StandIn::start(move |request| match operation(request) {
            "PutLogEvents" => Answer::json(200, rejected.clone()),
            _ => Answer::json(200, json!({})),
        });
        let error = log(&server).write("a", AT).await.expect_err("rejected").to_string();
        assert!(error.contains("rejected"), "{error}");
    }

    #[tokio::test]
    async fn a_caller_waits_for_a_second_at_most() {
        let server = StandIn::with_answer(Answer::never_answers());
        let started = tokio::time::Instant::now();
        let error = log(&server).write("a", AT).await.expect_err("no answer").to_string();
        assert!(error.contains("too long") && started.elapsed() < Duration::from_millis(1_500), "{error}");
    }
}
