//! The table's reads and writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{
    Booking, BookingId, BookingState, Command, CommandId, ConnectionName, ConsentSource, ContactKey, Decision, FactId,
    InviteeUri, Metadata, Objection, Settings, Snapshot, Token,
};
use engine::{Aliases, BookingRecord, CommitError, Contact, PortError, Store, StoredFact, UnhandledEvent};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::key;
use crate::row::{self, Row, kind, number, string};

/// How many items one transaction takes.
pub(crate) const MOST_WRITES: usize = 100;

/// How many rows one batch reads; also how many bookings are listed at most: nobody reads further.
const MOST_READS: usize = 100;

/// A busy table may leave a part of a batch for a second call; what is missing after that waits for the queue.
const BATCH_TRIES: usize = 2;

/// A row may be in somebody's transaction for some milliseconds; what an effect came to is worth asking again for.
const SWAP_TRIES: usize = 3;

/// How old settings may be: a change is felt within a minute, and a busy minute reads them once.
const SETTINGS_AGE: Duration = Duration::from_secs(60);

/// How often it is written down that Calendly tells something: of each instance and connection, once in so long.
const PULSE_AGE: Duration = Duration::from_secs(60);

/// The table, as a [`Store`], as [`ApiStore`](engine::Records), and for support.
#[derive(Debug)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    settings: Mutex<HashMap<ConnectionName, Cached>>,
    pulses: Mutex<HashMap<ConnectionName, Instant>>,
}

/// An unhandled event, as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnhandledEventEntry {
    /// Calendly's name of it.
    pub name: String,
    /// When it reached us, to the second.
    pub received_at: Timestamp,
    /// What [`Table::unhandled_event_body`] takes.
    pub id: FactId,
}

#[derive(Debug)]
struct Cached {
    read: Instant,
    settings: Settings,
}

impl Table {
    /// The table of this name.
    pub fn new(client: Client, table_name: impl Into<String>) -> Self {
        Self { client, name: table_name.into(), settings: Mutex::default(), pulses: Mutex::default() }
    }

