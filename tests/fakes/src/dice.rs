//! Faults by seeded dice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use domain::{CommandId, Outcome, Reason};

use crate::call::Call;
use crate::fault::{Fault, FaultPolicy};
use crate::random::Random;

/// How often calls go wrong, in ten thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Odds {
    /// The function is killed at a call.
    pub killed: u32,
    /// A call of the table, the timers or Calendly fails.
    pub fails: u32,
    /// A provider is down.
    pub provider_down: u32,
    /// A provider does not answer; half the time it has acted.
    pub provider_silent: u32,
}

/// No invocation makes more calls than this.
const LONGEST_INVOCATION: u32 = 100;

/// A provider is down for at most this many attempts of one command: outages end.
const LONGEST_OUTAGE: u32 = 2;

/// Faults by seeded dice, for functions that are invoked one after the other.
#[derive(Debug)]
pub struct Dice {
    odds: Odds,
    random: RefCell<Random>,
    /// The calls of this invocation.
    calls: Cell<u32>,
    /// The call at which this invocation is killed, and whether that call takes effect.
    killed_at: Cell<Option<(u32, bool)>>,
    ambiguous: RefCell<BTreeMap<CommandId, u32>>,
    outages: RefCell<BTreeMap<CommandId, u32>>,
}

impl Dice {
    /// Makes dice that roll what `random` gives.
    pub fn new(odds: Odds, random: Random) -> Self {
        Self {
            odds,
            random: RefCell::new(random),
            calls: Cell::new(0),
            killed_at: Cell::new(None),
            ambiguous: RefCell::default(),
            outages: RefCell::default(),
        }
    }

    /// Begins an invocation: rolls whether and where it is killed.
    pub fn begin_invocation(&self) {
        self.calls.set(0);
        self.roll(|random| {
            let call = (0..LONGEST_INVOCATION).find(|_| random.happens(self.odds.killed));
            self.killed_at.set(call.map(|call| (call, random.happens(5_000))));
        });
    }

    /// Rolls for something else.
    pub fn roll<T>(&self, roll: impl FnOnce(&mut Random) -> T) -> T {
        roll(&mut self.random.borrow_mut())
    }

    /// Returns how often it became unknowable whether a command was performed.
    pub fn times_ambiguous(&self, command: &CommandId) -> u32 {
        self.ambiguous.borrow().get(command).copied().unwrap_or(0)
    }

    /// Counts that it became unknowable whether a command was performed.
    pub fn count_ambiguous(&self, command: Option<&CommandId>) {
        if let Some(command) = command {
            *self.ambiguous.borrow_mut().entry(command.clone()).or_default() += 1;
        }
    }

    /// A provider may be down, may act without answering, or may do neither.
    fn provider_fault(&self, command: Option<&CommandId>) -> Option<Fault> {
        let odds = self.odds;
        let (is_down, is_silent, has_effect) = self.roll(|random| {
            (random.happens(odds.provider_down), random.happens(odds.provider_silent), random.happens(5_000))
        });
        if let Some(command) = command.filter(|_| is_down) {
            let mut outages = self.outages.borrow_mut();
            let outage = outages.entry(command.clone()).or_default();
            if *outage < LONGEST_OUTAGE {
                *outage += 1;
                let detail = String::new();
                return Some(Fault::Answers(Outcome::Unsent {
                    reason: Reason::Unreachable,
                    after_seconds: None,
                    detail,
                }));
            }
        }
        is_silent.then(|| {
            self.count_ambiguous(command);
            Fault::NoAnswer { has_effect }
        })
    }
}

impl FaultPolicy for Dice {
    const DESCRIBES_EFFECTS: bool = false;

    fn fault(&self, _: usize, call: Call, command: Option<&CommandId>) -> Option<Fault> {
        // Calls that only fill in a message or a log are left out of the simulation.
        if matches!(call, Call::LoadPayload | Call::FetchHostZone | Call::CreateSingleUseLink) {
            return None;
        }
        let number = self.calls.replace(self.calls.get() + 1);
        let killed = self.killed_at.get().filter(|(at, _)| *at == number).map(|(_, has_effect)| has_effect);
        if let Some(has_effect) = killed {
            // Between a claim and its settlement a death leaves it unknown whether the provider acted.
            let is_in_between = match call {
                Call::Claim => has_effect,
                Call::Settle => !has_effect,
                _ => call.is_provider(),
            };
            if is_in_between {
                self.count_ambiguous(command);
            }
            if !has_effect || call.is_provider() {
                return Some(Fault::Killed { has_effect });
            }
        }
        if call.is_provider() {
            return self.provider_fault(command);
        }
        if self.roll(|random| random.happens(self.odds.fails)) {
            // An outcome that could not be written is as unknown as that of a killed function.
            if call == Call::Settle {
                self.count_ambiguous(command);
            }
            return Some(Fault::Fails);
        }
        killed.map(|has_effect| Fault::Killed { has_effect })
    }
}
