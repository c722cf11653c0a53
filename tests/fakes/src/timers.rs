//! Timers and the clock.

use engine::{Clock, PortError, TimerKind, Timers};
use jiff::{SignedDuration, Timestamp};
use wire::due::Due;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

impl<P: FaultPolicy> Timers for Fake<P> {
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError> {
        assert!(name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name}");
        let set = self.call(Call::SetTimer, |state| match kind {
            TimerKind::Schedule => {
                state.schedules.entry(name.to_owned()).or_insert_with(|| (at, due.clone()));
            }
            TimerKind::DelayedMessage => {
                let wait = at.duration_since(now);
                assert!(wait <= SignedDuration::from_mins(15), "SQS delays a message by at most 15 minutes");
                state.delayed.push((at, due.clone()));
            }
        });
        Ok(set.await?)
    }

    async fn remove_timer(&self, name: &str) -> Result<(), PortError> {
        Ok(self.call(Call::RemoveTimer, |state| drop(state.schedules.remove(name))).await?)
    }
}

impl<P> Clock for Fake<P> {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}
