//! The table in `DynamoDB`, where everything is stored.
//!
//! One partition holds all of a booking: the booking (`1#booking`), VAI's metadata (`1#meta`), its commands (`2#cmd#…`)
//! and its facts (`3#fact#…`). A decision needs only what sorts before `3`, so one query loads it. All other rows have
//! partitions of their own; `docs/table.md` lists them. A partition's name begins with the connection, except for the
//! permits of API keys, short links and the list of connections.

mod api;
mod attributes;
mod booking_lists;
mod bookings;
#[cfg(test)]
mod calls;
mod condition;
mod connections;
mod decision;
mod deliveries;
mod endpoint_counts;
#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;
mod key;
mod links;
mod pulse;
mod row;
mod sealed;
mod settings;
mod settings_cache;
mod sms_budget;
mod support;
mod table;

pub use row::UnhandledEventEntry;
pub use sealed::SealedDocument;
pub use table::Table;
