//! A customer's receiver of our webhooks. It verifies deliveries by itself, keeps them in the order
//! of their arrival, and finds gaps and duplicates. It misbehaves as it is told.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    time::Duration,
};

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::signature::{Check, Secret, verify};

/// A receiver. The first delivery to its name makes it, too.
#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) secret: Option<Secret>,
    pub(crate) behavior: Behavior,
    deliveries: Vec<Delivery>,
    /// By id: the number of attempts, and whether one of them was taken.
    known: HashMap<String, (u32, bool)>,
    /// The digests of the taken bodies, by stream and number.
    streams: BTreeMap<String, BTreeMap<u64, String>>,
}

/// How a receiver behaves. By default it answers 200 at once.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Behavior {
    /// The status that it answers with.
    #[serde(deserialize_with = "read_status")]
    status: Option<u16>,
    /// How late it answers, and has acted before that.
    delay_ms: u64,
    /// Of this many deliveries one is answered with 200, and lost.
    lose_every: Option<NonZeroU32>,
    /// Whether it never answers.
    hang: bool,
    /// For how many deliveries. Without it: until it is told otherwise.
    times: Option<NonZeroU32>,
}

fn read_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let given = Option::<u16>::deserialize(deserializer)?;
    match given {
        Some(given) if !(200..600).contains(&given) => Err(D::Error::custom("a status is from 200 to 599")),
        fit => Ok(fit),
    }
}

impl Behavior {
    /// Returns the behavior for the next delivery, and counts it.
    fn next(&mut self) -> Self {
        let next = self.clone();
        if let Some(times) = self.times {
            match NonZeroU32::new(times.get() - 1) {
                Some(left) => self.times = Some(left),
                None => *self = Self::default(),
            }
        }
        next
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Taken,
    /// Its id, or its number of the stream, was taken before.
    Duplicate,
    /// The answer was 200, and it was lost.
    Lost,
    /// The answer was no success.
    Refused,
    /// There was no answer.
    Unanswered,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    at: Timestamp,
    webhook_id: Option<String>,
    r#type: Option<String>,
    /// The booking or conversation, and the number in its sequence.
    stream: Option<String>,
    number: Option<u64>,
    /// Whether the digest is that of the body before. Null without a number, and if the body before was not taken.
    previous_ok: Option<bool>,
    /// How many numbers lacked right before it when it was taken.
    gap: u64,
    /// Whether it was taken after a higher number of the stream.
    late: bool,
    attempt: u32,
    pub(crate) v1: Check,
    pub(crate) x_vai: Check,
    /// Null without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Outcome,
    headers: Vec<(String, String)>,
    body: String,
}

impl Receiver {
    /// Takes a delivery, or not. Returns its record and how late the answer is.
    pub(crate) fn receive(&mut self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> (&Delivery, Duration) {
        let behavior = self.behavior.next();
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (v1, x_vai) = verify(headers, body, self.secret.as_ref(), now);
        let wanted = behavior.status.unwrap_or(200);
        let status = match v1 {
            _ if behavior.hang => None,
            Check::Right | Check::Unchecked => Some(wanted),
            Check::Wrong | Check::Missing | Check::Stale if is_success(wanted) => Some(401),
            _ => Some(wanted),
        };

        let event = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let sequence = &event["sequence"];
        let place = sequence["stream"].as_str().zip(sequence["number"].as_u64().filter(|number| *number > 0));
        let digest = |bytes: &[u8]| format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        let taken = place.and_then(|(stream, _)| self.streams.get(stream));
        let previous_ok = place.and_then(|(_, number)| match number {
            1 => Some(sequence["previous"].is_null()),
            _ => Some(sequence["previous"].as_str() == Some(taken?.get(&(number - 1))?)),
        });
        let webhook_id = header("webhook-id");
        let (attempts, was_taken) = webhook_id.as_ref().and_then(|id| self.known.get(id)).copied().unwrap_or_default();
        let has_number = place.is_some_and(|(_, number)| taken.is_some_and(|taken| taken.contains_key(&number)));
        let order = u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX).saturating_add(1);
        let outcome = match status {
            None => Outcome::Unanswered,
            Some(status) if !is_success(status) => Outcome::Refused,
            Some(_) if was_taken || has_number => Outcome::Duplicate,
            Some(_) if behavior.lose_every.is_some_and(|every| order.is_multiple_of(every.get())) => Outcome::Lost,
            Some(_) => Outcome::Taken,
        };
        let is_taken = outcome == Outcome::Taken;

        let (mut gap, mut late) = (0, false);
        if let Some((stream, number)) = place.filter(|_| is_taken) {
            let numbers = self.streams.entry(stream.to_owned()).or_default();
            let before = numbers.range(..number).next_back().map_or(0, |(number, _)| *number);
            (gap, late) = (number - before - 1, numbers.range(number..).next().is_some());
            numbers.insert(number, digest(body));
        }
        if let Some(id) = &webhook_id {
            self.known.insert(id.clone(), (attempts + 1, was_taken || is_taken));
        }
        let named = event["type"].as_str().map(str::to_owned);
        self.deliveries.push(Delivery {
            at: now,
            webhook_id,
            r#type: header("x-vai-event").or(named),
            stream: place.map(|(stream, _)| stream.to_owned()),
            number: place.map(|(_, number)| number),
            previous_ok,
            gap,
            late,
            attempt: attempts + 1,
            v1,
            x_vai,
            status,
            outcome,
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        });
        (&self.deliveries[self.deliveries.len() - 1], Duration::from_millis(behavior.delay_ms))
    }

    /// Returns what it knows, with the newest deliveries.
    pub(crate) fn view(&self, newest: usize) -> Value {
        let count = |is: &dyn Fn(&Delivery) -> bool| self.deliveries.iter().filter(|it| is(it)).count();
        let count_of = |outcome| count(&|it| it.outcome == outcome);
        let gaps = self.gaps();
        json!({
            "hasSecret": self.secret.is_some(), "behavior": self.behavior,
            "counts": {
                "received": self.deliveries.len(), "taken": count_of(Outcome::Taken),
                "duplicates": count_of(Outcome::Duplicate), "lost": count_of(Outcome::Lost),
                "refused": count_of(Outcome::Refused), "unanswered": count_of(Outcome::Unanswered),
                "late": count(&|it| it.late), "previousWrong": count(&|it| it.previous_ok == Some(false)),
                "missing": gaps.iter().map(|gap| gap.through - gap.from + 1).sum::<u64>(),
            },
            "gaps": gaps,
            "deliveries": self.deliveries[self.deliveries.len().saturating_sub(newest)..],
        })
    }

    /// Returns the numbers that lack before the highest one of each stream.
    fn gaps(&self) -> Vec<Gap<'_>> {
        let mut gaps = Vec::new();
        for (stream, numbers) in &self.streams {
            let mut before = 0;
            for &number in numbers.keys() {
                if number > before + 1 {
                    gaps.push(Gap { stream, from: before + 1, through: number - 1 });
                }
                before = number;
            }
        }
        gaps
    }
}

#[derive(Serialize)]
struct Gap<'a> {
    stream: &'a str,
    from: u64,
    through: u64,
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
