//! The table as the deliveries and their API use it: the logs of events, endpoints, lanes, deliveries, statistics.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use deliveries::{DeliveryStore, EndpointStore, EventLog, Page, Settlement, Slot};
use domain::{BookingId, ConnectionName, DeliveryRecord};
use endpoints::{Delivery, Endpoint, EndpointId, Health, HourStatistics, Lane, Statistics};
use engine::{CommitError, PortError};
use events::{Event, Stream};
use jiff::Timestamp;

use crate::attributes::{self, Row, number, seconds, string};
use crate::condition::{Condition, cancellation_reasons, is_condition_failed, is_conflict};
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

/// Rows of a transaction may be in another one for some milliseconds.
const TRIES: u32 = 8;

/// All lanes of an endpoint that asks for its events take numbers of one feed.
const FEED_TRIES: u32 = 30;

/// The pause before a further try: this, times the number of tries so far.
const PAUSE: Duration = Duration::from_millis(10);

/// So many deliveries to an endpoint are in a booking's timeline.
const MOST_RECORDS: u32 = 100;

/// The counters of an hour are spread over so many rows, because concurrent transactions must not meet in one.
const SHARDS: u32 = 8;

impl Table {
    /// Makes a transaction, again when one of its rows is in another one. Returns the first item whose condition did
    /// not hold.
    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Option<usize>, PortError> {
        let mut tries = 1;
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else { return Ok(None) };
            let reasons = cancellation_reasons(&error);
            if let Some(index) = reasons.iter().position(is_condition_failed) {
                return Ok(Some(index));
            }
            if !reasons.iter().any(is_conflict) || tries == TRIES {
                return Err(unavailable(error));
            }
            tokio::time::sleep(PAUSE * tries).await;
            tries += 1;
        }
    }

    /// Returns the item of a transaction that counts an attempt.
    fn count_item(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        settlement: &Settlement,
    ) -> TransactWriteItem {
        let Settlement { delivery, before, attempt, .. } = settlement;
        let added = HourStatistics::of_attempt(attempt, *before, delivery.state);
        let shard =
            delivery.stream.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHARDS;
        let sort = format!("{}#{shard}", HourStatistics::hour_of(attempt.at));
        let counters = [
            ("sent", added.sent),
            ("failed", added.failed),
            ("attempts", added.attempts),
            ("failed_attempts", added.failed_attempts),
        ];
        let counters = counters.into_iter().map(|(name, count)| (name.to_owned(), count));
        let classes = added.latencies.iter().enumerate().map(|(class, count)| (latency_name(class), *count));
        let counters: Vec<_> = counters.chain(classes).filter(|(_, count)| *count > 0).collect();
        let adds: Vec<_> = counters.iter().map(|(name, count)| format!("{name} :{count}")).collect();
        let last = if added.last_sent.is_some() { ", last_sent = :last" } else { "" };
        let mut update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(attributes::key(key::statistics_partition(connection, endpoint), &sort)))
            .update_expression(format!("SET kind = :kind, expires_at = :expires{last} ADD {}", adds.join(", ")))
            .expression_attribute_values(":kind", string(kind::STATISTICS))
            .expression_attribute_values(":expires", seconds(row::delivery_expiry(attempt.at)));
        for count in counters.iter().map(|(_, count)| *count).collect::<std::collections::BTreeSet<_>>() {
            update = update.expression_attribute_values(format!(":{count}"), number(count));
        }
        if let Some(at) = added.last_sent {
            update = update.expression_attribute_values(":last", string(attributes::instant_text(at)));
        }
        let update = update.build().unwrap_or_else(|never| unreachable!("table, key and expression are set: {never}"));
        TransactWriteItem::builder().update(update).build()
    }

    fn update_slots(&self, connection: &ConnectionName, endpoint: &EndpointId, slot: &Slot) -> UpdateItemFluentBuilder {
        let key = attributes::key(key::health_partition(connection, endpoint), key::SLOTS);
        let update = self.client.update_item().table_name(&self.name).set_key(Some(key));
        update.expression_attribute_names("#slot", slot_name(slot.index))
    }

    /// Reads the deliveries of an index query, in its order.
    async fn indexed_deliveries(&self, keys: Vec<Row>) -> Result<Vec<Delivery>, PortError> {
        let sort_key = |row: &Row| attributes::text(row, "sk").map(str::to_owned);
        let order: Vec<_> = keys.iter().map(sort_key).collect::<Result<_, _>>()?;
        let keys =
            keys.into_iter().map(|row| row.into_iter().filter(|(name, _)| name == "pk" || name == "sk").collect());
        let mut found = BTreeMap::new();
        for row in self.batch(keys.collect()).await? {
            found.insert(sort_key(&row)?, read_delivery(&row)?);
        }
        Ok(order.iter().filter_map(|sort| found.remove(sort)).collect())
    }

    async fn deliveries_by_time(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        condition: &str,
        bound: Option<String>,
        is_forward: bool,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError> {
        let mut values = Row::from([(":pk".to_owned(), string(key::deliveries_partition(connection, endpoint)))]);
        let mut expression = "gsi1pk = :pk".to_owned();
        if let Some(bound) = bound {
            expression = format!("{expression} AND gsi1sk {condition} :bound");
            values.insert(":bound".to_owned(), string(bound));
        }
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_INVITEE)
            .key_condition_expression(expression)
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(is_forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        let has_more = answer.last_evaluated_key.is_some();
        let rows = answer.items.unwrap_or_default();
        let next = match rows.last().filter(|_| has_more) {
            Some(row) => Some(attributes::text(row, "gsi1sk")?.to_owned()),
            None => None,
        };
        Ok(Page { items: self.indexed_deliveries(rows).await?, next })
    }
}

