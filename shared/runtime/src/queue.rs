//! Sending to an SQS queue.

use std::time::Duration;

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};

/// The most messages that SQS accepts in one call.
const BATCH: usize = 10;

/// A call to SQS failed.
#[derive(Debug, thiserror::Error)]
#[error("the call to SQS failed: {0}")]
pub struct QueueError(String);

impl QueueError {
    /// Makes it of a description.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// The approximate length of a queue: SQS counts on several machines.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Depth {
    /// Messages that wait to be received.
    pub waiting: u64,
    /// Messages that are being processed.
    pub in_flight: u64,
}

/// One queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    /// Makes a queue of its URL.
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Makes another queue, with the same client.
    #[must_use]
    pub fn with_url(&self, url: impl Into<String>) -> Self {
        Self::new(self.client.clone(), url)
    }

    /// Opens the connection, so that the first message doesn't wait for a TLS handshake. A failure is only logged.
    pub async fn warm(&self) {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send();
        if let Err(error) = answer.await {
            tracing::warn!(error = domain::error_chain(&error), "the queue could not be reached at init");
        }
    }

    /// Sends a message of a tenant, to be delivered after a delay of at most 15 minutes. A standard queue is fair if
    /// its messages name their tenants: the many messages of one do not delay those of the others. So every message has
    /// one. A tenant's name has up to 128 letters, digits and punctuation marks of ASCII.
    ///
    /// # Errors
    /// SQS did not accept it within the client's time-outs.
    pub async fn send(&self, body: impl Into<String>, tenant: &str, delay: Duration) -> Result<(), QueueError> {
        send(self.message(body, tenant, delay)).await
    }

    /// Sends a message of a tenant with a text attribute, to be delivered after a delay of at most 15 minutes.
    ///
    /// # Errors
    /// SQS did not accept it within the client's time-outs.
    pub async fn send_with(
        &self,
        body: impl Into<String>,
        tenant: &str,
        (name, value): (&str, &str),
        delay: Duration,
    ) -> Result<(), QueueError> {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let value = value.map_err(|error| QueueError(error.to_string()))?;
        send(self.message(body, tenant, delay).message_attributes(name, value)).await
    }

    /// Delivers a received message again after a wait, at most 12 hours after it was received.
    ///
    /// # Errors
    /// SQS did not accept it within the client's time-outs.
    pub async fn put_off(&self, receipt_handle: &str, wait: Duration) -> Result<(), QueueError> {
        let seconds = i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
        let call = self.client.change_message_visibility().queue_url(&self.url);
        let answer = call.receipt_handle(receipt_handle).visibility_timeout(seconds).send().await;
        answer.map(drop).map_err(|error| QueueError(domain::error_chain(&error)))
    }

    /// Sends messages, each with its tenant as for [`Queue::send`], ten in a call. Ten may have 1 MiB together.
    ///
    /// # Errors
    /// SQS did not accept one of them within the client's time-outs. Others may have been sent: send all again.
    pub async fn send_batch(&self, messages: Vec<(String, String)>) -> Result<(), QueueError> {
        let mut messages = messages.into_iter();
        while messages.len() > 0 {
            let entries = messages.by_ref().take(BATCH).enumerate().map(|(number, (body, group))| {
                let entry = SendMessageBatchRequestEntry::builder().id(number.to_string());
                entry.message_body(body).message_group_id(group).build()
            });
            let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| QueueError(error.to_string()))?;
            let count = entries.len();
            let answer = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| QueueError(domain::error_chain(&error)))?;
            if let [first, ..] = answer.failed() {
                let (failed, code, message) =
                    (answer.failed().len(), first.code(), first.message().unwrap_or_default());
                return Err(QueueError(format!("{failed} of {count} messages were refused: {code}: {message}")));
            }
        }
        Ok(())
    }

    fn message(&self, body: impl Into<String>, tenant: &str, delay: Duration) -> SendMessageFluentBuilder {
        // SQS delays a message by at most 15 minutes.
        let seconds = i32::try_from(delay.as_secs().min(900)).unwrap_or(900);
        let message = self.client.send_message().queue_url(&self.url).message_body(body).message_group_id(tenant);
        message.set_delay_seconds((seconds > 0).then_some(seconds))
    }

    /// Returns the approximate length.
    ///
    /// # Errors
    /// SQS did not answer within the client's time-outs, or without a count.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(ApproximateNumberOfMessages)
            .attribute_names(ApproximateNumberOfMessagesNotVisible)
            .send();
        let attributes = answer.await.map_err(|error| QueueError(domain::error_chain(&error)))?;
        let count = |name: QueueAttributeName| {
            let text = attributes.attributes().and_then(|all| all.get(&name));
            let count = text.and_then(|text| text.parse().ok());
            count.ok_or_else(|| QueueError(format!("{name} is missing")))
        };
        Ok(Depth {
            waiting: count(ApproximateNumberOfMessages)?,
            in_flight: count(ApproximateNumberOfMessagesNotVisible)?,
        })
    }
}

