//! Stories over a fake world, and the rules that the workspace keeps.

mod bad_input;
mod cost;
mod crate_graph;
mod crashes;
mod payload;
mod personal;
mod stories;
mod webhook;
mod world;
