//! A delivery: the dispatcher's event, and what the services answer to its calls. The table has one endpoint and one
//! event, and keeps nothing, so each event of the dispatcher makes the same delivery.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ConnectionName;
use endpoints::{Endpoint, EndpointId, EndpointSecrets, RetryPolicy, Status, TargetKind};
use events::{EventType, Stream, sample};
use jiff::Timestamp;
use sealing::DataKey;
use serde::Serialize;
use serde_json::{Value, json};
use wire::deliveries::Delivery;

use crate::answer::Answer;

/// The path of the receiver.
pub(crate) const RECEIVER: &str = "/hook";

/// The calls of AWS of the first delivery and of each later one. The first one also has its endpoint's data key
/// decrypted.
pub(crate) const CALLS: [usize; 2] = [10, 9];

const ENDPOINT: &str = "ep_bench";
const DATA_KEY: [u8; 32] = [7; 32];

/// The example of Standard Webhooks 1.0.0.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Builds the event: one message, which continues the lane of a booking.
pub(crate) fn build_event() -> Result<String, Box<dyn Error>> {
    let message = Delivery::Advance {
        connection: ConnectionName::default(),
        endpoint: ENDPOINT.to_owned(),
        stream: Stream::Booking("bk-1".to_owned()),
        waits: 0,
    };
    let sent = Timestamp::now().as_millisecond().to_string();
    let record = json!({
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        "receiptHandle": "MessageReceiptHandle",
        "body": message.to_json(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent,
            "SenderId": "123456789012",
            "ApproximateFirstReceiveTimestamp": sent,
            "MessageGroupId": message.group(),
        },
        "messageAttributes": {},
        "md5OfBody": "7b270e59b47ff90a553787216d55d91d",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:deliveries",
        "awsRegion": "eu-west-1",
    });
    Ok(json!({ "Records": [record] }).to_string())
}

/// Returns whether the dispatcher says that it has finished its message.
pub(crate) fn is_done(answer: &Answer) -> bool {
    answer.response["batchItemFailures"].as_array().is_some_and(Vec::is_empty)
}

/// The table and the key.
pub(crate) struct DeliveryServices {
    endpoint: Value,
    event: Value,
}

impl DeliveryServices {
    /// Makes them with an endpoint whose receiver has this address.
    pub(crate) fn new(receiver: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let secrets = EndpointSecrets {
            url: format!("http://{receiver}{RECEIVER}"),
            secret: SECRET.to_owned(),
            headers: BTreeMap::from([("authorization".to_owned(), "Bearer of-the-customer".to_owned())]),
            ..EndpointSecrets::default()
        };
        let data_key = DataKey::new(b"wrapped", &DATA_KEY)?;
        let sealed = data_key.seal(&ConnectionName::default(), ENDPOINT, &serde_json::to_vec(&secrets)?)?;
        let endpoint = Endpoint {
            id: EndpointId::parse(ENDPOINT).ok_or("the endpoint's id is not valid")?,
            created_at: Timestamp::UNIX_EPOCH,
            target: TargetKind::Url,
            masked_url: secrets.url,
            description: None,
            events: vec!["booking.*".to_owned()],
            condition: None,
            output: Value::Null,
            retry: RetryPolicy::Standard,
            ed25519: false,
            status: Status::Enabled,
            status_since: Timestamp::UNIX_EPOCH,
            receives_since: Timestamp::UNIX_EPOCH,
            sealed: sealed.as_text().to_owned(),
            header_names: vec!["authorization".to_owned()],
            token_digest: None,
            request_digest: String::new(),
            revision: 1,
        };
        Ok(Self {
            endpoint: build_row("endpoint#ep_bench", "endpoint.v1", &endpoint)?,
            event: build_row("e#00000001", "event.v1", &sample(EventType::BookingCreated))?,
        })
    }

    /// Answers a call. `None` if a delivery makes no such call.
    pub(crate) fn answer(&self, target: &str, request: &Value) -> Option<Value> {
        let values = &request["ExpressionAttributeValues"];
        Some(match target {
            // The lane has no row yet.
            "DynamoDB_20120810.GetItem" if request["Key"]["pk"]["S"] != "default#endpoints" => json!({}),
            "DynamoDB_20120810.GetItem" => json!({ "Item": self.endpoint }),
            // After the event there is none, and a healthy endpoint has no row about that.
            "DynamoDB_20120810.Query" if values[":first"]["S"] != "e#00000001" => json!({ "Items": [] }),
            "DynamoDB_20120810.Query" => json!({ "Items": [self.event] }),
            "DynamoDB_20120810.PutItem" | "DynamoDB_20120810.UpdateItem" | "DynamoDB_20120810.TransactWriteItems" => {
                json!({})
            }
            "TrentService.Decrypt" => json!({ "Plaintext": BASE64_STANDARD.encode(DATA_KEY) }),
            _ => return None,
        })
    }
}

/// Builds a row of the table, as DynamoDB returns it.
fn build_row(sort_key: &str, kind: &str, document: &impl Serialize) -> Result<Value, serde_json::Error> {
    let document = serde_json::to_string(document)?;
    Ok(json!({
        "sk": { "S": sort_key },
        "kind": { "S": kind },
        "rev": { "N": "1" },
        "doc": { "S": document },
    }))
}
