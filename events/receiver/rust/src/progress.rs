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
        let previous = match sequence.get("previous") {
            None | Some(Value::Null) => None,
            Some(previous) => Some(previous.as_str()?.to_owned()),
        };
        let number = sequence.get("number")?.as_u64().filter(|number| *number > 0)?;
        Some(Self { stream: sequence.get("stream")?.as_str()?.to_owned(), number, previous })
    }
}

/// An event of a stream: delivered, or fetched.
pub(crate) struct Incoming<'a> {
    pub(crate) number: u64,
    pub(crate) id: &'a str,
    pub(crate) body: &'a str,
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
#[derive(Clone, Default)]
enum Last {
    #[default]
    None,
    Digest(String),
    /// It is missing for good: there is no way to fetch it.
    Unknown,
}

impl Last {
    /// Whether an event names this one as the event before it.
    fn is_before(&self, sequence: &Sequence) -> bool {
        match self {
            Self::None => sequence.previous.is_none(),
            Self::Digest(digest) => sequence.previous.as_ref() == Some(digest),
            Self::Unknown => true,
        }
    }
}

/// All counts, and the progress of each stream.
#[derive(Default)]
pub(crate) struct Progress {
    streams: BTreeMap<String, Stream>,
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
    dump: Option<File>,
}

impl Progress {
    /// `dump` gets each event as a line of JSON.
    pub(crate) fn new(dump: Option<File>) -> Self {
        Self { dump, ..Self::default() }
    }

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

    /// Takes the next events of a stream, if each names the digest of the one before it; else none of them.
    ///
    /// # Errors
    /// The number of the event that does not follow.
    pub(crate) fn append(&mut self, name: &str, events: &[Incoming<'_>], now: Timestamp) -> Result<(), u64> {
        let mut parsed = Vec::new();
        let stream = self.stream(name);
        let (mut through, mut last) = (stream.through, stream.last.clone());
        for incoming in events {
            through += 1;
            // An event for which the endpoint's template failed was never sent: its body is empty.
            if !incoming.body.is_empty() {
                let event = serde_json::from_str(incoming.body).ok();
                let follows = event.as_ref().and_then(Sequence::read).is_some_and(|it| {
                    it.stream == name && it.number == through && incoming.number == through && last.is_before(&it)
                });
                let Some(event) = event.filter(|_| follows) else { return Err(incoming.number) };
                parsed.push((incoming, event));
            }
            last = Last::Digest(format!("sha256:{}", hex::encode(Sha256::digest(incoming.body))));
        }
        (stream.through, stream.last) = (through, last);
        stream.held += events.len() as u64;
        stream.highest = stream.highest.max(through);
        for (incoming, event) in parsed {
            self.accept(incoming.id, incoming.body, &event, Some((name, incoming.number)), now);
        }
        Ok(())
    }

    /// Takes an event, and hands it on.
    pub(crate) fn accept(&mut self, id: &str, text: &str, event: &Value, at: Option<(&str, u64)>, now: Timestamp) {
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
        let (stream, number) = at.unzip();
        if let Some(file) = &mut self.dump
            && let Err(error) =
                writeln!(file, "{}", json!({"stream": stream, "number": number, "id": id, "body": text}))
        {
            eprintln!("dump: can't be written: {error}");
        }
        crate::handle(event, stream, number);
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