async fn send(message: SendMessageFluentBuilder) -> Result<(), QueueError> {
    message.send().await.map(|_| ()).map_err(|error| QueueError(domain::error_chain(&error)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;

    fn queue(server: &StandIn) -> Queue {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        Queue::new(aws_sdk_sqs::Client::from_conf(config), format!("{}/queue", server.url()))
    }

    fn bodies(server: &StandIn) -> Vec<Value> {
        server.requests().iter().map(stand_in::Request::json).collect()
    }

    fn messages(count: usize) -> Vec<(String, String)> {
        (0..count).map(|number| (format!("body {number}"), format!("acme/{number}"))).collect()
    }

    #[tokio::test]
    async fn a_message_has_its_group_and_a_delay_of_at_most_15_minutes() {
        let server = StandIn::with_answer(Answer::json(200, json!({ "MessageId": "m-1" })));
        let queue = queue(&server);
        for seconds in [0, 5, 900, 901, u64::MAX] {
            queue.send("a", "acme/ep-1", Duration::from_secs(seconds)).await.expect("sent");
        }
        queue.send_with("b", "acme", ("reason", "c"), Duration::ZERO).await.expect("sent");
        let url = format!("{}/queue", server.url());
        let grouped = |delay: Option<u32>| {
            let mut body = json!({ "QueueUrl": url, "MessageBody": "a", "MessageGroupId": "acme/ep-1" });
            if let Some(seconds) = delay {
                body["DelaySeconds"] = seconds.into();
            }
            body
        };
        let attributes = json!({ "reason": { "DataType": "String", "StringValue": "c" } });
        let with_reason =
            json!({ "QueueUrl": url, "MessageBody": "b", "MessageGroupId": "acme", "MessageAttributes": attributes });
        let delays = [None, Some(5), Some(900), Some(900), Some(900)];
        assert_eq!(bodies(&server), delays.map(grouped).into_iter().chain([with_reason]).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_batch_is_sent_ten_at_a_time_and_nothing_is_lost() {
        let server = StandIn::with_answer(Answer::json(200, json!({ "Successful": [], "Failed": [] })));
        let queue = queue(&server);
        let mut calls = 0;
        for count in [0, 1, 10, 11, 23] {
            queue.send_batch(messages(count)).await.expect("sent");
            let mut sent = Vec::new();
            for body in bodies(&server).split_off(calls) {
                calls += 1;
                let entries = body["Entries"].as_array().expect("entries");
                assert!(entries.len() == 10 || sent.len() + entries.len() == count, "{body}");
                for (number, entry) in entries.iter().enumerate() {
                    assert_eq!(entry["Id"], number.to_string(), "an id is unique in its call");
                    sent.push(["MessageBody", "MessageGroupId"].map(|it| entry[it].as_str().expect("text").to_owned()));
                }
            }
            assert_eq!(sent, messages(count).into_iter().map(|(body, group)| [body, group]).collect::<Vec<_>>());
        }
        assert_eq!(calls, 1 + 1 + 2 + 3);
    }

    #[tokio::test]
    async fn a_refused_message_of_a_batch_is_an_error() {
        let failed = json!([{ "Id": "3", "SenderFault": false, "Code": "InternalError", "Message": "try later" }]);
        let server = StandIn::with_answer(Answer::json(200, json!({ "Successful": [], "Failed": failed })));
        let error = queue(&server).send_batch(messages(12)).await.expect_err("refused");
        let text = "the call to SQS failed: 1 of 10 messages were refused: InternalError: try later";
        assert_eq!((error.to_string().as_str(), server.requests().len()), (text, 1));

        let denied = json!({ "__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no" });
        let server = StandIn::with_answer(Answer::json(400, denied));
        let error = queue(&server).send_batch(messages(12)).await.expect_err("denied");
        assert!(error.to_string().contains("AccessDenied"), "{error}");
    }
}
