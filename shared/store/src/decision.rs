//! The writes of a decision.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{Booking, Decision};
use engine::StoredFact;
use events::Stream;
use jiff::Timestamp;

use crate::attributes::{self, Row};
use crate::condition::Condition;
use crate::key;
use crate::row;
use crate::table::Table;

/// The most rows in one transaction. DynamoDB takes 100; the rest is left free for rows that are added later.
pub(crate) const MAX_WRITES: usize = 80;

impl Table {
    /// Returns at most `max` writes, each with its condition. If a long chain of moves has too many aliases, the oldest
    /// are left out: earlier commits have written them.
    pub(crate) fn decision_writes(
        &self,
        decision: &Decision,
        facts: &[StoredFact],
        max: usize,
    ) -> Vec<TransactWriteItem> {
        let Decision { booking, revision, .. } = decision;
        let (connection, id) = (&booking.connection, &booking.id);
        let expires = row::expiry(decision, facts);
        let unchanged = Condition::unchanged_since(*revision);
        // By their keys: a transaction must not name a row twice.
        let mut writes = BTreeMap::new();
        for changed in &decision.commands {
            let condition = changed.expected.map_or(Condition::Absent, Condition::Revision);
            let row = row::command(connection, id, &changed.command, expires);
            writes.insert(key::command_sort_key(&changed.command.id), self.put_item(row, &condition));
        }
        for fact in facts {
            let row = row::fact(connection, id, fact, expires);
            writes.insert(key::fact_sort_key(&fact.id), self.put_item(row, &Condition::Always));
        }
        let stream = Stream::Booking(id.as_str().to_owned());
        for (number, event) in &decision.events {
            let row = row::logged_event(connection, &stream, *number, event, expires);
            writes.insert(key::logged_event_sort_key(*number), self.put_item(row, &Condition::Absent));
        }
        let mut writes: Vec<_> = writes.into_values().collect();
        if decision.writes_booking() {
            writes.push(self.put_item(row::decided_booking(decision, expires), &unchanged));
            let room = max.saturating_sub(writes.len());
            let room = if decision.booking_changed || decision.extends { room } else { 0 };
            let aliases = aliases(booking, facts, expires).into_iter().take(room);
            writes.extend(aliases.map(|(row, condition)| self.put_item(row, &condition)));
        } else if !decision.commands.is_empty() {
            let booking = attributes::key(key::booking_partition(connection, id), key::BOOKING);
            writes.push(self.check_item(booking, &unchanged));
        }
        writes
    }
}

/// Returns the alias rows of a booking, each once. The most needed come first: tokens of requests that are still open,
/// invitees of the legs that the facts are about, invitees of the newest legs, other tokens, events.
fn aliases(booking: &Booking, facts: &[StoredFact], expires: Option<Timestamp>) -> Vec<(Row, Condition)> {
    let mut legs = booking.legs();
    legs.reverse();
    legs.sort_by_key(|leg| !facts.iter().any(|fact| fact.invitee == leg.invitee));
    let open: BTreeSet<_> = booking.open_requests().map(|(token, _)| token).collect();
    let (open, closed): (Vec<_>, Vec<_>) = booking.move_tokens().partition(|token| open.contains(token));
    let token_rows = |tokens: Vec<_>| tokens.into_iter().map(|token| row::token_alias(booking, token, expires));
    let invitees = legs.iter().flat_map(|leg| [Some(&leg.invitee), leg.next.as_ref(), leg.previous.as_ref()]).flatten();
    let invitees = invitees.filter(|uri| !booking.elsewhere().contains_key(uri));
    let invitee_rows = invitees.map(|uri| row::invitee_alias(booking, uri, expires));
    let unique = token_rows(open).chain(invitee_rows).chain(token_rows(closed));
    let unique = unique.map(|row| (row, Condition::LeadsTo(booking.id.clone())));
    let events = legs.iter().map(|leg| (row::event_alias(booking, leg, expires), Condition::Always));
    let mut seen = BTreeSet::new();
    let key_of = |row: &Row| ["pk", "sk"].map(|name| row.get(name).and_then(|value| value.as_s().ok()).cloned());
    unique.chain(events).filter(|(row, _)| seen.insert(key_of(row))).collect()
}
