//! The fault table. Many bookings are played over weeks of virtual time, each in a world of its own. Meanwhile
//! webhooks are dropped, duplicated, reordered and delayed by hours, functions are killed at any call, providers fail
//! or don't answer, timers fire late or twice, and clocks change. What the program did is compared with what really
//! happened.
//!
//! Deterministic: a seed and a number play the same booking again. Nothing sleeps, and no JSON is read.

mod odds;
mod outage;
mod play;
mod table;
mod truth;

pub use odds::Odds;
pub use play::{explain, play, simulate};
pub use table::Table;
