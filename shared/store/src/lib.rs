//! The table in `DynamoDB`: everything that is kept.
//!
//! One partition holds all of a booking: `1#booking` and `1#meta` (what VAI wrote down under the token), its commands
//! (`2#cmd#…`) and the facts it was folded from (`3#fact#…`). Decisions need only what sorts before `3`, so loading is one
//! query. Alias rows, unhandled events, the settings, and what the schedule function keeps (budgets, holds, when
//! event types changed) have partitions of their own. Every partition's name begins with the connection, but for those of
//! a caller's permits.

#[cfg(test)]
mod calls;
#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;
mod key;
mod records;
mod row;
mod table;

pub use engine::BookingRecord;
pub use table::{Table, UnhandledEventEntry};
