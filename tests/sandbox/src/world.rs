//! The sandbox's state, and the handle to it that every request handler gets.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    calendly::{calendar::Calendar, catalog::Catalog, logins::Logins, subscription::Delivery},
    crm_account::Account,
    faults::{Fault, Refused, TARGETS, Target},
    mail::Email,
    random::SeededRandom,
    rate::Rate,
    receipts::Attempt,
    receiver::Receiver,
    settings::Settings,
    sms::{Handsets, Reply, Sms},
};

/// The handle. Clones share the state.
#[derive(Clone)]
pub(crate) struct World(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    state: Mutex<State>,
    /// For each target: notifies when a request or delivery has ended. A reordered one waits for that.
    ended: [Notify; TARGETS],
}

impl World {
    pub(crate) fn new() -> reqwest::Result<Self> {
        // All URLs are on this machine or given by the tester, so no proxy. Calendly follows no redirects.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self(Arc::new(Shared { http, state: Mutex::default(), ended: Default::default() })))
    }

    /// Locks the state. The guard must not be held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn ended(&self, target: Target) -> &Notify {
        &self.0.ended[target as usize]
    }
}

/// The state.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) faults: Vec<Fault>,
    /// Decides whether a fault with a probability happens.
    pub(crate) random: SeededRandom,
    pub(crate) catalog: Catalog,
    pub(crate) calendar: Calendar,
    pub(crate) rate: Rate,
    pub(crate) logins: Logins,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) sms: Vec<Sms>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) handsets: Handsets,
    /// Twilio's opt-outs: the person's digits and the sender.
    pub(crate) opted_out: HashSet<(String, String)>,
    /// The attempts to post receipts to the program.
    pub(crate) receipts: Vec<Attempt>,
    pub(crate) emails: Vec<Email>,
    pub(crate) ses_events: Vec<Value>,
    /// Brevo's accounts, by their keys.
    pub(crate) crm: BTreeMap<String, Account>,
    /// Brevo's idempotency keys, and when they were used.
    pub(crate) brevo_keys: HashMap<String, Timestamp>,
    pub(crate) vai: Vec<VaiCall>,
    /// VAI's answers by path and idempotency key.
    pub(crate) vai_answers: HashMap<(String, String), Value>,
    /// The customer's receivers by name.
    pub(crate) receivers: BTreeMap<String, Receiver>,
    /// The number of resets. A delivery that began before a reset stops.
    pub(crate) generation: u64,
}

/// A call that VAI accepted.
#[derive(Clone, Serialize)]
pub(crate) struct VaiCall {
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) idempotency_key: Option<String>,
    /// The key had been used before, so VAI did not act again.
    pub(crate) repeat: bool,
    pub(crate) at: Timestamp,
}

impl State {
    /// Returns the first matching fault, and counts down its `times`.
    pub(crate) fn next_fault(&mut self, target: Target, method: &str, path: &str) -> Option<Fault> {
        let random = &mut self.random;
        let index = self.faults.iter().position(|fault| {
            fault.target == target
                && fault.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
                && fault.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && fault.probability.is_none_or(|probability| random.next_fraction() < probability)
        })?;
        let fault = self.faults[index].clone();
        if let Some(times) = &mut self.faults[index].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(index);
            }
        }
        Some(fault)
    }

    /// Resets everything, except the webhook subscriptions if `keep_subscriptions` is set.
    pub(crate) fn reset(&mut self, keep_subscriptions: bool) {
        let subscriptions = std::mem::take(&mut self.calendar.subscriptions);
        *self = Self { generation: self.generation + 1, ..Self::default() };
        if keep_subscriptions {
            self.calendar.subscriptions = subscriptions;
        }
    }
}
