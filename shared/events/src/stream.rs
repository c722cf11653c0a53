//! The streams that events belong to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an event is about. The events of one stream are numbered and delivered in order; streams do not wait for each
/// other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream {
    /// A booking, by its id.
    Booking(String),
    /// A conversation, by its `sessionId`.
    Conversation(String),
    /// An agent of VAI, by its id.
    Agent(String),
    /// An endpoint, by its id.
    Endpoint(String),
}

impl Stream {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Booking(id) => ("booking", id),
            Self::Conversation(id) => ("conversation", id),
            Self::Agent(id) => ("agent", id),
            Self::Endpoint(id) => ("endpoint", id),
        }
    }

    /// Returns the id of the booking, conversation, agent or endpoint.
    pub fn id(&self) -> &str {
        self.parts().1
    }

    /// Parses a stream's name, such as `booking/bk-1f2e`.
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, id) = name.split_once('/')?;
        let make = match kind {
            "booking" => Self::Booking,
            "conversation" => Self::Conversation,
            "agent" => Self::Agent,
            "endpoint" => Self::Endpoint,
            _ => return None,
        };
        is_stream_id(id).then(|| make(id.to_owned()))
    }
}

/// Returns whether a text can be the id of a stream. It must be usable in the key of a row and in a path.
pub(crate) fn is_stream_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_graphic() && it != b'/' && it != b'#')
}

impl fmt::Display for Stream {
    /// Writes the stream's name, such as `booking/bk-1f2e`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        write!(f, "{kind}/{id}")
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("is not the name of a stream"))
    }
}
