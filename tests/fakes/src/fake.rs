//! The world, and how each call of a port is made.

use std::cell::{Cell, RefCell};
use std::task::Poll;

use domain::{CommandId, Outcome, Settings};
use jiff::{SignedDuration, Timestamp};

use crate::call::Call;
use crate::fault::{Fault, FaultPolicy};
use crate::state::{Effect, State};

/// How long a function runs at most.
pub const TIME_OUT: SignedDuration = SignedDuration::from_secs(30);

/// The world in memory, with faults by a policy.
pub struct Fake<P> {
    /// What it holds.
    pub state: RefCell<State>,
    /// The clock.
    pub now: Cell<Timestamp>,
    /// What goes wrong.
    pub faults: P,
    /// Whether each call lets other invocations proceed, as a real one does.
    pub yields: Cell<bool>,
    /// How long each call takes.
    pub call_takes: Cell<SignedDuration>,
    /// The base of short links; without one there are none.
    pub short_links: Cell<Option<&'static str>>,
}

impl<P: FaultPolicy> Fake<P> {
    /// Makes an empty world.
    pub fn new(now: Timestamp, settings: Settings, faults: P) -> Self {
        Self {
            state: RefCell::new(State { settings, ..State::default() }),
            now: Cell::new(now),
            faults,
            yields: Cell::new(false),
            call_takes: Cell::new(SignedDuration::ZERO),
            short_links: Cell::new(None),
        }
    }

    /// Makes one call of a port: numbered, recorded, and with the fault that the policy decides.
    ///
    /// # Errors
    /// The fault. A killed function's call never returns.
    pub async fn call<T>(&self, call: Call, effect: impl FnOnce(&mut State) -> T) -> Result<T, Fault> {
        self.call_for(call, None, effect).await
    }

    /// Makes one call of a port for a command.
    pub(crate) async fn call_for<T>(
        &self,
        call: Call,
        command: Option<&CommandId>,
        effect: impl FnOnce(&mut State) -> T,
    ) -> Result<T, Fault> {
        let number = self.state.borrow_mut().begin_call(call);
        if self.yields.get() {
            let_others_proceed().await;
        }
        if !self.call_takes.get().is_zero() {
            self.now.set(self.now.get() + self.call_takes.get());
        }
        let result = match self.faults.fault(number, call, command) {
            None => Ok(effect(&mut self.state.borrow_mut())),
            Some(fault) => {
                if fault.has_effect() {
                    effect(&mut self.state.borrow_mut());
                }
                if let Fault::Killed { .. } = fault {
                    std::future::pending::<()>().await;
                }
                Err(fault)
            }
        };
        self.state.borrow_mut().end_call(call);
        result
    }

    /// Calls a provider. `text` describes what it does then.
    pub(crate) async fn call_provider(&self, call: Call, key: &CommandId, text: impl FnOnce() -> String) -> Outcome {
        let done = self.call_for(call, Some(key), |state| {
            let text = if P::DESCRIBES_EFFECTS { text() } else { String::new() };
            state.effects.push(Effect { command: Some(key.clone()), at: self.now.get(), text });
        });
        match done.await {
            Ok(()) => Outcome::done(Some(format!("id-of-{key}"))),
            Err(fault) => fault.into(),
        }
    }
}

/// Lets whatever else runs proceed.
async fn let_others_proceed() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
