//! The table as every function that works on bookings uses it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::{
    BookingId, Command, ConnectionName, ConnectionStatus, ConsentSource, ContactKey, CrmContact, Decision, FactId,
    InviteeUri, Objection, Settings, ShortLink, Snapshot, Token,
};
use engine::{
    Aliases, CommitError, Contact, PortError, SmsReservation, SmsReserved, Store, StoredFact, UnhandledEvent,
};
use jiff::Timestamp;

use crate::attributes::{self, number, string};
use crate::condition::{Condition, cancellation_reasons, is_conflict, is_refused};
use crate::decision::MAX_WRITES;
use crate::key;
use crate::row::{self, kind};
use crate::settings_cache::CachedSettings;
use crate::table::{Table, unavailable};

/// A command's row may be in another transaction for some milliseconds. Its outcome must not get lost because of that.
const REPLACE_TRIES: usize = 3;

impl Table {
    /// Writes when Calendly last sent something new, at most once a minute. A failure is logged: the commit has
    /// succeeded.
    async fn record_pulse(&self, connection: &ConnectionName, facts: &[StoredFact]) {
        // A fact without payload comes from an answer to our own call, not from a webhook.
        let last = facts.iter().filter(|fact| !fact.payload.is_empty()).map(|fact| fact.received_at).max();
        let Some(at) = last.filter(|_| self.pulses.claim(connection)) else { return };
        if let Err(error) = self.put_latest(row::pulse(connection, at), at).await {
            tracing::warn!(%connection, error = domain::error_chain(&error), "pulse not written");
        }
    }

