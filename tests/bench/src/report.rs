//! The table.

use std::fs;
use std::thread;

/// What one life of a program told, in seconds, bytes and counts.
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

enum Unit {
    Time,
    Size,
    Count,
}

struct Row {
    name: &'static str,
    unit: Unit,
    of: fn(&Sample) -> f64,
    /// The target: at most so many times the empty function's.
    at_most: Option<f64>,
}

const ROWS: [Row; 10] = [
    Row { name: "ready (start to first /next)", unit: Unit::Time, of: |it| it.ready, at_most: None },
    Row { name: "first event", unit: Unit::Time, of: |it| it.first, at_most: None },
    Row { name: "ready + first event", unit: Unit::Time, of: |it| it.ready + it.first, at_most: Some(5.0) },
    Row { name: "warm event, p50", unit: Unit::Time, of: |it| it.warm_p50, at_most: None },
    Row { name: "warm event, p99", unit: Unit::Time, of: |it| it.warm_p99, at_most: None },
    Row { name: "CPU per warm event", unit: Unit::Time, of: |it| it.cpu, at_most: Some(5.0) },
    Row { name: "peak memory", unit: Unit::Size, of: |it| it.peak_memory, at_most: Some(3.0) },
    Row { name: "binary", unit: Unit::Size, of: |it| it.binary, at_most: None },
    Row { name: "AWS calls in init", unit: Unit::Count, of: |it| it.calls_in_init, at_most: None },
    Row { name: "AWS calls per event", unit: Unit::Count, of: |it| it.calls_per_event, at_most: None },
];

/// Prints the medians and how they keep to the targets.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub(crate) fn print(webhook: &[Sample], empty: &[Sample]) {
    println!("{}", machine());
    println!("Medians of {} starts each, webhook and empty function by turns.\n", webhook.len());
    println!("{:30}{:>12}{:>12}{:>8}  target", "", "webhook", "empty", "ratio");
    for Row { name, unit, of, at_most } in &ROWS {
        let (ours, least) = (median(webhook, *of), median(empty, *of));
        let ratio = ours / least;
        let ratio_text = if matches!(unit, Unit::Count) { String::new() } else { format!("{ratio:.1}x") };
        let verdict = at_most.map(|most| format!("at most {most}x: {}", if ratio <= most { "met" } else { "MISSED" }));
        let line = format!(
            "{name:30}{:>12}{:>12}{ratio_text:>8}  {}",
            unit.text(ours),
            unit.text(least),
            verdict.unwrap_or_default()
        );
        println!("{}", line.trim_end());
    }
    println!("\nEvery event was answered with 200, each of the webhook's after exactly one call of AWS.");
}

impl Unit {
    fn text(&self, value: f64) -> String {
        match self {
            Self::Time => format!("{:.3} ms", value * 1e3),
            Self::Size => format!("{:.2} MB", value / 1e6),
            Self::Count => format!("{value}"),
        }
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Not every architecture names its model.
    let model =
        cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |it| it.1);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!("{today}, {cores} cores, {} {model}", std::env::consts::ARCH).trim_end().to_owned()
}
