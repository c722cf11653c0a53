//! Verifies deliveries, and takes the events of each stream in their order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use signing::{Outcome, Received, Refusal, Secret, verify_delivery};

use crate::access::Access;
use crate::calls::{Calls, MissingEvent};
use crate::progress::{Incoming, Progress, Sequence};

pub(crate) struct Receiver {
    access: Mutex<Access>,
    calls: Calls,
    progress: Mutex<Progress>,
    /// One for each stream: its events are taken one at a time, and no other stream waits.
    turns: Mutex<BTreeMap<Option<String>, Arc<tokio::sync::Mutex<()>>>>,
}

/// The answer to a delivery that is not accepted. The sender tries again later.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

impl Refused {
    pub(crate) fn new(status: u16, reason: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, reason: reason.into() }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(401, refusal.to_string())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "a receiver compares timestamps with its machine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl Receiver {
    pub(crate) fn new(access: Access, calls: Calls, dump: Option<&Path>) -> Result<Self> {
        let dump = dump.map(std::fs::File::create).transpose().context("--dump can't be written")?;
        let progress = Mutex::new(Progress::new(dump));
        Ok(Self { access: Mutex::new(access), calls, progress, turns: Mutex::default() })
    }

    /// Registers this receiver, and keeps secret and token for the next start.
    pub(crate) async fn set_up(&self, token: &str, url: &str, state: &Path) -> Result<()> {
        let api = lock(&self.access).api.clone().unwrap_or_default();
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
        let secret = Secret::generate(random);
        // The signed test comes while this call is answered, so the secret must be known before.
        lock(&self.access).secret = Some(secret.clone());
        let mut answer = self.calls.set_up(&api, token, url, &secret).await?;
        answer.api.get_or_insert(api);
        *lock(&self.access) = answer.access()?;
        answer.write(state).with_context(|| format!("{} can't be written", state.display()))?;
        println!("set up: endpoint {}; secret and token are in {}", answer.id, state.display());
        Ok(())
    }

    pub(crate) fn count_refused(&self) {
        lock(&self.progress).refused += 1;
    }

    pub(crate) fn status(&self) -> Value {
        let is_ready = lock(&self.access).is_ready();
        lock(&self.progress).status(is_ready)
    }

    /// Takes a delivery. Returns whether its event was there before.
    pub(crate) async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<bool, Refused> {
        let access = lock(&self.access).clone();
        if !access.is_ready() {
            return Err(Refused::new(503, "there is no secret yet: the set-up is not done"));
        }
        let received = Received::read(|name| headers.get(name)?.to_str().ok(), body)?;
        self.verify(&access, &received).await?;
        let text = std::str::from_utf8(body).ok();
        let parsed = text.and_then(|text| Some((text, serde_json::from_str::<Value>(text).ok()?)));
        let Some((text, event)) = parsed else { return Err(Refused::new(400, "the body is not JSON")) };
        let sequence = Sequence::read(&event);
        let turn = Arc::clone(lock(&self.turns).entry(sequence.as_ref().map(|it| it.stream.clone())).or_default());
        let _turn = turn.lock().await;
        if lock(&self.progress).has(received.id(), sequence.as_ref()) {
            lock(&self.progress).duplicates += 1;
            return Ok(true);
        }
        let Some(sequence) = &sequence else {
            lock(&self.progress).accept(received.id(), text, &event, None, now());
            return Ok(false);
        };
        let lacks = lock(&self.progress).note_gap(sequence);
        let missing = if lacks { self.catch_up(&access, sequence).await? } else { Vec::new() };
        let fetched = missing.iter().map(|it| Incoming { number: it.number, id: &it.id, body: &it.body });
        let delivered = Incoming { number: sequence.number, id: received.id(), body: text };
        let events: Vec<_> = fetched.chain([delivered]).collect();
        let mut progress = lock(&self.progress);
        progress
            .append(&sequence.stream, &events, now())
            .map_err(|number| Refused::new(409, format!("event {number} does not follow the one before it")))?;
        progress.fetched += missing.len() as u64;
        Ok(false)
    }

    async fn verify(&self, access: &Access, received: &Received<'_>) -> Result<(), Refused> {
        let public_keys = match &access.keys_url {
            Some(url) if received.has_v1a() => self.calls.public_keys(url, now()).await,
            _ => Vec::new(),
        };
        let verified = verify_delivery(received, access.secret.as_slice(), &public_keys, now())?;
        let mut progress = lock(&self.progress);
        progress.v1 += u64::from(verified.v1 == Outcome::Verified);
        progress.v1a += u64::from(verified.v1a == Outcome::Verified);
        progress.v1a_unchecked += u64::from(verified.v1a == Outcome::NoKey);
        Ok(())
    }

    /// Fetches the events that lack before one, as they were delivered. Without a token, they stay missing.
    async fn catch_up(&self, access: &Access, until: &Sequence) -> Result<Vec<MissingEvent>, Refused> {
        let mut missing = Vec::new();
        let mut next = lock(&self.progress).stream(&until.stream).through + 1;
        while next < until.number {
            let before = next;
            let Some(page) = self.calls.missing_events(access, &until.stream, next - 1).await else {
                lock(&self.progress).skip_to(until);
                break;
            };
            let page = page.map_err(|error| Refused::new(503, format!("catching up failed: {error}")))?;
            for event in page.events {
                if event.number == next && next < until.number {
                    missing.push(event);
                    next += 1;
                }
            }
            if next == before || next < until.number && !page.has_more {
                return Err(Refused::new(503, format!("catching up gave nothing after number {}", next - 1)));
            }
        }
        Ok(missing)
    }
}
