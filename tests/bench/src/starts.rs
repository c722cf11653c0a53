//! Measures the webhook function, the dispatcher and an empty function, by turns, against a stand-in.

use std::error::Error;

use crate::answer::Answer;
use crate::delivery;
use crate::event;
use crate::function::{Function, Program};
use crate::report::{self, Sample};
use crate::stand_in::StandIn;

/// The runs of each program. Odd, so that there is a median.
const STARTS: usize = 15;

/// The events of a run after the first: enough for Linux, which counts CPU time in ticks of 10 ms.
const WARM_EVENTS: usize = 3_000;

/// A program, the event that it gets, and what it does with it.
struct Case {
    program: Program,
    build_event: fn() -> Result<String, Box<dyn Error>>,
    is_done: fn(&Answer) -> bool,
    /// The calls of AWS in the first event and in each later one.
    calls: [usize; 2],
}

/// Measures and prints.
pub(crate) fn run(extra: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let has_status_200 = |answer: &Answer| answer.status() == 200;
    let cases = [
        Case {
            program: Program::find("webhook")?,
            build_event: event::build_webhook,
            is_done: has_status_200,
            calls: [1, 1],
        },
        Case {
            program: Program::find("dispatcher")?,
            build_event: delivery::build_event,
            is_done: delivery::is_done,
            calls: delivery::CALLS,
        },
        Case {
            program: Program::find("empty")?,
            build_event: event::build_webhook,
            is_done: has_status_200,
            calls: [0, 0],
        },
    ];
    let stand_in = StandIn::start()?;
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..STARTS {
        for (case, samples) in cases.iter().zip(&mut samples) {
            samples.push(run_once(case, &stand_in, extra)?);
        }
    }
    let [webhook, dispatcher, empty] = samples;
    report::print(&webhook, &dispatcher, &empty);
    Ok(())
}

/// Measures one run: start, first event, warm events.
fn run_once(case: &Case, stand_in: &StandIn, extra: &[(String, String)]) -> Result<Sample, Box<dyn Error>> {
    let Case { program, build_event, is_done, calls: [calls_of_first, calls_of_warm] } = case;
    let event = build_event()?;
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
        if !is_done(&answer) || calls != *(if number == 0 { calls_of_first } else { calls_of_warm }) {
            let (name, response) = (program.name, answer.response);
            return Err(format!("{name} answered event {number} with {response} and made {calls} calls of AWS").into());
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
        calls_of_first: *calls_of_first as f64,
        calls_per_event: *calls_of_warm as f64,
    })
}
