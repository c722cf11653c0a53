//! Sending to an SQS queue.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};

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

    /// Sends a message now.
    ///
    /// # Errors
    /// SQS did not accept it within the client's time-outs.
    pub async fn send(&self, body: impl Into<String>) -> Result<(), QueueError> {
        self.send_with(body, &[], Duration::ZERO).await
    }

    /// Sends a message with text attributes, to be delivered after a delay of at most 15 minutes.
    ///
    /// # Errors
    /// SQS did not accept it within the client's time-outs.
    pub async fn send_with(
        &self,
        body: impl Into<String>,
        attributes: &[(&str, &str)],
        delay: Duration,
    ) -> Result<(), QueueError> {
        let mut attribute_map = HashMap::new();
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build()
                .map_err(|error| QueueError(error.to_string()))?;
            attribute_map.insert((*name).to_owned(), value);
        }
        // SQS delays a message by at most 15 minutes.
        let seconds = i32::try_from(delay.as_secs().min(900)).unwrap_or(900);
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .set_message_attributes((!attribute_map.is_empty()).then_some(attribute_map))
            .set_delay_seconds((seconds > 0).then_some(seconds))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| QueueError(domain::error_chain(&error)))
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
