//! Everything that the world holds.

use std::collections::{BTreeMap, BTreeSet};

use domain::scheduling::Form;
use domain::scheduling::budget::Bucket;
use domain::settings::Provider;
use domain::{
    Booking, BookingId, Command, CommandId, Connection, ConnectionName, ContactKey, CrmContact, Decision, EventLog,
    Fact, FactId, FactRecord, InviteeUri, Metadata, Opening, Outcome, PublishCall, Reason, Settings, ShortLink, Token,
};
use engine::{BookingRecord, CommitError, Contact, Import, Replan, SettingsVersion, StoredFact, UnhandledEvent};
use events::Event;
use jiff::Timestamp;
use wire::due::Due;

use crate::call::Call;

/// Everything that the world holds.
#[derive(Default)]
pub struct State {
    /// The connection's settings.
    pub settings: Settings,
    /// The versions of the settings.
    pub settings_versions: Vec<SettingsVersion>,
    /// How far the last re-planning is.
    pub replan: Option<Replan>,
    /// How far the last import is.
    pub import: Option<Import>,
    /// The connections.
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// The bookings with their revisions.
    pub bookings: BTreeMap<BookingId, (Booking, u64)>,
    /// What decisions must know of the bookings' logs of events.
    pub event_logs: BTreeMap<BookingId, EventLog>,
    /// Until when each booking is kept, without the retention.
    pub kept_until: BTreeMap<BookingId, Timestamp>,
    /// The events in the bookings' logs, by number.
    pub events: BTreeMap<(BookingId, u64), Event>,
    /// What the deliveries queue was told, in order.
    pub published: Vec<PublishCall>,
    /// The commands with their bookings.
    pub commands: BTreeMap<CommandId, (BookingId, Command)>,
    /// VAI's metadata.
    pub metadata: BTreeMap<BookingId, Metadata>,
    /// The bookings that invitees lead to.
    pub aliases: BTreeMap<InviteeUri, BookingId>,
    /// The bookings that the tokens of moves lead to.
    pub token_aliases: BTreeMap<Token, BookingId>,
    /// The facts.
    pub facts: BTreeMap<FactId, StoredFact>,
    /// The unhandled events.
    pub unhandled_events: BTreeMap<FactId, UnhandledEvent>,
    /// When event types were last said to have changed.
    pub event_types_changed_at: Option<Timestamp>,
    /// What is known of people's addresses.
    pub contacts: BTreeMap<ContactKey, Contact>,
    /// When each address's objection was last written.
    pub objection_times: BTreeMap<ContactKey, Timestamp>,
    /// What bookings say to the CRM, by the address.
    pub crm_contacts: BTreeMap<ContactKey, CrmContact>,
    /// The CRM's contacts, by the address.
    pub crm: BTreeMap<String, FakeCrmContact>,
    /// The nonces that were claimed, with the digest that each was claimed for and when.
    pub nonces: BTreeMap<String, (String, Timestamp)>,
    /// How many bookings were taken out of the buckets of owners' budgets.
    pub spent: BTreeMap<(String, Bucket), u32>,
    /// How many segments of SMS the connection has sent, in buckets of a day.
    pub sms_spent: BTreeMap<Bucket, u32>,
    /// How many segments each SMS has, if more than one.
    pub sms_segments: u32,
    /// How often the connection's budget of SMS was nearly spent, or spent.
    pub low_sms_budgets: usize,
    /// Until when Calendly takes no bookings of an owner.
    pub closed_until: BTreeMap<String, Timestamp>,
    /// The short links, by their codes.
    pub short_links: BTreeMap<String, ShortLink>,
    /// When short links were opened, with their bookings.
    pub openings: Vec<(BookingId, Opening)>,
    /// The holds of each connection, with their ends.
    pub holds: BTreeMap<(ConnectionName, String), (String, Timestamp)>,
    /// The permits that keys took, by the minute.
    pub permits: BTreeMap<(String, i64), u32>,
    /// The one-shot schedules, by name.
    pub schedules: BTreeMap<String, (Timestamp, Due)>,
    /// The delayed messages.
    pub delayed: Vec<(Timestamp, Due)>,
    /// The dead-letter queue: each message with its reason.
    pub dead_letters: Vec<(String, String)>,
    /// The providers that do not work, and what they answer.
    pub providers_down: BTreeMap<Provider, Outcome>,
    /// Calendly.
    pub calendly: CalendlyState,
    /// Why messages went out without a look at Calendly.
    pub failed_looks: Vec<Reason>,
    /// What was done outside, in order.
    pub effects: Vec<Effect>,
    /// The calls of ports, in order.
    pub calls: Vec<Call>,
    /// How many of the calls that perform commands are under way.
    pub calls_under_way: usize,
    /// The most of them at any time.
    pub most_calls_under_way: usize,
}

