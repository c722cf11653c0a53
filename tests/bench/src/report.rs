//! The report about the webhook function and the dispatcher.

use std::fs;
use std::thread;

/// The measurements of one run of a program, in seconds, bytes and counts.
pub(crate) struct Sample {
    pub(crate) ready: f64,
    pub(crate) first: f64,
    pub(crate) warm_p50: f64,
    pub(crate) warm_p99: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_memory: f64,
    pub(crate) binary: f64,
    pub(crate) calls_in_init: f64,
    pub(crate) calls_of_first: f64,
    pub(crate) calls_per_event: f64,
}

/// The unit of a figure.
pub(crate) enum Unit {
    Time,
    Size,
    Count,
}

struct Row {
    name: &'static str,
    unit: Unit,
    of: fn(&Sample) -> f64,
    webhook: Target,
    dispatcher: Target,
}

enum Target {
    None,
    /// At most this many times the empty function's figure.
    Times(f64),
    Exactly(f64),
}

impl Row {
    const fn new(name: &'static str, unit: Unit, of: fn(&Sample) -> f64, webhook: Target, dispatcher: Target) -> Self {
        Self { name, unit, of, webhook, dispatcher }
    }
}

const ROWS: [Row; 11] = [
    Row::new("ready (start to first /next)", Unit::Time, |it| it.ready, Target::None, Target::Times(5.0)),
    Row::new("first event", Unit::Time, |it| it.first, Target::None, Target::None),
    Row::new("ready + first event", Unit::Time, |it| it.ready + it.first, Target::Times(5.0), Target::None),
    Row::new("warm event, p50", Unit::Time, |it| it.warm_p50, Target::None, Target::None),
    Row::new("warm event, p99", Unit::Time, |it| it.warm_p99, Target::None, Target::None),
    Row::new("CPU per warm event", Unit::Time, |it| it.cpu, Target::Times(5.0), Target::None),
    Row::new("peak memory", Unit::Size, |it| it.peak_memory, Target::Times(3.0), Target::None),
    Row::new("binary", Unit::Size, |it| it.binary, Target::None, Target::None),
    Row::new("AWS calls in init", Unit::Count, |it| it.calls_in_init, Target::None, Target::Exactly(0.0)),
    Row::new("AWS calls of the first event", Unit::Count, |it| it.calls_of_first, Target::None, Target::None),
    Row::new("AWS calls per warm event", Unit::Count, |it| it.calls_per_event, Target::Exactly(1.0), Target::None),
];

/// Prints the medians and whether they meet the targets.
pub(crate) fn print(webhook: &[Sample], dispatcher: &[Sample], empty: &[Sample]) {
    print_line(&describe_machine());
    print_line(&format!("Medians of {} starts each: webhook, dispatcher and empty function by turns.", empty.len()));
    print_beside("webhook", webhook, empty, |row| &row.webhook);
    print_beside("dispatcher", dispatcher, empty, |row| &row.dispatcher);
}

/// Prints a function beside the empty one.
fn print_beside(name: &str, samples: &[Sample], empty: &[Sample], target_of: fn(&Row) -> &Target) {
    print_line(&format!("\n{:30}{name:>12}{:>12}{:>8}  target", "", "empty", "ratio"));
    for row @ Row { name, unit, of, .. } in &ROWS {
        let (ours, least) = (median(samples, *of), median(empty, *of));
        let ratio = if least > 0.0 { format!("{:.1}x", ours / least) } else { String::new() };
        let (ours_text, least_text) = (unit.format(ours), unit.format(least));
        let verdict = target_of(row).format_verdict(ours, least);
        print_line(format!("{name:30}{ours_text:>12}{least_text:>12}{ratio:>8}  {verdict}").trim_end());
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
fn print_line(line: &str) {
    println!("{line}");
}

impl Target {
    fn format_verdict(&self, ours: f64, least: f64) -> String {
        let (is_met, wanted) = match self {
            Self::None => return String::new(),
            Self::Times(most) => (ours <= most * least, format!("at most {most}x")),
            Self::Exactly(count) => (ours == *count, format!("exactly {count}")),
        };
        format_verdict(&wanted, is_met)
    }
}

impl Unit {
    /// Formats a figure.
    pub(crate) fn format(&self, value: f64) -> String {
        match self {
            Self::Time => format!("{:.3} ms", value * 1e3),
            Self::Size if value < 1e5 => format!("{:.1} kB", value / 1e3),
            Self::Size => format!("{:.2} MB", value / 1e6),
            Self::Count => format!("{value}"),
        }
    }
}

/// Formats a target and whether it is met.
pub(crate) fn format_verdict(wanted: &str, is_met: bool) -> String {
    format!("{wanted}: {}", if is_met { "met" } else { "MISSED" })
}

fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Describes the day and the machine.
pub(crate) fn describe_machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Not every architecture names its model.
    let model =
        cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |it| it.1);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!("{today}, {cores} cores, {} {model}", std::env::consts::ARCH).trim_end().to_owned()
}