impl Table {
    /// Reads what each endpoint of the connection got of a booking, at most 100 events for each.
    ///
    /// # Errors
    /// The table gave no result.
    pub async fn delivery_records(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Vec<DeliveryRecord>, PortError> {
        let stream = Stream::Booking(booking.as_str().to_owned());
        let mut records = Vec::new();
        for endpoint in self.list_endpoints(connection).await? {
            for delivery in self.stream_deliveries(connection, &endpoint.id, &stream, 0, MOST_RECORDS).await? {
                let attempts = delivery.attempts.iter().map(|attempt| (attempt.at, attempt.result.name()));
                records.push(DeliveryRecord {
                    endpoint: endpoint.id.to_string(),
                    event: delivery.event_type.clone(),
                    number: delivery.number,
                    attempts: attempts.collect(),
                });
            }
        }
        Ok(records)
    }
}

/// Reads the number of a row in a log or a feed.
fn read_place(row: &Row) -> Result<u64, PortError> {
    let place = attributes::text(row, "sk")?.strip_prefix("e#").and_then(|digits| digits.parse().ok());
    place.ok_or_else(|| PortError::unreadable("an event's row has no number"))
}

fn slot_name(index: u32) -> String {
    format!("s{index}")
}

/// Reads until when the places of an endpoint are taken.
fn read_slots(row: &Row) -> BTreeMap<u32, Timestamp> {
    let read = |(name, value): (&String, &AttributeValue)| {
        let index = name.strip_prefix('s')?.parse().ok()?;
        Some((index, value.as_s().ok()?.parse().ok()?))
    };
    row.iter().filter_map(read).collect()
}

fn is_update_refused(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

fn latency_name(class: usize) -> String {
    format!("l{class}")
}

fn read_delivery(row: &Row) -> Result<Delivery, PortError> {
    attributes::check_kind(row, kind::DELIVERY)?;
    Ok(Delivery { revision: attributes::revision(row)?, ..attributes::read(row)? })
}

fn read_endpoint(row: &Row) -> Result<Endpoint, PortError> {
    attributes::check_kind(row, kind::ENDPOINT)?;
    Ok(Endpoint { revision: attributes::revision(row)?, ..attributes::read(row)? })
}

fn read_hour(row: &Row) -> Result<HourStatistics, PortError> {
    attributes::check_kind(row, kind::STATISTICS)?;
    let mut latencies = [0; HourStatistics::CLASSES];
    for (class, count) in latencies.iter_mut().enumerate() {
        *count = attributes::counter(row, &latency_name(class))?;
    }
    let last_sent = attributes::text(row, "last_sent").ok().and_then(|text| text.parse().ok());
    Ok(HourStatistics {
        sent: attributes::counter(row, "sent")?,
        failed: attributes::counter(row, "failed")?,
        attempts: attributes::counter(row, "attempts")?,
        failed_attempts: attributes::counter(row, "failed_attempts")?,
        last_sent,
        latencies,
    })
}

impl EventLog for Table {
    async fn read_events(
        &self,
        connection: &ConnectionName,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Event)>, PortError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", string(key::log_partition(connection, stream)))
            .expression_attribute_values(":first", string(key::logged_event_sort_key(after + 1)))
            .expression_attribute_values(":last", string(key::logged_event_sort_key(99_999_999)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        let read = |row: &Row| {
            attributes::check_kind(row, kind::EVENT)?;
            Ok((read_place(row)?, attributes::read(row)?))
        };
        answer.items().iter().map(read).collect()
    }

    async fn append_event(
        &self,
        connection: &ConnectionName,
        stream: &Stream,
        event: &Event,
        now: Timestamp,
    ) -> Result<(u64, bool), PortError> {
        let partition = key::log_partition(connection, stream);
        let id_key = key::event_id_sort_key(&event.id);
        for tries in 0..TRIES {
            let keys = [key::LOG_HEAD, &id_key].map(|sort| attributes::key(partition.clone(), sort));
            let mut count = 0;
            for row in self.batch(keys.into()).await? {
                match attributes::text(&row, "kind")? {
                    kind::LOG_HEAD => count = attributes::place(&row)?,
                    kind::EVENT_ID => return Ok((attributes::place(&row)?, false)),
                    _ => return Err(attributes::unknown_kind(&row)),
                }
            }
            let (place, expires) = (count + 1, row::delivery_expiry(now));
            let items = vec![
                self.put_item(row::logged_event(connection, stream, place, event, Some(expires)), &Condition::Absent),
                self.put_item(row::event_id(connection, stream, place, event, expires), &Condition::Absent),
                self.put_item(row::log_head(connection, stream, place, row::log_head_expiry(now)), &Condition::Always),
            ];
            if self.transact(items).await?.is_none() {
                return Ok((place, true));
            }
            tokio::time::sleep(PAUSE * tries).await;
        }
        Err(PortError::unavailable("other functions repeatedly appended to the stream"))
    }
}

impl DeliveryStore for Table {
    async fn list_endpoints(&self, connection: &ConnectionName) -> Result<Vec<Endpoint>, PortError> {
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", string(key::endpoints_partition(connection)))
            .expression_attribute_values(":sk", string(key::ENDPOINTS));
        self.query(request).await?.iter().map(read_endpoint).collect()
    }

    async fn count_endpoints(&self, connection: &ConnectionName) -> Result<u32, PortError> {
        if let Some(count) = self.endpoint_counts.get(connection) {
            return Ok(count);
        }
        let request = self
            .client
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :endpoints)")
            .expression_attribute_values(":pk", string(key::endpoints_partition(connection)))
            .expression_attribute_values(":endpoints", string(key::ENDPOINTS));
        let count = u32::try_from(self.count(request).await?).unwrap_or(u32::MAX);
        self.endpoint_counts.insert(connection, count);
        Ok(count)
    }

    async fn load_endpoint(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<Option<Endpoint>, PortError> {
        let key = attributes::key(key::endpoints_partition(connection), &key::endpoint_sort_key(endpoint));
        self.get(key, kind::ENDPOINT).await?.as_ref().map(read_endpoint).transpose()
    }

    async fn write_endpoint(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError> {
        let row = row::endpoint(connection, endpoint, endpoint.revision + 1);
        self.put_at_revision(row, &Condition::unchanged_since(endpoint.revision)).await
    }

    async fn load_lane(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
    ) -> Result<Lane, PortError> {
        let key = attributes::key(key::lanes_partition(connection, endpoint), &stream.to_string());
        match self.get(key, kind::LANE).await? {
            Some(row) => Ok(Lane { revision: attributes::revision(&row)?, ..attributes::read(&row)? }),
            None => Ok(Lane::default()),
        }
    }

    async fn write_lane(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        lane: &Lane,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let row = row::lane(connection, endpoint, stream, lane, row::lane_expiry(now));
        match self.put_at_revision(row, &Condition::unchanged_since(lane.revision)).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    async fn stalled_lanes(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        after: Option<&Stream>,
        limit: u32,
    ) -> Result<Vec<Stream>, PortError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_INVITEE)
            .key_condition_expression("gsi1pk = :pk AND gsi1sk > :after")
            .expression_attribute_values(":pk", string(key::stalled_lanes_index(connection, endpoint)))
            // A key of an index cannot be empty; every stream is after a space.
            .expression_attribute_values(":after", string(after.map_or_else(|| " ".to_owned(), Stream::to_string)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        let read = |row: &Row| {
            let stream = Stream::parse(attributes::text(row, "gsi1sk")?);
            stream.ok_or_else(|| PortError::unreadable("a lane's row names no stream"))
        };
        answer.items().iter().map(read).collect()
    }

    async fn load_delivery(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<Delivery>, PortError> {
        let partition = key::deliveries_partition(connection, endpoint);
        let key = attributes::key(partition, &key::delivery_sort_key(&stream.to_string(), number));
        self.get(key, kind::DELIVERY).await?.as_ref().map(read_delivery).transpose()
    }

    async fn settle_attempt(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        settlement: &Settlement,
    ) -> Result<bool, PortError> {
        let Settlement { delivery, attempt, lane, .. } = settlement;
        let expires = row::delivery_expiry(attempt.at);
        let row = row::delivery(connection, endpoint, delivery, expires);
        let mut items = vec![self.put_item(row, &Condition::unchanged_since(delivery.revision))];
        if let Some(lane) = lane {
            let stream = Stream::parse(&delivery.stream);
            let stream = stream.ok_or_else(|| PortError::unreadable("a delivery names no stream"))?;
            let row = row::lane(connection, endpoint, &stream, lane, row::lane_expiry(attempt.at));
            items.push(self.put_item(row, &Condition::unchanged_since(lane.revision)));
        }
        items.push(self.count_item(connection, endpoint, settlement));
        if !settlement.is_polled {
            return Ok(self.transact(items).await?.is_none());
        }
        // Lanes that meet must not meet again: each pauses differently.
        let spread =
            delivery.event_id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 8;
        for tries in 0..FEED_TRIES {
            let key = attributes::key(key::feed_partition(connection, endpoint), key::LOG_HEAD);
            let head = self.get(key, kind::LOG_HEAD).await?;
            let place = head.as_ref().map_or(Ok(0), attributes::place)? + 1;
            let mut with_feed = items.clone();
            let entry = row::feed_entry(connection, endpoint, place, delivery, expires);
            with_feed.push(self.put_item(entry, &Condition::Absent));
            with_feed.push(self.put_item(row::feed_head(connection, endpoint, place), &Condition::Always));
            match self.transact(with_feed).await? {
                None => return Ok(true),
                // Another function took the number.
                Some(index) if index == items.len() => tokio::time::sleep(PAUSE * (1 + (tries + spread) % 8)).await,
                Some(_) => return Ok(false),
            }
        }
        Err(PortError::unavailable("other functions repeatedly wrote to the endpoint's feed"))
    }

    async fn deliveries_since(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        since: Timestamp,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError> {
        let bound = after.map_or_else(|| attributes::instant_text(since), str::to_owned);
        self.deliveries_by_time(connection, endpoint, ">", Some(bound), true, limit).await
    }

    async fn load_health(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
    ) -> Result<(Health, BTreeMap<u32, Timestamp>), PortError> {
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", string(key::health_partition(connection, endpoint)));
        let (mut health, mut slots) = (Health::default(), BTreeMap::new());
        for row in self.query(request).await? {
            match attributes::text(&row, "kind")? {
                kind::HEALTH => health = Health { revision: attributes::revision(&row)?, ..attributes::read(&row)? },
                kind::SLOTS => slots = read_slots(&row),
                _ => return Err(attributes::unknown_kind(&row)),
            }
        }
        Ok((health, slots))
    }

    async fn write_health(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        health: &Health,
    ) -> Result<bool, PortError> {
        let row = row::health(connection, endpoint, health);
        match self.put_at_revision(row, &Condition::unchanged_since(health.revision)).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    async fn take_slot(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        slot: &Slot,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let update = self
            .update_slots(connection, endpoint, slot)
            .update_expression("SET kind = :kind, #slot = :until")
            .condition_expression("attribute_not_exists(#slot) OR #slot <= :now")
            .expression_attribute_values(":kind", string(kind::SLOTS))
            .expression_attribute_values(":until", string(attributes::instant_text(slot.until)))
            .expression_attribute_values(":now", string(attributes::instant_text(now)));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_update_refused(&error) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn release_slot(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        slot: &Slot,
    ) -> Result<(), PortError> {
        let update = self
            .update_slots(connection, endpoint, slot)
            .update_expression("REMOVE #slot")
            .condition_expression("#slot = :until")
            .expression_attribute_values(":until", string(attributes::instant_text(slot.until)));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_update_refused(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl EndpointStore for Table {
    async fn delete_endpoint(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<(), CommitError> {
        let key = attributes::key(key::endpoints_partition(connection), &key::endpoint_sort_key(&endpoint.id));
        let condition = Condition::Revision(endpoint.revision);
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values())
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn load_statistics(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        since: Timestamp,
    ) -> Result<Statistics, PortError> {
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", string(key::statistics_partition(connection, endpoint)))
            .expression_attribute_values(":since", string(HourStatistics::hour_of(since)));
        let mut hours = BTreeMap::<String, HourStatistics>::new();
        for row in self.query(request).await? {
            let (hour, _) = attributes::text(&row, "sk")?
                .split_once('#')
                .ok_or_else(|| PortError::unreadable("a row of statistics has no hour"))?;
            hours.entry(hour.to_owned()).or_default().add(&read_hour(&row)?);
        }
        Ok(Statistics { hours: hours.into_iter().collect() })
    }

    async fn recent_deliveries(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Delivery>, PortError> {
        let bound = before.map(str::to_owned);
        self.deliveries_by_time(connection, endpoint, "<", bound, false, limit).await
    }

    async fn feed_after(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Delivery)>, PortError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", string(key::feed_partition(connection, endpoint)))
            .expression_attribute_values(":first", string(key::logged_event_sort_key(after + 1)))
            .expression_attribute_values(":last", string(key::logged_event_sort_key(99_999_999)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        let mut places = Vec::new();
        let mut keys = Vec::new();
        for row in answer.items() {
            places.push((read_place(row)?, attributes::text(row, "doc")?.to_owned()));
            keys.push(attributes::key(key::deliveries_partition(connection, endpoint), attributes::text(row, "doc")?));
        }
        let deliveries = self.indexed_deliveries(keys).await?;
        let mut by_sort_key: BTreeMap<_, _> =
            deliveries.into_iter().map(|it| (key::delivery_sort_key(&it.stream, it.number), it)).collect();
        // A delivery may have expired.
        Ok(places.into_iter().filter_map(|(place, sort)| Some((place, by_sort_key.remove(&sort)?))).collect())
    }

    async fn stream_deliveries(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        stream: &Stream,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Delivery>, PortError> {
        let name = stream.to_string();
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", string(key::deliveries_partition(connection, endpoint)))
            .expression_attribute_values(":first", string(key::delivery_sort_key(&name, after + 1)))
            .expression_attribute_values(":last", string(key::delivery_sort_key(&name, 99_999_999)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(unavailable)?;
        answer.items().iter().map(read_delivery).collect()
    }
}