/// What Calendly holds, and how it behaves.
#[derive(Default)]
pub struct CalendlyState {
    /// Its invitees, as it would answer for each.
    pub invitees: BTreeMap<InviteeUri, Fact>,
    /// The forms that it accepted.
    pub forms: BTreeMap<InviteeUri, Form>,
    /// The hosts' time zones, by their URIs.
    pub host_zones: BTreeMap<String, String>,
    /// How many single-use links it made.
    pub links: usize,
    /// Set when it refuses every booking: the parameters that it names as invalid.
    pub refuses_bookings: Option<Vec<String>>,
    /// Whether it takes no more bookings, for 40 seconds.
    pub is_limited: bool,
    /// For how many seconds reads that can wait should wait.
    pub busy_for: Option<u32>,
    /// Whether it has a seat for everybody, as for a round robin.
    pub has_room_for_all: bool,
    /// Whether its webhook is processed before its answer to a booking arrives.
    pub sends_webhook_first: bool,
}

/// A contact in the CRM.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FakeCrmContact {
    /// The attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The lists that it is on.
    pub lists: BTreeSet<u64>,
    /// The names of its events, in order.
    pub events: Vec<&'static str>,
    /// The lists that it was asked to join, in order.
    pub asked: Vec<BTreeSet<u64>>,
}

/// Something that was done outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// The command that it was done for; none for a cancellation at Calendly.
    pub command: Option<CommandId>,
    /// When.
    pub at: Timestamp,
    /// What; empty in a world that does not describe effects.
    pub text: String,
}

impl State {
    /// Records that a call begins. Returns its number.
    pub(crate) fn begin_call(&mut self, call: Call) -> usize {
        self.calls.push(call);
        if call.is_of_performing() {
            self.calls_under_way += 1;
            self.most_calls_under_way = self.most_calls_under_way.max(self.calls_under_way);
        }
        self.calls.len() - 1
    }

    pub(crate) fn end_call(&mut self, call: Call) {
        if call.is_of_performing() {
            self.calls_under_way -= 1;
        }
    }

    /// Writes a decision as the table does: all or nothing.
    pub(crate) fn commit_decision(&mut self, decision: &Decision, facts: &[StoredFact]) -> Result<(), CommitError> {
        let id = &decision.booking.id;
        let revision = self.revision(id);
        let is_alias_taken =
            decision.booking.aliases().into_iter().any(|it| self.aliases.get(it).is_some_and(|of| of != id));
        let is_row_changed = decision
            .commands
            .iter()
            .any(|it| self.commands.get(&it.command.id).map(|(_, row)| row.revision) != it.expected);
        let is_number_taken =
            decision.events.iter().any(|(number, _)| self.events.contains_key(&(id.clone(), *number)));
        if revision != decision.revision || is_alias_taken || is_row_changed || is_number_taken {
            return Err(CommitError::Conflict);
        }
        if decision.writes_booking() {
            self.bookings.insert(id.clone(), (decision.booking.clone(), revision + 1));
            match &decision.log {
                Some(log) => drop(self.event_logs.insert(id.clone(), log.clone())),
                None => drop(self.event_logs.remove(id)),
            }
            self.kept_until.extend(decision.kept_until.map(|at| (id.clone(), at)));
            self.aliases.extend(decision.booking.aliases().into_iter().map(|it| (it.clone(), id.clone())));
            self.token_aliases.extend(decision.booking.move_tokens().map(|it| (it.clone(), id.clone())));
        }
        for (number, event) in &decision.events {
            self.events.insert((id.clone(), *number), event.clone());
        }
        for write in &decision.commands {
            self.commands.insert(write.command.id.clone(), (id.clone(), write.command.clone()));
        }
        for fact in facts {
            self.facts.entry(fact.id.clone()).or_insert_with(|| fact.clone());
        }
        Ok(())
    }

    /// The revision of a booking; 0 when there is none.
    pub(crate) fn revision(&self, booking: &BookingId) -> u64 {
        self.bookings.get(booking).map_or(0, |(_, revision)| *revision)
    }

    /// A booking's commands.
    pub(crate) fn commands_of(&self, booking: &BookingId) -> Vec<Command> {
        self.commands.values().filter(|(of, _)| of == booking).map(|(_, it)| it.clone()).collect()
    }

    /// Everything that is stored of a booking; `None` when there is none.
    pub fn record(&self, id: &BookingId) -> Option<BookingRecord> {
        let booking = self.bookings.get(id)?.0.clone();
        let invitees = booking.aliases();
        let facts = self.facts.values().filter(|it| invitees.contains(&&it.invitee)).map(|it| FactRecord {
            kind: it.kind,
            invitee: it.invitee.clone(),
            occurred_at: it.occurred_at,
            received_at: it.received_at,
        });
        let facts = facts.collect();
        let openings = self.openings.iter().filter(|(of, _)| of == id).map(|(_, it)| it.clone()).collect();
        Some(BookingRecord { facts, commands: self.commands_of(id), booking, openings })
    }
}
