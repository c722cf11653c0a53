//! What was received so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The types of events. Others are received too, and counted as unknown.
const TYPES: [&str; 18] = [
    "conversation.started",
    "message.received",
    "message.sent",
    "conversation.ended",
    "agent.metrics",
    "webhook.test",
    "booking.created",
    "booking.rescheduled",
    "booking.canceled",
    "booking.reminded",
    "booking.no_show",
    "booking.no_show_withdrawn",
    "booking.completed",
    "notification.delivered",
    "notification.failed",
    "notification.replied",
    "endpoint.failing",
    "endpoint.disabled",
];

/// How many ids are remembered, to know duplicates of events without a sequence.
const REMEMBERED_IDS: usize = 10_000;

/// Where an event belongs: its stream, its number in it, and the digest of the event before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sequence {
    pub(crate) stream: String,
    pub(crate) number: u64,
    previous: Option<String>,
}

impl Sequence {
    /// Reads the sequence of an event. One that a template has changed may have none.
    pub(crate) fn read(event: &Value) -> Option<Self> {
        let sequence = event.get("sequence")?;
        let previous = match sequence.get("previous")? {
            Value::Null => None,
            previous => Some(previous.as_str()?.to_owned()),
        };
        let number = sequence.get("number")?.as_u64().filter(|number| *number > 0)?;
        Some(Self { stream: sequence.get("stream")?.as_str()?.to_owned(), number, previous })
    }
}

/// What is known of one stream.
#[derive(Default)]
pub(crate) struct Stream {
    /// The last number.
    pub(crate) through: u64,
    /// The count of events.
    held: u64,
    /// The highest number that was seen, also of an event that has to wait.
    highest: u64,
    last: Last,
}

/// The last event of a stream.
#[derive(Default)]
enum Last {
    #[default]
    None,
    Digest(String),
    /// It is missing for good: there is no way to fetch it.
    Unknown,
}

/// All counts, and the progress of each stream.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) streams: BTreeMap<String, Stream>,
    seen: BTreeSet<String>,
    seen_in_order: VecDeque<String>,
    by_type: BTreeMap<&'static str, u64>,
    received: u64,
    last_received: Option<Timestamp>,
    pub(crate) duplicates: u64,
    pub(crate) refused: u64,
    pub(crate) v1: u64,
    pub(crate) v1a: u64,
    pub(crate) v1a_unchecked: u64,
    gaps: u64,
    pub(crate) fetched: u64,
    pub(crate) dump: Option<File>,
}

impl Progress {
    pub(crate) fn stream(&mut self, name: &str) -> &mut Stream {
        self.streams.entry(name.to_owned()).or_default()
    }

    /// Whether an event was received before.
    pub(crate) fn has(&mut self, id: &str, sequence: Option<&Sequence>) -> bool {
        self.seen.contains(id) || sequence.is_some_and(|it| it.number <= self.stream(&it.stream).through)
    }

    /// Notes that events lack before this one. Returns whether any do.
    pub(crate) fn note_gap(&mut self, sequence: &Sequence) -> bool {
        let stream = self.stream(&sequence.stream);
        let is_new = sequence.number > stream.highest;
        stream.highest = stream.highest.max(sequence.number);
        let lacks = sequence.number > stream.through + 1;
        self.gaps += u64::from(lacks && is_new);
        lacks
    }

    /// Gives up what lacks before an event.
    pub(crate) fn skip_to(&mut self, sequence: &Sequence) {
        let stream = self.stream(&sequence.stream);
        (stream.through, stream.last) = (sequence.number - 1, Last::Unknown);
    }

    /// Whether an event names the digest of the last one of its stream, and the number after it.
    pub(crate) fn follows(&mut self, sequence: &Sequence) -> bool {
        let stream = self.stream(&sequence.stream);
        let is_next = sequence.number == stream.through + 1;
        is_next
            && match &stream.last {
                Last::None => sequence.previous.is_none(),
                Last::Digest(digest) => sequence.previous.as_ref() == Some(digest),
                Last::Unknown => true,
            }
    }

    /// Takes an event; with a sequence, the next of its stream.
    pub(crate) fn accept(&mut self, id: &str, text: &str, event: &Value, sequence: Option<&Sequence>, now: Timestamp) {
        if let Some(sequence) = sequence {
            let stream = self.stream(&sequence.stream);
            stream.through = sequence.number;
            stream.held += 1;
            stream.highest = stream.highest.max(sequence.number);
            stream.last = Last::Digest(format!("sha256:{}", hex::encode(Sha256::digest(text))));
        }
        if self.seen.insert(id.to_owned()) {
            self.seen_in_order.push_back(id.to_owned());
        }
        if self.seen.len() > REMEMBERED_IDS
            && let Some(oldest) = self.seen_in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        let known = TYPES.into_iter().find(|it| event["type"] == *it);
        *self.by_type.entry(known.unwrap_or("unknown")).or_default() += 1;
        self.received += 1;
        self.last_received = Some(now);
        let (stream, number) = (sequence.map(|it| &it.stream), sequence.map(|it| it.number));
        if let Some(file) = &mut self.dump
            && let Err(error) =
                writeln!(file, "{}", json!({"stream": stream, "number": number, "id": id, "body": text}))
        {
            eprintln!("dump: can't be written: {error}");
        }
        crate::handle(event, stream.map(String::as_str), number);
    }

    pub(crate) fn status(&self, is_ready: bool) -> Value {
        json!({
            "ready": is_ready,
            "received": self.received,
            "byType": self.by_type,
            "unknownTypes": self.by_type.get("unknown").copied().unwrap_or_default(),
            "lastReceived": self.last_received,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "signatures": {"v1": self.v1, "v1a": self.v1a, "v1aUnchecked": self.v1a_unchecked},
            "gaps": {
                "found": self.gaps,
                "fetched": self.fetched,
                "missing": self.streams.values().map(|it| it.highest - it.held).sum::<u64>(),
            },
            "streams": self.streams.iter().map(|(name, it)| (name, it.through)).collect::<BTreeMap<_, _>>(),
        })
    }
}
