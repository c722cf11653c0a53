//! The deliveries in virtual time: a table, a queue and receivers in memory, functions that run side by side, and a
//! choice of which of them goes on after each call. A function can be killed before or after any call.

mod receivers;
mod simulation;
mod state;
mod world;

pub use receivers::{Behavior, Received};
pub use simulation::{Choice, Kill, RandomChoice, ScriptedChoice, Simulation, endpoint};
pub use state::State;
pub use world::World;
