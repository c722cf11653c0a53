//! The API for VAI's agents: they book, move and cancel, over HTTP with a key or by direct invocation. Types and
//! answers are the same.
//!
//! Language models repeat calls, make them concurrently, invent ids and use UTC. So a request is checked completely
//! before anything is done, a repeated request books once, and a refusal says what to do next.

mod access;
mod book;
mod catalogs;
mod change;
mod codes;
mod event_types;
mod form;
mod hold;
mod hosts;
mod links;
mod own;
mod preview;
mod records;
mod requests;
mod resolve;
mod schedule;
mod slots;
mod view;

pub use schedule::{Ports, QueueState, Schedule};
