//! `make faults`: plays the bookings and prints the table.
#![expect(clippy::print_stdout, reason = "it prints the table")]
#![expect(clippy::disallowed_methods, reason = "it prints how long it took")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use faults::{Odds, explain, simulate};

/// A deterministic simulation of many bookings, while webhooks are lost and functions die.
#[derive(Parser)]
struct Options {
    /// How many bookings
    #[arg(long, default_value_t = 1_000_000)]
    bookings: u64,
    /// The seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; the table does not depend on it
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Explain one booking, by its number
    #[arg(long)]
    explain: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let odds = Odds::default();
    if let Some(number) = options.explain {
        for line in explain(number, options.seed, &odds) {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let table = simulate(options.bookings, options.seed, &odds, options.threads.max(1));
    let took = begun.elapsed();
    let share = |part: u32| f64::from(part) / 100.0;
    println!(
        "seed {}; {} % of webhooks dropped, {} % duplicated, all shuffled; {:.1} % of invocations killed",
        options.seed,
        share(odds.dropped),
        share(odds.duplicated),
        table.killed as f64 * 100.0 / table.invocations as f64
    );
    println!();
    for (name, value) in [
        ("bookings", table.bookings),
        ("  with an outage of hours", table.outages),
        ("events at Calendly", table.facts),
        ("webhooks delivered", table.deliveries),
        ("invocations", table.invocations),
        ("  of them killed", table.killed),
        ("messages due", table.due),
        ("  sent once", table.once),
        ("  sent twice, as declared", table.twice),
        ("  unknown, and shown so", table.unknown),
        ("  missed", table.missed),
        ("undeclared duplicates", table.undeclared),
        ("told though no longer true", table.wrong),
        ("outcomes left ambiguous", table.left_ambiguous),
        ("commands shown as unknown", table.shown_unknown),
        ("dead letters", table.dead),
        ("commands left open", table.open),
        ("events for customers", table.events),
        ("  lost or doubled", table.lost),
        ("  not told", table.untold),
        ("  misnumbered", table.misnumbered),
    ] {
        println!("{name:<28}{value:>12}");
    }
    println!();
    println!("{:.1} s, {:.0} bookings a second", took.as_secs_f64(), options.bookings as f64 / took.as_secs_f64());
    if table.holds() {
        println!("every promise kept");
        return ExitCode::SUCCESS;
    }
    if let Some(number) = table.first_failure {
        println!("BROKEN; the first: make faults EXPLAIN={number} SEED={}", options.seed);
    }
    ExitCode::FAILURE
}
