//! The messages of the deliveries queue. They hold ids only: the dispatcher reads events and endpoints from the table.

use domain::ConnectionName;
use events::{EventType, Stream};
use serde::{Deserialize, Serialize};

/// A new event in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewEvent {
    /// Its number in the stream's log.
    pub number: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: EventType,
}

/// A message of the deliveries queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Delivery {
    /// A stream has new events. The dispatcher sends an `Advance` to each endpoint that gets one of them.
    #[serde(rename = "published.v1")]
    Published {
        /// The connection.
        connection: ConnectionName,
        /// The stream.
        stream: Stream,
        /// The new events.
        events: Vec<NewEvent>,
    },
    /// Deliver the next events of a stream to an endpoint.
    #[serde(rename = "advance.v1")]
    Advance {
        /// The connection.
        connection: ConnectionName,
        /// The endpoint's id.
        endpoint: String,
        /// The stream.
        stream: Stream,
        /// How often the lane has found no place among the endpoint's concurrent attempts.
        #[serde(default, skip_serializing_if = "is_zero")]
        waits: u32,
    },
    /// An endpoint gets events again: continue its lanes that have stalled.
    #[serde(rename = "resume.v1")]
    Resume {
        /// The connection.
        connection: ConnectionName,
        /// The endpoint's id.
        endpoint: String,
        /// Continue one lane only, to see whether the endpoint answers again: the number of the breaker's opening.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probe: Option<u32>,
        /// The last lane of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Stream>,
    },
    /// Repeat a delivery that has ended.
    #[serde(rename = "replay.v1")]
    Replay {
        /// The connection.
        connection: ConnectionName,
        /// The endpoint's id.
        endpoint: String,
        /// The stream.
        stream: Stream,
        /// The event's number in the endpoint's sequence of the stream.
        number: u64,
        /// The failed attempts of this replay.
        #[serde(default)]
        attempts: u32,
    },
    /// Repeat the ended deliveries of an endpoint since an instant, page by page.
    #[serde(rename = "replay_since.v1")]
    ReplaySince {
        /// The connection.
        connection: ConnectionName,
        /// The endpoint's id.
        endpoint: String,
        /// Events that happened at or after this instant.
        since: jiff::Timestamp,
        /// Whether only deliveries that were given up are repeated.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        only_failed: bool,
        /// Where the page before ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Delivery {
    /// Serializes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|never| unreachable!("a Delivery is always JSON: {never}"))
    }

    /// Parses a message's body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }

    /// Returns the message group of the fair queue: the endpoint, or the connection of a new event.
    pub fn group(&self) -> String {
        match self {
            Self::Published { connection, .. } => connection.as_str().to_owned(),
            Self::Advance { connection, endpoint, .. }
            | Self::Resume { connection, endpoint, .. }
            | Self::Replay { connection, endpoint, .. }
            | Self::ReplaySince { connection, endpoint, .. } => format!("{connection}.{endpoint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serialized_forms_are_fixed() {
        let connection = ConnectionName::default();
        let stream = Stream::Booking("bk-1".to_owned());
        let endpoint = "ep_1".to_owned();
        let events = vec![NewEvent { number: 3, kind: EventType::BookingCreated }];
        let since = jiff::Timestamp::UNIX_EPOCH;
        for (message, json) in [
            (
                Delivery::Published { connection: connection.clone(), stream: stream.clone(), events },
                r#"{"v":"published.v1","connection":"default","stream":"booking/bk-1","events":[{"number":3,"type":"booking.created"}]}"#,
            ),
            (
                Delivery::Advance {
                    connection: connection.clone(),
                    endpoint: endpoint.clone(),
                    stream: stream.clone(),
                    waits: 0,
                },
                r#"{"v":"advance.v1","connection":"default","endpoint":"ep_1","stream":"booking/bk-1"}"#,
            ),
            (
                Delivery::Resume {
                    connection: connection.clone(),
                    endpoint: endpoint.clone(),
                    probe: Some(2),
                    after: Some(stream.clone()),
                },
                r#"{"v":"resume.v1","connection":"default","endpoint":"ep_1","probe":2,"after":"booking/bk-1"}"#,
            ),
            (
                Delivery::Replay {
                    connection: connection.clone(),
                    endpoint: endpoint.clone(),
                    stream,
                    number: 2,
                    attempts: 1,
                },
                r#"{"v":"replay.v1","connection":"default","endpoint":"ep_1","stream":"booking/bk-1","number":2,"attempts":1}"#,
            ),
            (
                Delivery::ReplaySince { connection, endpoint, since, only_failed: true, after: None },
                r#"{"v":"replay_since.v1","connection":"default","endpoint":"ep_1","since":"1970-01-01T00:00:00Z","only_failed":true}"#,
            ),
        ] {
            assert_eq!(message.to_json(), json);
            assert_eq!(Delivery::parse(json), Ok(message));
        }
        assert!(Delivery::parse(r#"{"v":"advance.v9"}"#).is_err());
    }

    #[test]
    fn each_endpoint_is_a_group_of_its_own() {
        let group = |json: &str| Delivery::parse(json).expect("a message").group();
        let advance = group(r#"{"v":"advance.v1","connection":"acme","endpoint":"ep_1","stream":"booking/bk-1"}"#);
        assert_eq!(advance, "acme.ep_1");
        assert_eq!(group(r#"{"v":"published.v1","connection":"acme","stream":"booking/bk-1","events":[]}"#), "acme");
    }
}
