//! The functions that process the queue's messages, side by side, in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use deliveries::{Dispatcher, Limits};
use domain::ConnectionName;
use endpoints::{Endpoint, EndpointId, RetryPolicy, Status, TargetKind};
use engine::PortError;
use events::{Event, Stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use wire::deliveries::{Delivery, NewEvent};

use crate::receivers::Behavior;
use crate::state::{Message, State};
use crate::world::World;

/// The queue's visibility time-out, as in the template.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(180);

/// The function's time-out, as in the template.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// A run with more steps does not end.
const MOST_STEPS: u64 = 50_000_000;

/// What a kill leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kill {
    /// The step at which the function is killed.
    pub step: u64,
}

/// Chooses what happens next.
pub trait Choice {
    /// Returns which of `runnable` functions goes on; `last` is the one that ran last, if it can.
    fn pick(&mut self, step: u64, runnable: usize, last: Option<usize>) -> usize;

    /// Returns whether the picked function is killed at this step.
    fn kills(&mut self, step: u64) -> bool;
}

/// A random choice, from a seed.
#[derive(Clone, Debug)]
pub struct RandomChoice {
    state: u64,
    kills_per_million: u64,
}

impl RandomChoice {
    /// Returns the choices of a seed. Of a million steps, so many are kills.
    pub fn new(seed: u64, kills_per_million: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, kills_per_million }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }
}

impl Choice for RandomChoice {
    fn pick(&mut self, _: u64, runnable: usize, _: Option<usize>) -> usize {
        usize::try_from(self.next() % runnable as u64).unwrap_or(0)
    }

    fn kills(&mut self, _: u64) -> bool {
        self.kills_per_million > 0 && self.next() % 1_000_000 < self.kills_per_million
    }
}

/// A scripted choice: the last function goes on, except at the given steps.
#[derive(Clone, Default, Debug)]
pub struct ScriptedChoice {
    /// At these steps, the function with this number goes on.
    pub switches: BTreeMap<u64, usize>,
    /// The function is killed at this step.
    pub kill_at: Option<u64>,
    /// How many functions could run, by step.
    pub runnable: Vec<usize>,
}

impl Choice for ScriptedChoice {
    fn pick(&mut self, step: u64, runnable: usize, last: Option<usize>) -> usize {
        self.runnable.push(runnable);
        self.switches.get(&step).map_or(last.unwrap_or(0), |index| index % runnable)
    }

    fn kills(&mut self, step: u64) -> bool {
        self.kill_at == Some(step)
    }
}

struct Function {
    number: u64,
    future: Pin<Box<dyn Future<Output = Result<(), PortError>>>>,
    sleeps_until: Rc<Cell<Option<Timestamp>>>,
    message: Message,
}

/// The functions, their world, and the events to come.
pub struct Simulation<C> {
    state: Rc<RefCell<State>>,
    /// The choices.
    pub choice: C,
    /// The number of killed functions.
    pub killed: u64,
    limits: Limits,
    workers: usize,
    planned: BTreeMap<Timestamp, Vec<(Stream, Event)>>,
    steps: u64,
}

impl<C: Choice> Simulation<C> {
    /// Returns a simulation in which at most `workers` messages are processed at the same time.
    pub fn new(choice: C, workers: usize, limits: Limits) -> Self {
        let now = "2026-11-26T12:00:00Z".parse().expect("an instant");
        let state = Rc::new(RefCell::new(State::new(now)));
        Self { state, choice, killed: 0, limits, workers, planned: BTreeMap::new(), steps: 0 }
    }

