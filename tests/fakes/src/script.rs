//! Faults that a test chooses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use domain::{CommandId, Outcome};

use crate::call::Call;
use crate::fault::{Fault, FaultPolicy};

/// Faults that a test chooses: by the call's number, or for every call of a kind. None by default.
#[derive(Default, Debug)]
pub struct Script {
    at_calls: RefCell<BTreeMap<usize, Fault>>,
    down: RefCell<Vec<(Call, Fault)>>,
    outcomes: RefCell<VecDeque<Outcome>>,
    conflicts: Cell<usize>,
}

impl Script {
    /// Has the call with this number go wrong, counted from 0.
    pub fn at_call(&self, number: usize, fault: Fault) {
        self.at_calls.borrow_mut().insert(number, fault);
    }

    /// Removes every fault that was chosen by number.
    pub fn clear_calls(&self) {
        self.at_calls.borrow_mut().clear();
    }

    /// Has every call of a kind stay without effect and without answer.
    pub fn take_down(&self, call: Call) {
        self.always(call, Fault::NoAnswer { has_effect: false });
    }

    /// Has every call of a kind go wrong in the same way.
    pub fn always(&self, call: Call, fault: Fault) {
        self.down.borrow_mut().push((call, fault));
    }

    /// Ends what [`Self::take_down`] and [`Self::always`] began.
    pub fn restore(&self) {
        self.down.borrow_mut().clear();
    }

    /// Has the next calls of providers end so, in order.
    pub fn providers_answer(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.outcomes.borrow_mut().extend(outcomes);
    }

    /// Has so many commits find that the booking was changed concurrently.
    pub fn conflicts(&self, count: usize) {
        self.conflicts.set(count);
    }
}

impl FaultPolicy for Script {
    fn fault(&self, number: usize, call: Call, _: Option<&CommandId>) -> Option<Fault> {
        if let Some(fault) = self.at_calls.borrow().get(&number) {
            return Some(fault.clone());
        }
        if let Some((_, fault)) = self.down.borrow().iter().find(|(down, _)| *down == call) {
            return Some(fault.clone());
        }
        if call.is_provider() {
            return self.outcomes.borrow_mut().pop_front().map(Fault::Answers);
        }
        if matches!(call, Call::CommitDecision | Call::ReserveBudget) && self.conflicts.get() > 0 {
            self.conflicts.set(self.conflicts.get() - 1);
            return Some(Fault::Conflict);
        }
        None
    }
}
