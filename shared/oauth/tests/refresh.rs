//! Functions that refresh the same grant side by side, in virtual time, and are killed at any call of a port.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use domain::{ConnectionName, Private};
use engine::{Clock, CommitError, PortError};
use jiff::{SignedDuration, Timestamp};
use oauth::{AccessToken, Grant, GrantStore, Issued, Pause, RefreshOutcome, Refresher, TokenEndpoint, TokenError};

const HOURS: i64 = 100;
const LIFETIME: u32 = 7_200;

/// The table, and Calendly.
struct State {
    now: Timestamp,
    grant: Option<(Grant, u64)>,
    /// The number of the refresh token that works.
    refresh_token: u32,
    /// When each access token was issued.
    issued_at: Vec<Timestamp>,
    requests: Vec<Timestamp>,
    /// Calendly answers this many requests with an error, or the table fails for so many calls.
    calendly_fails: u32,
    table_fails: u32,
}

impl State {
    fn issue(&mut self) -> Issued {
        self.refresh_token += 1;
        self.issued_at.push(self.now);
        Issued {
            access_token: format!("a-{}", self.refresh_token).into(),
            refresh_token: format!("r-{}", self.refresh_token).into(),
            expires_in: LIFETIME,
            scopes: vec!["users:read".to_owned()],
            owner: "https://api.calendly.com/users/U1".to_owned(),
        }
    }

    fn fails(count: &mut u32) -> bool {
        let fails = *count > 0;
        *count = count.saturating_sub(1);
        fails
    }
}

/// What one function sees.
#[derive(Clone)]
struct World {
    state: Rc<RefCell<State>>,
    sleeps_until: Rc<Cell<Option<Timestamp>>>,
    /// Whether it has tokens that are not stored yet.
    has_new_tokens: Rc<Cell<bool>>,
}