    /// Returns what the table and the queue hold.
    pub fn state(&self) -> std::cell::Ref<'_, State> {
        self.state.borrow()
    }

    /// Changes what the table and the queue hold.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.borrow_mut());
    }

    /// Adds an endpoint and its receiver.
    pub fn add_endpoint(&self, endpoint: Endpoint, behavior: Behavior) {
        self.change(|state| {
            state.behaviors.insert(endpoint.id.clone(), behavior);
            state.endpoints.insert(endpoint.id.clone(), Endpoint { revision: 1, ..endpoint });
        });
    }

    /// Plans an event that is appended and published at an instant.
    pub fn publish_at(&mut self, at: Timestamp, stream: Stream, event: Event) {
        self.planned.entry(at).or_default().push((stream, event));
    }

    /// Sends a message now.
    pub fn send(&self, body: Delivery) {
        self.change(|state| {
            let now = state.now;
            state.send(body, now, 0);
        });
    }

    /// Runs until nothing is left to do, or until an instant.
    pub fn run(&mut self, until: Option<Timestamp>) {
        let mut functions: Vec<Function> = Vec::new();
        let mut started = 0;
        let mut last = None;
        loop {
            self.publish_due();
            while functions.len() < self.workers {
                let Some(message) = self.receive() else { break };
                started += 1;
                functions.push(self.start(message, started));
            }
            let now = self.state.borrow().now;
            let is_runnable = |it: &Function| it.sleeps_until.get().is_none_or(|until| until <= now);
            let runnable: Vec<_> = (0..functions.len()).filter(|index| is_runnable(&functions[*index])).collect();
            if runnable.is_empty() {
                let Some(next) = self.next_instant(&functions) else { return };
                if until.is_some_and(|until| next > until) {
                    // What is running now is killed: its messages come again.
                    functions.into_iter().for_each(|function| self.redeliver(function.message));
                    return;
                }
                self.state.borrow_mut().now = next;
                continue;
            }
            self.steps += 1;
            assert!(self.steps < MOST_STEPS, "the simulation does not end");
            let position = last.and_then(|number| runnable.iter().position(|it| functions[*it].number == number));
            let index = runnable[self.choice.pick(self.steps, runnable.len(), position)];
            last = Some(functions[index].number);
            if self.choice.kills(self.steps) {
                self.killed += 1;
                let function = functions.remove(index);
                self.redeliver(function.message);
                continue;
            }
            match functions[index].future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => drop(functions.remove(index)),
                Poll::Ready(Err(_)) => {
                    let function = functions.remove(index);
                    self.redeliver(function.message);
                }
            }
        }
    }

    fn start(&self, message: Message, number: u64) -> Function {
        let sleeps_until = Rc::new(Cell::new(None));
        let world = World { state: Rc::clone(&self.state), sleeps_until: Rc::clone(&sleeps_until) };
        let (limits, body) = (self.limits, message.body.clone());
        let deadline = self.state.borrow().now + TIMEOUT;
        let future = Box::pin(async move { Dispatcher { ports: &world, limits, deadline }.process(&body).await });
        Function { number, future, sleeps_until, message }
    }

    fn receive(&self) -> Option<Message> {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        let first = state.messages.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn redeliver(&self, message: Message) {
        let mut state = self.state.borrow_mut();
        let again_at = state.now + VISIBILITY;
        state.send(message.body, again_at, message.receives + 1);
    }

    fn publish_due(&mut self) {
        let mut state = self.state.borrow_mut();
        while let Some(entry) = self.planned.first_entry()
            && *entry.key() <= state.now
        {
            for (stream, event) in entry.remove() {
                let (number, is_new) = state.append(&stream, &event);
                assert!(is_new, "events are published once");
                let events = vec![NewEvent { number, kind: event.kind }];
                let body = Delivery::Published { connection: ConnectionName::default(), stream, events };
                let now = state.now;
                state.send(body, now, 0);
            }
        }
    }

    fn next_instant(&self, functions: &[Function]) -> Option<Timestamp> {
        let state = self.state.borrow();
        let has_room = functions.len() < self.workers;
        let messages = state.messages.keys().next().map(|(at, _)| *at).filter(|_| has_room).into_iter();
        let sleeping = functions.iter().filter_map(|it| it.sleeps_until.get());
        messages.chain(sleeping).chain(self.planned.keys().next().copied()).min()
    }
}

/// Returns an enabled endpoint that gets all events.
pub fn endpoint(id: &str) -> Endpoint {
    Endpoint {
        id: EndpointId::parse(id).expect("an id"),
        created_at: Timestamp::UNIX_EPOCH,
        target: TargetKind::Url,
        masked_url: format!("https://{id}.example.com/"),
        description: None,
        events: vec!["*".to_owned()],
        condition: None,
        output: Value::Null,
        retry: RetryPolicy::Standard,
        ed25519: false,
        status: Status::Enabled,
        status_since: Timestamp::UNIX_EPOCH,
        receives_since: Timestamp::UNIX_EPOCH,
        sealed: String::new(),
        header_names: Vec::new(),
        token_digest: None,
        request_digest: String::new(),
        revision: 0,
    }
}
