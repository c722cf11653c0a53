//! Stories over a fake world, and the rules that the workspace keeps.

mod api;
mod bad_input;
mod calendar;
mod concurrency;
mod cost;
mod crashes;
mod crate_graph;
mod crm;
mod documents;
mod emails;
mod import_circles;
mod imports;
mod limits;
mod messages;
mod outages;
mod own;
mod payload;
mod personal;
mod properties;
mod publication;
mod race;
mod roles;
mod schedule;
mod stories;
mod webhook;
mod world;
