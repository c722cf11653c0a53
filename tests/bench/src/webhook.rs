//! Measures the webhook function and an empty function, alternating, against a stand-in.

use std::error::Error;

use crate::event;
use crate::function::{Function, Program};
use crate::report::{self, Sample};
use crate::stand_in::StandIn;

/// The runs of each program. Odd, so that there is a median.
const STARTS: usize = 15;

/// The events of a run after the first: enough for Linux, which counts CPU time in ticks of 10 ms.
const WARM_EVENTS: usize = 3_000;

/// Measures and prints.
pub(crate) fn run(extra: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let (webhook, empty) = (Program::find("webhook")?, Program::find("empty")?);
    let stand_in = StandIn::start()?;
    let (mut webhook_samples, mut empty_samples) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        webhook_samples.push(run_once(&webhook, 1, &stand_in, extra)?);
        empty_samples.push(run_once(&empty, 0, &stand_in, extra)?);
    }
    report::print(&webhook_samples, &empty_samples);
    Ok(())
}

/// Measures one run of a program that makes `calls_per_event`: start, first event, warm events.
fn run_once(
    program: &Program,
    calls_per_event: usize,
    stand_in: &StandIn,
    extra: &[(String, String)],
) -> Result<Sample, Box<dyn Error>> {
    let event = event::build_webhook()?;
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
