//! The report about the webhook function.

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
    target: Target,
}

enum Target {
    None,
    /// At most this many times the empty function's figure.
    Times(f64),
    Exactly(f64),
}

const ROWS: [Row; 10] = [
    Row { name: "ready (start to first /next)", unit: Unit::Time, of: |it| it.ready, target: Target::None },
    Row { name: "first event", unit: Unit::Time, of: |it| it.first, target: Target::None },
    Row { name: "ready + first event", unit: Unit::Time, of: |it| it.ready + it.first, target: Target::Times(5.0) },
    Row { name: "warm event, p50", unit: Unit::Time, of: |it| it.warm_p50, target: Target::None },
    Row { name: "warm event, p99", unit: Unit::Time, of: |it| it.warm_p99, target: Target::None },
    Row { name: "CPU per warm event", unit: Unit::Time, of: |it| it.cpu, target: Target::Times(5.0) },
    Row { name: "peak memory", unit: Unit::Size, of: |it| it.peak_memory, target: Target::Times(3.0) },
    Row { name: "binary", unit: Unit::Size, of: |it| it.binary, target: Target::None },
    Row { name: "AWS calls in init", unit: Unit::Count, of: |it| it.calls_in_init, target: Target::None },
    Row { name: "AWS calls per event", unit: Unit::Count, of: |it| it.calls_per_event, target: Target::Exactly(1.0) },
];

/// Prints the medians and whether they meet the targets.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub(crate) fn print(webhook: &[Sample], empty: &[Sample]) {
    println!("{}", describe_machine());
    println!("Medians of {} starts each, webhook and empty function by turns.\n", webhook.len());
    println!("{:30}{:>12}{:>12}{:>8}  target", "", "webhook", "empty", "ratio");
    for Row { name, unit, of, target } in &ROWS {
        let (ours, least) = (median(webhook, *of), median(empty, *of));
        let ratio = if least > 0.0 { format!("{:.1}x", ours / least) } else { String::new() };
        let (ours_text, least_text) = (unit.format(ours), unit.format(least));
        let line =
            format!("{name:30}{ours_text:>12}{least_text:>12}{ratio:>8}  {}", target.format_verdict(ours, least));
        println!("{}", line.trim_end());
    }
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