    /// Reads the settings, whether the connection publishes events, and whether it is switched off. One read.
    async fn read_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        let keys = vec![
            attributes::key(key::settings_partition(connection), key::SETTINGS),
            attributes::key(key::endpoints_partition(connection), key::PUBLISHING),
            attributes::key(key::CONNECTIONS.to_owned(), connection.as_str()),
        ];
        let (mut settings, mut publishes, mut connection) = (Settings::default(), false, None);
        for row in self.batch(keys).await? {
            match attributes::text(&row, "kind")? {
                kind::SETTINGS => {
                    settings = Settings { version: attributes::revision(&row)?, ..row::read_settings(&row)? };
                }
                kind::PUBLISHING => publishes = row::read_publishing(&row)?,
                kind::CONNECTION => connection = Some(row::read_connection(&row)?),
                _ => return Err(attributes::unknown_kind(&row)),
            }
        }
        let is_disabled = connection.as_ref().is_some_and(|it| it.status == ConnectionStatus::Disabled);
        let webhook_creators = connection.as_ref().and_then(|it| it.webhook_creators()).map(<[String]>::to_vec);
        Ok(Settings { publishes: publishes && !is_disabled, is_disabled, webhook_creators, ..settings })
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
        let keys = partitions.into_iter().map(|partition| attributes::key(partition, key::ALIAS)).collect();
        let rows = self.batch(keys).await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert(attributes::text(row, "pk")?, row::read_alias(row)?);
        }
        let find = |name: &str| known.get(key::alias_partition(connection, name).as_str()).cloned();
        Ok(Aliases {
            invitees: invitees.iter().filter_map(|uri| Some((uri.clone(), find(uri.as_str())?))).collect(),
            token: token.and_then(|token| find(token.as_str())),
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
            match attributes::text(&row, "kind")? {
                kind::BOOKING => {
                    snapshot.booking = attributes::read(&row)?;
                    snapshot.revision = attributes::revision(&row)?;
                    snapshot.events = row::read_log(&row)?;
                    snapshot.kept_until = row::read_kept_until(&row);
                }
                kind::METADATA => snapshot.metadata = Some(attributes::read(&row)?),
                kind::COMMAND => snapshot.commands.push(row::read_command(&row)?),
                _ => return Err(attributes::unknown_kind(&row)),
            }
        }
        Ok(snapshot)
    }

    async fn commit_decision(&self, decision: &Decision, facts: &[StoredFact]) -> Result<(), CommitError> {
        let writes = self.decision_writes(decision, facts, MAX_WRITES);
        if writes.is_empty() {
            return Ok(());
        }
        // The SDK gives each transaction a token, so its own retry can't conflict with itself.
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                self.record_pulse(&decision.booking.connection, facts).await;
                Ok(())
            }
            Err(error) if cancellation_reasons(&error).iter().any(is_conflict) => Err(CommitError::Conflict),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn replace_command(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        expected: u64,
    ) -> Result<bool, PortError> {
        let key = attributes::key(key::booking_partition(connection, booking), &key::command_sort_key(&command.id));
        let doc = attributes::json(command);
        let condition = Condition::Revision(expected);
        // An update and not a put: the row keeps its expiry.
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression("SET doc = :doc, rev = :rev, #state = :state")
            .set_condition_expression(condition.expression())
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(condition.values())
            .expression_attribute_values(":doc", string(&doc))
            .expression_attribute_values(":rev", number(command.revision))
            .expression_attribute_values(":state", string(command.state.name()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut tries = 1;
        loop {
            let Err(error) = update.clone().send().await else { return Ok(true) };
            match error.as_service_error() {
                // The SDK repeats a call whose answer was lost. If the row equals ours, that call had worked: the
                // history in it has instants to the nanosecond, so no other writer wrote the same.
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let stored = refusal.item().and_then(|row| attributes::text(row, "doc").ok());
                    return Ok(stored.is_some_and(|stored| stored == doc));
                }
                Some(UpdateItemError::TransactionConflictException(_)) if tries < REPLACE_TRIES => tries += 1,
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
        let key = attributes::key(key::booking_partition(connection, booking), &key::fact_sort_key(fact));
        self.get(key, kind::FACT).await?.as_ref().map(attributes::payload).transpose()
    }

    async fn mark_event_types_changed(&self, connection: &ConnectionName, at: Timestamp) -> Result<(), PortError> {
        self.put_latest(row::event_types(connection, at), at).await
    }

    async fn find_by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<BookingId>, PortError> {
        Self::find_by_conversation(self, connection, conversation).await
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

    async fn reserve_sms(
        &self,
        connection: &ConnectionName,
        sms: &SmsReservation,
        contact: &Contact,
    ) -> Result<SmsReserved, PortError> {
        self.reserve_segments(connection, sms, contact).await
    }

    async fn correct_sms(&self, connection: &ConnectionName, sms: &SmsReservation, sent: u32) -> Result<(), PortError> {
        self.correct_segments(connection, sms, sent).await
    }

    async fn write_short_links(&self, links: &[ShortLink]) -> Result<Vec<Option<String>>, PortError> {
        let mut codes = Vec::with_capacity(links.len());
        for link in links {
            codes.push(self.write_short_link(link).await?);
        }
        Ok(codes)
    }

    async fn load_crm_contact(&self, connection: &ConnectionName, key: &ContactKey) -> Result<CrmContact, PortError> {
        let key = attributes::key(key::crm_partition(connection, key), key::CRM);
        match self.get(key, kind::CRM).await? {
            Some(row) => Ok(attributes::read::<CrmContact>(&row)?.at_revision(attributes::revision(&row)?)),
            None => Ok(CrmContact::default()),
        }
    }

    async fn write_crm_contact(
        &self,
        connection: &ConnectionName,
        key: &ContactKey,
        contact: &CrmContact,
    ) -> Result<bool, PortError> {
        let row = row::crm_contact(connection, key, contact);
        match self.put_at_revision(row, &Condition::unchanged_since(contact.revision)).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    async fn claim_nonce(
        &self,
        connection: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        match self.put(row::nonce(connection, nonce, digest, now), &Condition::Absent).await {
            Ok(()) => Ok(Some(now)),
            Err(error) if is_refused(&error) => {
                let key = attributes::key(key::nonce_partition(connection, nonce), key::NONCE);
                let Some(row) = self.get(key, kind::NONCE).await? else { return Ok(Some(now)) };
                let is_same_body = attributes::text(&row, "digest")? == digest;
                is_same_body.then(|| attributes::instant(&row)).transpose()
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn store_unhandled_event(
        &self,
        connection: &ConnectionName,
        event: &UnhandledEvent,
    ) -> Result<(), PortError> {
        self.put_if(row::unhandled_event(connection, event), &Condition::Absent).await
    }

    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        let cached = self.settings.get(connection);
        if let Some(CachedSettings { settings, is_fresh: true }) = cached {
            return Ok(settings);
        }
        let settings = match (self.read_settings(connection).await, cached) {
            (Ok(settings), _) => settings,
            (Err(error), Some(CachedSettings { settings, .. })) => {
                tracing::warn!(%connection, error = domain::error_chain(&error), "settings not read, cached ones used");
                settings
            }
            (Err(error), None) => return Err(error),
        };
        // Stale ones too: a failing table is asked at most once a minute.
        self.settings.insert(connection, &settings);
        Ok(settings)
    }
}
