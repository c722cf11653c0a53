//! What support reads of the table, and the operator writes to it.

use std::collections::BTreeSet;

use domain::{BookingId, ConnectionName, FactId};
use engine::{BookingRecord, PortError};
use jiff::Timestamp;

use crate::attributes::{self, string};
use crate::key;
use crate::row::{self, UnhandledEventEntry, kind};
use crate::table::{Table, unavailable};

/// One page of a conversation's bookings. A conversation has a few.
const MAX_LISTED: i32 = 100;

impl Table {
    /// Finds the bookings that an id leads to: one of our booking ids, the UUID or URI of an invitee or an event, or
    /// the id of a conversation. A group event and a conversation may have several bookings. Up to three calls.
    ///
    /// # Errors
    /// See [`PortError`].
    pub async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError> {
        let id = id.trim();
        if !key::is_key_length(id) {
            return self.find_by_conversation(connection, id).await;
        }
        let booking = BookingId::new(id);
        let key = attributes::key(key::booking_partition(connection, &booking), key::BOOKING);
        if self.get(key, kind::BOOKING).await?.is_some() {
            return Ok(vec![booking]);
        }
        let aliases = self
            .client
            .query()
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", string(key::alias_partition(connection, id)));
        let rows = self.query(aliases).await?;
        let bookings: BTreeSet<_> = rows.iter().map(row::read_alias).collect::<Result<_, _>>()?;
        if bookings.is_empty() {
            self.find_by_conversation(connection, id).await
        } else {
            Ok(bookings.into_iter().collect())
        }
    }

    /// Reads everything that is stored of a booking; `None` when there is no such booking.
    ///
    /// # Errors
    /// See [`PortError`].
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
        let mut openings = Vec::new();
        for row in self.query(partition).await? {
            match attributes::text(&row, "kind")? {
                kind::BOOKING => found = Some(attributes::read(&row)?),
                kind::COMMAND => commands.push(row::read_command(&row)?),
                kind::FACT => facts.push(row::read_fact(&row)?),
                kind::OPENING => openings.push(attributes::read(&row)?),
                kind::METADATA => {}
                _ => return Err(attributes::unknown_kind(&row)),
            }
        }
        facts.sort_by_key(|fact| fact.received_at);
        Ok(found.map(|booking| BookingRecord { booking, facts, commands, openings }))
    }

    /// Lists at most `limit` unhandled events that arrived at or after `since`, the newest first. The index is
    /// eventually consistent: an event that has just arrived may be missing.
    ///
    /// # Errors
    /// See [`PortError`].
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
        let mut events = Vec::new();
        while events.len() < limit
            && let Some(row) = rows.next().await
        {
            events.push(row::read_unhandled_event(connection, &row.map_err(unavailable)?)?);
        }
        Ok(events)
    }

    /// Reads the body of an unhandled event, as Calendly sent it; `None` when it does not exist or has expired. It is
    /// personal data.
    ///
    /// # Errors
    /// See [`PortError`].
    pub async fn unhandled_event_body(
        &self,
        connection: &ConnectionName,
        id: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError> {
        let key = attributes::key(key::unhandled_event_partition(connection, id), key::UNHANDLED_EVENT);
        self.get(key, kind::UNHANDLED_EVENT).await?.as_ref().map(attributes::payload).transpose()
    }

    pub(crate) async fn find_by_conversation(
        &self,
        connection: &ConnectionName,
        conversation: &str,
    ) -> Result<Vec<BookingId>, PortError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_CONVERSATION)
            .key_condition_expression("gsi2pk = :conversation")
            .expression_attribute_values(":conversation", string(key::conversation_index(connection, conversation)))
            .limit(MAX_LISTED);
        let page = request.send().await.map_err(unavailable)?;
        page.items().iter().map(|row| row::read_indexed_booking(connection, row)).collect()
    }
}