    /// What VAI wrote down under a token.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn metadata(&self, connection: &ConnectionName, token: &Token) -> Result<Option<Metadata>, PortError> {
        let partition = key::booking_partition(connection, &BookingId::from_token(connection, token));
        self.get(row::key(partition, key::METADATA)).await?.as_ref().map(row::read).transpose()
    }

    /// Replaces the connection's settings and returns their version: one more than the last.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when somebody else wrote settings at the same time.
    pub async fn write_settings(&self, connection: &ConnectionName, settings: &Settings) -> Result<u64, CommitError> {
        let last = match self.get(row::key(key::settings_partition(connection), key::SETTINGS)).await? {
            Some(row) => row::revision(&row)?,
            None => 0,
        };
        let written = self.put_row(row::settings(connection, settings, last + 1), &Guard::seen(last)).await;
        match written {
            Ok(()) => {
                self.remember(connection, settings);
                Ok(last + 1)
            }
            Err(error) if is_refused(&error) => Err(CommitError::Conflict),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    /// The bookings an id leads to. It may be one of our own booking ids, the UUID or URI of an invitee or an event, or
    /// the id of a conversation; a group event and a conversation may lead to several.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError> {
        let id = id.trim();
        if !key::is_key_length(id) {
            return self.ids_by_conversation(connection, id).await;
        }
        let own = BookingId::new(id);
        if self.get(row::key(key::booking_partition(connection, &own), key::BOOKING)).await?.is_some() {
            return Ok(vec![own]);
        }
        let aliases = self
            .client
            .query()
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", string(key::alias_partition(connection, id)));
        let rows = self.query(aliases).await?;
        let bookings: BTreeSet<_> =
            rows.iter().map(|row| row::text(row, "booking").map(BookingId::new)).collect::<Result<_, _>>()?;
        if bookings.is_empty() {
            self.ids_by_conversation(connection, id).await
        } else {
            Ok(bookings.into_iter().collect())
        }
    }

    /// Everything that is kept of a booking; `None` when there is no such booking.
    ///
    /// # Errors
    /// The table could not be read, or a row is of a later version.
    pub async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError> {
        let partition = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .projection_expression("kind, doc, rev")
            .expression_attribute_values(":pk", string(key::booking_partition(connection, booking)));
        let mut found = None;
        let mut facts = Vec::new();
        let mut commands = Vec::new();
        for row in self.query(partition).await? {
            match row::text(&row, "kind")? {
                kind::BOOKING => found = Some(row::read(&row)?),
                kind::COMMAND => commands.push(row::read_command(&row)?),
                kind::FACT => facts.push(row::read_fact(&row)?),
                kind::METADATA => {}
                _ => return Err(row::unknown_kind(&row)),
            }
        }
        facts.sort_by_key(|fact| fact.received_at);
        Ok(found.map(|booking| BookingRecord { booking, facts, commands }))
    }

    /// An invitee's meetings that are on and begin within `from..until`, in order; at most 100.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn upcoming(
        &self,
        connection: &ConnectionName,
        email: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Booking>, PortError> {
        let request = self
            .client
            .query()
            .index_name(key::BY_INVITEE)
            .key_condition_expression("gsi1pk = :who AND gsi1sk BETWEEN :from AND :until")
            .expression_attribute_values(":who", string(key::invitee_index(connection, email)))
            .expression_attribute_values(":from", string(key::instant_sort_key(from)))
            .expression_attribute_values(":until", string(key::instant_sort_key(until)));
        let ids = self.listed(connection, request).await?;
        // An index lags: the booking itself says whether it is still so.
        let start = |booking: &Booking| match booking.state() {
            Some(BookingState::Active(leg)) => Some(leg.details.start).filter(|start| (from..until).contains(start)),
            _ => None,
        };
        let mut bookings = self.bookings(connection, &ids).await?;
        bookings.retain(|booking| start(booking).is_some());
        bookings.sort_by_key(start);
        Ok(bookings)
    }

    /// The bookings that came out of a conversation, by their start; at most 100.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<Booking>, PortError> {
        let ids = self.ids_by_conversation(connection, conversation).await?;
        self.bookings(connection, &ids).await
    }

    /// The unhandled events that arrived since an instant, the newest first; at most so many. One that has just
    /// arrived may be missing: an index lags.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn list_unhandled_events(
        &self,
        connection: &ConnectionName,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<UnhandledEventEntry>, PortError> {
        let mut rows = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_INVITEE)
            .key_condition_expression("gsi1pk = :unknown AND gsi1sk >= :since")
            .expression_attribute_values(":unknown", string(key::unhandled_events_index(connection)))
            .expression_attribute_values(":since", string(key::instant_sort_key(since)))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut kept = Vec::new();
        while kept.len() < limit
            && let Some(row) = rows.next().await
        {
            kept.push(row::read_unhandled_event(connection, &row.map_err(unavailable)?)?);
        }
        Ok(kept)
    }

    /// The body of an unhandled event, as Calendly sent it: personal data. `None` when there is none, or no more.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn unhandled_event_body(
        &self,
        connection: &ConnectionName,
        id: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError> {
        let key = row::key(key::unhandled_event_partition(connection, id), key::UNKNOWN);
        self.get(key).await?.as_ref().map(row::payload).transpose()
    }

    async fn ids_by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<BookingId>, PortError> {
        let request = self
            .client
            .query()
            .index_name(key::BY_CONVERSATION)
            .key_condition_expression("gsi2pk = :conversation")
            .expression_attribute_values(":conversation", string(key::conversation_index(connection, conversation)));
        self.listed(connection, request).await
    }

    /// The bookings that an index lists.
    async fn listed(
        &self,
        connection: &ConnectionName,
        request: QueryFluentBuilder,
    ) -> Result<Vec<BookingId>, PortError> {
        let limit = i32::try_from(MOST_READS).unwrap_or(i32::MAX);
        let page = request.table_name(&self.name).limit(limit).send().await.map_err(unavailable)?;
        let partitions: Vec<_> = page.items().iter().map(|row| row::text(row, "pk")).collect::<Result<_, _>>()?;
        Ok(partitions.into_iter().filter_map(|partition| key::parse_booking_partition(connection, partition)).collect())
    }

    /// Bookings by their ids, in the order of the ids.
    async fn bookings(&self, connection: &ConnectionName, ids: &[BookingId]) -> Result<Vec<Booking>, PortError> {
        let keys = ids.iter().map(|id| row::key(key::booking_partition(connection, id), key::BOOKING)).collect();
        let rows = self.batch(keys).await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let booking: Booking = row::read(row)?;
            found.insert(booking.id.clone(), booking);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// What a decision writes: each row with the condition under which it may. Of a very long chain of moves, only the
    /// newest legs' aliases are written again, so that there are no more than `most`; the older ones stand from earlier
    /// commits.
    pub(crate) fn writes(
        &self,
        decision: &Decision,
        stored_facts: &[StoredFact],
        most: usize,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let Decision { booking, revision, .. } = decision;
        let (connection, id) = (&booking.connection, &booking.id);
        let expires = row::expiry(decision, stored_facts);
        // By their keys: a transaction must not name a row twice.
        let mut writes = BTreeMap::new();
        for changed in &decision.commands {
            let guard = changed.expected.map_or(Guard::Absent, Guard::Revision);
            let row = row::command(connection, id, &changed.command, expires);
            writes.insert(key::command_sort_key(&changed.command.id), self.put(row, guard)?);
        }
        for fact in stored_facts {
            writes.insert(
                key::fact_sort_key(&fact.id),
                self.put(row::fact(connection, id, fact, expires), Guard::Nothing)?,
            );
        }
        let mut writes: Vec<_> = writes.into_values().collect();
        if decision.booking_changed {
            writes.push(self.put(row::booking(booking, revision + 1, expires), Guard::seen(*revision))?);
            let room = most.saturating_sub(writes.len());
            for (row, guard) in aliases(booking, stored_facts, expires).into_iter().take(room) {
                writes.push(self.put(row, guard)?);
            }
        } else if !decision.commands.is_empty() {
            writes.push(
                self.check(row::key(key::booking_partition(connection, id), key::BOOKING), &Guard::seen(*revision))?,
            );
        }
        Ok(writes)
    }

    fn put(&self, row: Row, guard: Guard) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(row))
            .set_condition_expression(guard.expression())
            .set_expression_attribute_values(guard.values())
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn check(&self, key: Row, guard: &Guard) -> Result<TransactWriteItem, BuildError> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(guard.expression())
            .set_expression_attribute_values(guard.values())
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    pub(crate) async fn put_row(&self, row: Row, guard: &Guard) -> Result<(), SdkError<PutItemError>> {
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row))
            .set_condition_expression(guard.expression())
            .set_expression_attribute_values(guard.values())
            .send()
            .await
            .map(drop)
    }

    /// Puts a row that says when something last was, unless a later one is there.
    pub(crate) async fn put_latest(&self, row: Row, at: Timestamp) -> Result<(), PortError> {
        match self.put_row(row, &Guard::Before(at)).await {
            Err(error) if !is_refused(&error) => Err(unavailable(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes down that Calendly has told something new, unless that was done within the last minute. A commit does not
    /// fail by it.
    async fn beat(&self, connection: &ConnectionName, stored_facts: &[StoredFact]) {
        // What Calendly only answered is no sign that it tells.
        let told = stored_facts.iter().filter(|fact| !fact.payload.is_empty()).map(|fact| fact.received_at).max();
        let Some(at) = told.filter(|_| self.is_pulse_due(connection)) else { return };
        if let Err(error) = self.put_latest(row::pulse(connection, at), at).await {
            tracing::warn!(%connection, %error, "that Calendly told something could not be written down");
        }
    }

    /// Whether the pulse is to be written; if so, it isn't again within the next minute.
    fn is_pulse_due(&self, connection: &ConnectionName) -> bool {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = pulses.get(connection).is_none_or(|last| last.elapsed() >= PULSE_AGE);
        if is_due {
            pulses.insert(connection.clone(), Instant::now());
        }
        is_due
    }

    pub(crate) async fn get(&self, key: Row) -> Result<Option<Row>, PortError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true);
        Ok(request.send().await.map_err(unavailable)?.item)
    }

    /// All rows of a query, however many pages they fill.
    async fn query(&self, request: QueryFluentBuilder) -> Result<Vec<Row>, PortError> {
        let rows = request.table_name(&self.name).into_paginator().items().send();
        rows.collect::<Result<_, _>>().await.map_err(unavailable)
    }

    /// The rows of these keys, in no order; those that are not there are left out.
    pub(crate) async fn batch(&self, keys: Vec<Row>) -> Result<Vec<Row>, PortError> {
        let mut rows = Vec::new();
        for some in keys.chunks(MOST_READS) {
            let mut left = some.to_vec();
            for _ in 0..BATCH_TRIES {
                if left.is_empty() {
                    break;
                }
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(left))
                    .consistent_read(true)
                    .build()
                    .map_err(unavailable)?;
                let answer =
                    self.client.batch_get_item().request_items(&self.name, wanted).send().await.map_err(unavailable)?;
                rows.extend(answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows));
                left = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
            }
            if !left.is_empty() {
                return Err(PortError::unavailable("DynamoDB left a part of a batch unread"));
            }
        }
        Ok(rows)
    }

    async fn read_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        let row = self.get(row::key(key::settings_partition(connection), key::SETTINGS)).await?;
        row.as_ref().map_or_else(|| Ok(Settings::default()), row::read_settings)
    }

    fn remembered(&self, connection: &ConnectionName) -> Option<(Settings, Duration)> {
        let cache = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(connection).map(|it| (it.settings.clone(), it.read.elapsed()))
    }

    fn remember(&self, connection: &ConnectionName, settings: &Settings) {
        let cached = Cached { read: Instant::now(), settings: settings.clone() };
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), cached);
    }
}

