//! What the functions cost: their release builds, run as Lambda runs them, against stand-ins on loopback. No TLS is spoken
//! and no network is crossed.
//!
//! `bench webhook [NAME=value …]` adds variables to the functions' environment, to try things out; `bench book NAME=value …`
//! is told where its outside world is: `book.py` starts one.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clocks")]

mod book;
mod event;
mod function;
mod http;
mod line;
mod report;
mod stand_in;
mod webhook;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next();
    let environment: Option<Vec<_>> = arguments.map(assignment).collect();
    match (what.as_deref(), environment) {
        (Some("webhook"), Some(environment)) => webhook::run(&environment),
        (Some("book"), Some(environment)) => book::run(&environment),
        _ => Err("usage: bench webhook|book [NAME=value …]".into()),
    }
}

fn assignment(argument: String) -> Option<(String, String)> {
    argument.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}
