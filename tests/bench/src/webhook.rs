//! What the webhook function costs beside a function that does nothing: both by turns, against stand-ins.

use std::error::Error;

use crate::event;
use crate::function::{Function, Program};
use crate::report::{self, Sample};
use crate::stand_in::StandIn;

/// Lives of each program. Odd, so that there is a middle one.
const STARTS: usize = 15;

/// Events in a life after the first: enough that the ticks of 10 ms in which Linux counts CPU time say something.
const WARM_EVENTS: usize = 3_000;

/// Measures and prints.
pub(crate) fn run(extra: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let (webhook, empty) = (Program::find("webhook")?, Program::find("empty")?);
    let stand_in = StandIn::start()?;
    let (mut webhook_samples, mut empty_samples) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        webhook_samples.push(live(&webhook, 1, &stand_in, extra)?);
        empty_samples.push(live(&empty, 0, &stand_in, extra)?);
    }
    report::print(&webhook_samples, &empty_samples);
    Ok(())
}

/// One life of a program, which makes so many calls per event: start, first event, warm events.
fn live(
    program: &Program,
    calls_per_event: usize,
    stand_in: &StandIn,
    extra: &[(String, String)],
) -> Result<Sample, Box<dyn Error>> {
    let event = event::signed_now()?;
    let calls_before = stand_in.calls();
    let function = Function::start(program, stand_in.address(), extra)?;
    let mut waiting = stand_in.ready()?;
    let ready = waiting.since(function.started());
    let calls_in_init = stand_in.calls() - calls_before;

    let mut cpu_once_warm = 0.0;
    let mut times = Vec::with_capacity(WARM_EVENTS + 1);
    for number in 0..=WARM_EVENTS {
        let calls_before = stand_in.calls();
        let (answer, next) = stand_in.invoke(waiting, &event)?;
        let calls = stand_in.calls() - calls_before;
        if answer.status != 200 || calls != calls_per_event {
            let (name, status) = (program.name, answer.status);
            return Err(format!("{name} answered event {number} with {status} and made {calls} calls of AWS").into());
        }
        times.push(answer.seconds);
        waiting = next;
        if number == 0 {
            cpu_once_warm = function.cpu_seconds()?;
        }
    }
    let first = times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(Sample {
        ready,
        first,
        warm_p50: times[WARM_EVENTS / 2],
        warm_p99: times[WARM_EVENTS * 99 / 100],
        cpu: (function.cpu_seconds()? - cpu_once_warm) / WARM_EVENTS as f64,
        peak_memory: function.peak_memory()? as f64,
        binary: program.size as f64,
        calls_in_init: calls_in_init as f64,
        calls_per_event: calls_per_event as f64,
    })
}