impl Store for Table {
    async fn aliases(
        &self,
        connection: &ConnectionName,
        invitees: &[InviteeUri],
        token: Option<&Token>,
    ) -> Result<Aliases, PortError> {
        let names = invitees.iter().map(InviteeUri::as_str).chain(token.map(Token::as_str));
        // A batch must not name a key twice.
        let partitions: BTreeSet<_> = names.map(|name| key::alias_partition(connection, name)).collect();
        let rows =
            self.batch(partitions.into_iter().map(|partition| row::key(partition, key::ALIAS)).collect()).await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert(row::text(row, "pk")?, BookingId::new(row::text(row, "booking")?));
        }
        let lookup = |name: &str| known.get(key::alias_partition(connection, name).as_str()).cloned();
        Ok(Aliases {
            invitees: invitees.iter().filter_map(|uri| Some((uri.clone(), lookup(uri.as_str())?))).collect(),
            token: token.and_then(|token| lookup(token.as_str())),
        })
    }

    async fn load_booking(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError> {
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk < :facts")
            .expression_attribute_values(":pk", string(key::booking_partition(connection, booking)))
            .expression_attribute_values(":facts", string(key::FACTS));
        let mut snapshot = Snapshot::empty(booking.clone(), connection.clone());
        for row in self.query(request).await? {
            match row::text(&row, "kind")? {
                kind::BOOKING => {
                    snapshot.booking = row::read(&row)?;
                    snapshot.revision = row::revision(&row)?;
                }
                kind::METADATA => snapshot.metadata = Some(row::read(&row)?),
                kind::COMMAND => snapshot.commands.push(row::read_command(&row)?),
                _ => return Err(row::unknown_kind(&row)),
            }
        }
        Ok(snapshot)
    }

    async fn commit_decision(&self, decision: &Decision, stored_facts: &[StoredFact]) -> Result<(), CommitError> {
        let writes = self.writes(decision, stored_facts, MOST_WRITES).map_err(unavailable)?;
        if writes.is_empty() {
            return Ok(());
        }
        // The SDK gives each transaction a token, so a retry of its own can't conflict with itself.
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                self.beat(&decision.booking.connection, stored_facts).await;
                Ok(())
            }
            Err(error) if refusals(&error).iter().any(has_lost) => Err(CommitError::Conflict),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn replace_command(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        was: u64,
    ) -> Result<bool, PortError> {
        let key = row::key(key::booking_partition(connection, booking), &key::command_sort_key(&command.id));
        let doc = row::json(command);
        let guard = Guard::Revision(was);
        // An update, so that the row keeps its expiry.
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression("SET doc = :doc, rev = :rev, #state = :state")
            .condition_expression("rev = :was")
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(guard.values())
            .expression_attribute_values(":doc", string(&doc))
            .expression_attribute_values(":rev", number(command.revision))
            .expression_attribute_values(":state", string(command.state.name()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut tries = 1;
        loop {
            let Err(error) = update.clone().send().await else { return Ok(true) };
            match error.as_service_error() {
                // The row may be as we want it because a try whose answer was lost had worked. Its history tells our write
                // from anybody else's, to the nanosecond.
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    return Ok(refusal
                        .item()
                        .is_some_and(|row| row::text(row, "doc").is_ok_and(|stored| stored == doc)));
                }
                Some(UpdateItemError::TransactionConflictException(_)) if tries < SWAP_TRIES => tries += 1,
                _ => return Err(unavailable(error)),
            }
        }
    }

    async fn load_payload(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        fact: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError> {
        let key = row::key(key::booking_partition(connection, booking), &key::fact_sort_key(fact));
        self.get(key).await?.as_ref().map(row::payload).transpose()
    }

    async fn mark_event_types_changed(&self, connection: &ConnectionName, at: Timestamp) -> Result<(), PortError> {
        self.put_latest(row::event_types(connection, at), at).await
    }

    async fn load_contact(&self, connection: &ConnectionName, key: &ContactKey) -> Result<Contact, PortError> {
        let request = self
            .client
            .query()
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", string(key::contact_partition(connection, key)))
            .consistent_read(true);
        row::read_contact(&self.query(request).await?)
    }

    async fn write_objection(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        objection: Option<Objection>,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.put_latest(row::objection(connection, key, objection, source, at), at).await
    }

    async fn record_reached(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        booking: &BookingId,
        command: &CommandId,
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.put_latest(row::reached(connection, key, booking, command, at), at).await
    }

    async fn claim_nonce(
        &self,
        connection: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let used = row::nonce(connection, nonce, digest, now);
        match self.put_row(used, &Guard::Absent).await {
            Ok(()) => Ok(Some(now)),
            Err(error) if is_refused(&error) => {
                let there = self.get(row::key(key::nonce_partition(connection, nonce), key::NONCE)).await?;
                let Some(row) = there else { return Ok(Some(now)) };
                Ok(if row::text(&row, "digest")? == digest { Some(row::instant(&row)?) } else { None })
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn store_unhandled_event(
        &self,
        connection: &ConnectionName,
        event: &UnhandledEvent,
    ) -> Result<(), PortError> {
        match self.put_row(row::unknown(connection, event), &Guard::Absent).await {
            Err(error) if !is_refused(&error) => Err(unavailable(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        let remembered = self.remembered(connection);
        if let Some((settings, age)) = &remembered
            && *age < SETTINGS_AGE
        {
            return Ok(settings.clone());
        }
        let settings = match (self.read_settings(connection).await, remembered) {
            (Ok(settings), _) => settings,
            (Err(error), Some((stale, _))) => {
                tracing::warn!(%connection, %error, "the settings can't be read; the last ones stay in force");
                stale
            }
            (Err(error), None) => return Err(error),
        };
        // Stale ones too: a table in trouble is not asked for them more than once a minute.
        self.remember(connection, &settings);
        Ok(settings)
    }
}

/// The condition of a write.
pub(crate) enum Guard {
    /// None.
    Nothing,
    /// There is no such row.
    Absent,
    /// The row has the revision that was seen.
    Revision(u64),
    /// There is no such row, or it leads to this booking already.
    LeadsTo(BookingId),
    /// There is no such row, or it tells of an earlier instant.
    Before(Timestamp),
}

impl Guard {
    /// For rows whose revisions begin at 1, as those of bookings and settings do: 0 was seen where there was no row. (A
    /// command's begin at 0.)
    fn seen(revision: u64) -> Self {
        if revision == 0 { Self::Absent } else { Self::Revision(revision) }
    }

    fn expression(&self) -> Option<String> {
        let expression = match self {
            Self::Nothing => return None,
            Self::Absent => "attribute_not_exists(pk)",
            Self::Revision(_) => "rev = :was",
            Self::LeadsTo(_) => "attribute_not_exists(pk) OR booking = :booking",
            Self::Before(_) => "attribute_not_exists(pk) OR instant < :instant",
        };
        Some(expression.to_owned())
    }

    fn values(&self) -> Option<Row> {
        let (name, value) = match self {
            Self::Nothing | Self::Absent => return None,
            Self::Revision(was) => (":was", number(*was)),
            Self::LeadsTo(booking) => (":booking", string(booking.as_str())),
            Self::Before(at) => (":instant", string(key::moment_text(*at))),
        };
        Some(HashMap::from([(name.to_owned(), value)]))
    }
}

/// The alias rows of a booking, each once, those that matter most first: of the tokens by which a leg is still awaited, of
/// the legs that the evidence is about, of the newest legs, of other tokens, of events.
fn aliases(booking: &Booking, stored_facts: &[StoredFact], expires: Option<Timestamp>) -> Vec<(Row, Guard)> {
    let mut legs = booking.legs();
    legs.reverse();
    legs.sort_by_key(|leg| !stored_facts.iter().any(|fact| fact.invitee == leg.invitee));
    let open: BTreeSet<_> = booking.open_requests().map(|(token, _)| token).collect();
    let (awaited, other): (Vec<_>, Vec<_>) = booking.move_tokens().partition(|token| open.contains(token));
    let of_tokens = |tokens: Vec<_>| tokens.into_iter().map(|token| row::token_alias(booking, token, expires));
    let invitees = legs.iter().flat_map(|leg| [Some(&leg.invitee), leg.next.as_ref(), leg.previous.as_ref()]).flatten();
    let of_invitees = invitees.map(|uri| row::invitee_alias(booking, uri, expires));
    let of_one = of_tokens(awaited).chain(of_invitees).chain(of_tokens(other));
    let of_one = of_one.map(|row| (row, Guard::LeadsTo(booking.id.clone())));
    let of_events = legs.iter().map(|leg| (row::event_alias(booking, leg, expires), Guard::Nothing));
    let mut seen = BTreeSet::new();
    let key_of = |row: &Row| ["pk", "sk"].map(|name| row.get(name).and_then(|value| value.as_s().ok()).cloned());
    of_one.chain(of_events).filter(|(row, _)| seen.insert(key_of(row))).collect()
}

/// Whether a write was refused because its condition did not hold.
fn is_refused(error: &SdkError<PutItemError>) -> bool {
    error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception)
}

/// Why a transaction was refused, item by item, as they were given; empty when that was not what happened.
pub(crate) fn refusals(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(refusal)) => refusal.cancellation_reasons(),
        _ => &[],
    }
}

/// Whether an item was refused because somebody else wrote, or is writing, its row.
pub(crate) fn has_lost(refusal: &CancellationReason) -> bool {
    is_unlike(refusal) || is_busy(refusal)
}

/// Whether an item was refused because its row is not as it must be.
pub(crate) fn is_unlike(refusal: &CancellationReason) -> bool {
    refusal.code() == Some("ConditionalCheckFailed")
}

/// Whether an item was refused because its row is in somebody's transaction.
pub(crate) fn is_busy(refusal: &CancellationReason) -> bool {
    refusal.code() == Some("TransactionConflict")
}

/// The service's errors name tables, keys and conditions: nothing personal stands in any of them.
pub(crate) fn unavailable(error: impl Error + Send + Sync + 'static) -> PortError {
    PortError::unavailable_because("DynamoDB gave no result", error)
}
