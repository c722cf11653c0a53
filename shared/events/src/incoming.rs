//! Checks the events that VAI posts, and brings them into the form that receivers get.

use std::io;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::posted::{Field, Rule, check_fields, posted_fields, read_time};
use crate::{Event, EventType, Fault, Stream, derive_id};

/// An event of VAI, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Incoming {
    /// The event, in the form that receivers get.
    pub event: Event,
    /// The stream that it belongs to.
    pub stream: Stream,
}

/// The largest event, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// The largest data, in bytes.
const MOST_DATA_BYTES: usize = 100 * 1024;
/// How deep objects and arrays may be nested in data.
const MOST_LEVELS: usize = 32;
/// The most events of a batch.
const MOST_EVENTS: usize = 100;

/// Checks an event, or a batch `{"events": […]}` of at most 100. Each event has a result of its own.
///
/// # Errors
/// What is wrong with the batch as a whole.
pub fn parse_batch(value: Value, now: Timestamp) -> Result<Vec<Result<Incoming, Vec<Fault>>>, Vec<Fault>> {
    let Value::Object(mut body) = value else { return Ok(vec![parse_incoming(value, now)]) };
    match body.remove("events").filter(|it| !it.is_null()) {
        None => Ok(vec![parse_incoming(Value::Object(body), now)]),
        Some(_) if body.contains_key("event") || body.contains_key("type") => {
            Err(vec![Fault::new("body", "must be one event or a list under \"events\", not both")])
        }
        Some(Value::Array(events)) if (1..=MOST_EVENTS).contains(&events.len()) => {
            Ok(events.into_iter().map(|it| parse_incoming(it, now)).collect())
        }
        Some(_) => Err(vec![Fault::new("events", format!("must be a list of 1 to {MOST_EVENTS} events"))]),
    }
}

/// Checks an event as VAI posts it: `{id?, event | type, timestamp?, data}`. Defaults are filled in, as VAI's documents
/// have them. Other keys beside `data` are ignored; fields of the data that the documents do not name are kept.
///
/// An event without an id gets one that is a hash of what was posted, so that a repetition is the same event. What is
/// posted without an id and without a timestamp is the same event whenever it is posted.
///
/// # Errors
/// Everything that is wrong with the event.
pub fn parse_incoming(value: Value, now: Timestamp) -> Result<Incoming, Vec<Fault>> {
    let one = |path: &str, problem: String| Err(vec![Fault::new(path, problem)]);
    if !fits(&value, MOST_BYTES) {
        return one("body", format!("must have at most {MOST_BYTES} bytes"));
    }
    let Value::Object(mut body) = value else { return one("body", "must be an object".to_owned()) };
    let (kind, fields) = read_kind(&body).map_err(|it| vec![it])?;
    let mut faults = Vec::new();
    let id = read_id(&body, &mut faults);
    check_fields(&mut body, "", &[Field::optional("timestamp", Rule::Time)], &mut faults);
    let mut data = match body.remove("data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) => {
            faults.push(Fault::new("data", "is missing"));
            Map::new()
        }
        Some(_) => {
            faults.push(Fault::new("data", "must be an object"));
            Map::new()
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    check_fields(&mut data, "data.", fields, &mut faults);
    let posted_at = [body.get("timestamp"), data.get("timestamp")].into_iter().flatten().find_map(read_time);
    if let Some(at) = posted_at {
        data.entry("timestamp").or_insert_with(|| json!(at));
    }
    let id = id.unwrap_or_else(|| derive_id(&canonical_text(json!([kind, posted_at, data]))));
    let at = posted_at.unwrap_or_else(|| now.into());
    data.entry("timestamp").or_insert_with(|| json!(at));
    // Checked in the form that receivers get, so that what is sent could be posted again.
    if !fits(&data, MOST_DATA_BYTES) {
        return one("data", format!("must have at most {MOST_DATA_BYTES} bytes"));
    }
    if !data.values().all(|it| is_shallow(it, MOST_LEVELS - 1)) {
        return one("data", format!("must have at most {MOST_LEVELS} levels"));
    }
    let event = Event { id, kind, at: at.timestamp(), data: Value::Object(data) };
    match event.stream() {
        Some(stream) if faults.is_empty() => Ok(Incoming { event, stream }),
        _ => Err(faults),
    }
}

/// Reads the type, which stands under `event` or `type`, or under both.
fn read_kind(body: &Map<String, Value>) -> Result<(EventType, &'static [Field]), Fault> {
    let given = ["event", "type"].into_iter().filter_map(|key| body.get_key_value(key));
    let given: Vec<_> = given.filter(|(_, name)| !name.is_null()).collect();
    let accepted = || {
        let names: Vec<_> = EventType::ALL.iter().filter(|it| it.is_from_vai()).map(|it| it.name()).collect();
        format!("must be one of {}", names.join(", "))
    };
    let (path, name) = match given.as_slice() {
        [] => return Err(Fault::new("event", format!("is missing; it {}", accepted()))),
        [(_, first), (_, second)] if first != second => {
            return Err(Fault::new("event", "must be the same as \"type\", if both are given"));
        }
        [(path, name), ..] => (path.as_str(), name),
    };
    let Some(kind) = name.as_str().and_then(EventType::parse) else { return Err(Fault::new(path, accepted())) };
    match posted_fields(kind) {
        Some(fields) => Ok((kind, fields)),
        None => Err(Fault::new(path, format!("{kind} is made by this service only; it {}", accepted()))),
    }
}

fn read_id(body: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<String> {
    let id = body.get("id").filter(|it| !it.is_null())?;
    let fits = |it: &&str| {
        (1..=128).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-')
    };
    let id = id.as_str().filter(fits).map(str::to_owned);
    if id.is_none() {
        let problem = "must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -, because receivers get it as webhook-id; \
            leave it out, and one is made from the event";
        faults.push(Fault::new("id", problem));
    }
    id
}

/// Returns whether arrays and objects are nested at most so deep.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|it| is_shallow(it, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|it| is_shallow(it, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn canonical_text(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// Returns whether a value has at most so many bytes as JSON.
fn fits(value: &impl Serialize, most: usize) -> bool {
    struct Room(usize);

    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    serde_json::to_writer(Room(most), value).is_ok()
}
