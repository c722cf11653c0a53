//! VAI's agents book, move and cancel: over HTTP with a key, or by direct invocation, with the same types and answers.
//!
//! Language models retry, race, invent ids and think in UTC. A request is checked as a whole before anything is done,
//! is booked at most once however often it is made, and a refusal says what to do next.

mod book;
mod catalogs;
mod change;
mod event_types;
mod form;
mod hold;
mod hosts;
mod links;
mod preview;
mod records;
mod requests;
mod resolve;
mod schedule;
mod slots;
mod view;

pub use schedule::{Ports, QueueState, Schedule};
