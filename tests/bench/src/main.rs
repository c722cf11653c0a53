//! Measures the functions: their release builds, run as Lambda runs them, against stand-ins on loopback, without TLS
//! and network.
//!
//! `bench starts [NAME=value …]` adds variables to the functions' environment. `bench book NAME=value …` needs the
//! URLs of the services; `book.py` starts them.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clocks")]

mod answer;
mod book;
mod delivery;
mod event;
mod function;
mod http;
mod recording_proxy;
mod report;
mod stand_in;
mod starts;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let environment: Option<Vec<_>> = arguments.map(parse_assignment).collect();
    match (command.as_deref(), environment) {
        (Some("starts"), Some(environment)) => starts::run(&environment),
        (Some("book"), Some(environment)) => book::run(&environment),
        _ => Err("usage: bench starts|book [NAME=value …]".into()),
    }
}

fn parse_assignment(argument: String) -> Option<(String, String)> {
    argument.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}
