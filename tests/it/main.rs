//! Stories over a fake world, and the rules that the workspace keeps.

mod bad_input;
mod concurrency;
mod cost;
mod crashes;
mod crate_graph;
mod desk;
mod documents;
mod limits;
mod messages;
mod payload;
mod personal;
mod properties;
mod race;
mod schedule;
mod stories;
mod webhook;
mod world;
