//! What the webhook function costs beside a function that does nothing: both are run as Lambda runs them, by turns, against
//! stand-ins on loopback. No TLS is spoken and no network is crossed: these are the programs' own costs.
//!
//! `bench [NAME=value …]` adds variables to the environment of both, to try things out.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clocks")]

mod event;
mod function;
mod report;
mod stand_in;

use std::error::Error;
use std::path::Path;

use function::{Function, Program};
use report::Sample;
use stand_in::StandIn;

/// Lives of each program. Odd, so that there is a middle one.
const STARTS: usize = 15;

/// Events in a life after the first: enough that the ticks of 10 ms in which Linux counts CPU time say something.
const WARM_EVENTS: usize = 3_000;

fn main() -> Result<(), Box<dyn Error>> {
    let extra: Option<Vec<_>> = std::env::args().skip(1).map(assignment).collect();
    let extra = extra.ok_or("usage: bench [NAME=value …]")?;
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lambda");
    let webhook = Program::find(&programs, "webhook", 1)?;
    let empty = Program::find(&programs, "empty", 0)?;
    let stand_in = StandIn::start()?;
    let (mut webhook_samples, mut empty_samples) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        webhook_samples.push(live(&webhook, &stand_in, &extra)?);
        empty_samples.push(live(&empty, &stand_in, &extra)?);
    }
    report::print(&webhook_samples, &empty_samples);
    Ok(())
}

fn assignment(argument: String) -> Option<(String, String)> {
    argument.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// One life of a program: start, first event, warm events.
fn live(program: &Program, stand_in: &StandIn, extra: &[(String, String)]) -> Result<Sample, Box<dyn Error>> {
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
        if answer.status != 200 || calls != program.calls_per_event {
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
        calls_per_event: program.calls_per_event as f64,
    })
}