impl World {
    /// Another function may go on here, or this one be killed.
    async fn step(&self) {
        let mut is_first = true;
        poll_fn(move |_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

impl GrantStore for World {
    async fn load_grant(&self, _: &ConnectionName) -> Result<Option<(Grant, u64)>, PortError> {
        self.step().await;
        let mut state = self.state.borrow_mut();
        if State::fails(&mut state.table_fails) {
            Err(PortError::unavailable("the table fails"))
        } else {
            Ok(state.grant.clone())
        }
    }

    async fn write_grant(&self, _: &ConnectionName, grant: &Grant, revision: u64) -> Result<(), CommitError> {
        self.step().await;
        let mut state = self.state.borrow_mut();
        if State::fails(&mut state.table_fails) {
            return Err(PortError::unavailable("the table fails").into());
        }
        if state.grant.as_ref().map_or(0, |(_, stored)| *stored) != revision {
            return Err(CommitError::Conflict);
        }
        state.grant = Some((grant.clone(), revision + 1));
        self.has_new_tokens.set(false);
        Ok(())
    }
}

impl TokenEndpoint for World {
    async fn refresh(&self, refresh_token: &Private<String>) -> RefreshOutcome {
        self.step().await;
        let outcome = {
            let mut state = self.state.borrow_mut();
            let now = state.now;
            state.requests.push(now);
            if State::fails(&mut state.calendly_fails) {
                RefreshOutcome::NotNow { seconds: 10, problem: "503".to_owned() }
            } else if *refresh_token.expose() == format!("r-{}", state.refresh_token) {
                self.has_new_tokens.set(true);
                RefreshOutcome::Issued(state.issue())
            } else {
                RefreshOutcome::InvalidGrant
            }
        };
        // The answer is on its way.
        self.step().await;
        outcome
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }
}

impl Pause for World {
    async fn pause(&self, time: SignedDuration) {
        self.sleeps_until.set(Some(self.now() + time));
        self.step().await;
    }
}

type Answer = Result<AccessToken, TokenError>;

/// A function that asks for a token.
struct Function {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    sleeps_until: Rc<Cell<Option<Timestamp>>>,
    has_new_tokens: Rc<Cell<bool>>,
}

/// Two functions, and the times at which they ask.
struct Simulation {
    state: Rc<RefCell<State>>,
    functions: [Option<Function>; 2],
    asks_at: [Timestamp; 2],
    random: u64,
    /// Of a million steps, so many are kills.
    kills: u64,
    answers: Vec<(Timestamp, Answer)>,
    /// Whether a kill left an answer of Calendly unwritten.
    lost_an_answer: bool,
}

impl Simulation {
    fn new(seed: u64, kills: u64) -> Self {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("an instant");
        let mut state = State {
            now,
            grant: None,
            refresh_token: 0,
            issued_at: vec![],
            requests: vec![],
            calendly_fails: 0,
            table_fails: 0,
        };
        state.grant = Some((Grant::new(&state.issue(), now), 1));
        Self {
            state: Rc::new(RefCell::new(state)),
            functions: [None, None],
            asks_at: [now, now],
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            kills,
            answers: vec![],
            lost_an_answer: false,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    fn start(&self) -> Function {
        let sleeps_until = Rc::new(Cell::new(None));
        let has_new_tokens = Rc::new(Cell::new(false));
        let world = World {
            state: Rc::clone(&self.state),
            sleeps_until: Rc::clone(&sleeps_until),
            has_new_tokens: Rc::clone(&has_new_tokens),
        };
        let deadline = self.now() + SignedDuration::from_secs(10);
        let future = Box::pin(async move {
            let refresher = Refresher { store: &world, endpoint: &world, clock: &world, deadline };
            refresher.access_token(&ConnectionName::default(), None).await
        });
        Function { future, sleeps_until, has_new_tokens }
    }

    /// Asks again after up to 20 minutes; sometimes after hours, so that the token ends meanwhile. Often at the moment
    /// when the other asks, too.
    fn plan(&mut self, index: usize) {
        let now = self.now();
        let seconds = if self.random(10) == 0 { 10_000 } else { 1_200 };
        let at = now + SignedDuration::from_secs(i64::try_from(self.random(seconds)).expect("a number"));
        let other = self.asks_at[1 - index];
        self.asks_at[index] = if other > now && self.random(2) == 0 { other } else { at };
    }

    fn run(&mut self) {
        let end = self.now() + SignedDuration::from_hours(HOURS);
        while self.now() < end {
            let now = self.now();
            for index in 0..2 {
                if self.functions[index].is_none() && self.asks_at[index] <= now {
                    self.functions[index] = Some(self.start());
                }
            }
            let wakes_at = |index: &usize| match &self.functions[*index] {
                Some(function) => function.sleeps_until.get().unwrap_or(now),
                None => self.asks_at[*index],
            };
            let runnable: Vec<_> = (0..2).filter(|index| wakes_at(index) <= now).collect();
            if runnable.is_empty() {
                let next = wakes_at(&0).min(wakes_at(&1));
                self.state.borrow_mut().now = next;
                continue;
            }
            let index = runnable[usize::try_from(self.random(runnable.len() as u64)).expect("an index")];
            let is_killed = self.random(1_000_000) < self.kills;
            let function = self.functions[index].as_mut().expect("a function");
            if is_killed {
                self.lost_an_answer |= function.has_new_tokens.get();
                self.functions[index] = None;
                self.plan(index);
                continue;
            }
            // Each step takes 20 ms.
            self.state.borrow_mut().now += SignedDuration::from_millis(20);
            if let Poll::Ready(answer) = function.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                self.functions[index] = None;
                self.answers.push((self.now(), answer));
                self.plan(index);
            }
        }
    }

    /// Returns the instant of the first answer that needs a login.
    fn lost_at(&self) -> Option<Timestamp> {
        self.answers.iter().find(|(_, answer)| matches!(answer, Err(TokenError::Lost))).map(|(at, _)| *at)
    }

    fn check(&self) {
        let state = self.state.borrow();
        for window in state.requests.windows(9) {
            assert!(
                window[8].duration_since(window[0]) > SignedDuration::from_mins(1),
                "more than 8 requests a minute"
            );
        }
        for (at, answer) in &self.answers {
            if let Ok(token) = answer {
                let number: usize = token.token.expose()[2..].parse().expect("a number");
                let ends = state.issued_at[number - 1] + SignedDuration::from_secs(LIFETIME.into());
                assert!(
                    token.expires_at <= ends + SignedDuration::from_secs(1) && *at < ends,
                    "a token that has ended"
                );
            }
        }
    }
}

#[test]
fn two_functions_make_one_request_for_each_token() {
    for seed in 0..200 {
        let mut simulation = Simulation::new(seed, 0);
        simulation.run();
        simulation.check();
        assert!(simulation.answers.len() > 100);
        assert!(simulation.answers.iter().all(|(_, answer)| answer.is_ok()), "seed {seed}");
        let state = simulation.state.borrow();
        assert_eq!(state.requests.len() + 1, state.issued_at.len(), "seed {seed}: no request in vain");
        let most = usize::try_from(HOURS * 3_600).expect("a number") / 6_600 + 1;
        assert!(state.requests.len() <= most, "seed {seed}: {} requests", state.requests.len());
    }
}

#[test]
fn only_a_crash_between_the_answer_and_its_writing_loses_the_tokens() {
    let (mut lost, mut worked_on) = (0, 0);
    for seed in 0..2_000 {
        let mut simulation = Simulation::new(seed, 20_000);
        simulation.run();
        simulation.check();
        match simulation.lost_at() {
            Some(at) => {
                assert!(simulation.lost_an_answer, "seed {seed}: lost at {at} without such a crash");
                lost += 1;
            }
            None => worked_on += 1,
        }
        // Once it is lost, every answer says so.
        let after = simulation.answers.iter().skip_while(|(_, answer)| !matches!(answer, Err(TokenError::Lost)));
        assert!(after.clone().all(|(_, answer)| matches!(answer, Err(TokenError::Lost))), "seed {seed}");
    }
    assert!(lost > 20 && worked_on > 20, "{lost} lost, {worked_on} worked on");
}

#[test]
fn failures_of_calendly_and_of_the_table_are_bridged() {
    for seed in 0..200 {
        let mut simulation = Simulation::new(seed, 0);
        let fails = u32::try_from(seed % 7).expect("a number");
        simulation.state.borrow_mut().calendly_fails = fails;
        simulation.state.borrow_mut().table_fails = fails;
        simulation.run();
        simulation.check();
        assert_eq!(simulation.lost_at(), None, "seed {seed}");
        let last = &simulation.answers[simulation.answers.len() - 1].1;
        assert!(last.is_ok(), "seed {seed}: {last:?}");
    }
}
