//! The table as functions with an API use it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::scheduling::budget::Bucket;
use domain::{Booking, BookingId, ConnectionName, Decision, DeliveryRecord, Metadata, Private, Token};
use engine::{
    ApiStore, BookingCounts, BookingRecord, CommitError, KnownInvitee, MOST_UPCOMING, PortError, RequestSnapshot,
    ReserveError,
};
use jiff::{SignedDuration, Timestamp};

use crate::attributes::{self, Row, number, seconds, string};
use crate::condition::{Condition, cancellation_reasons, is_condition_failed, is_conflict, is_in_transaction};
use crate::decision::MAX_WRITES;
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

/// A bucket's row may be in another transaction for some milliseconds. Of concurrent transactions, one succeeds.
const RESERVE_TRIES: u32 = 5;

/// The pause before a further try: this, times the number of tries so far.
const RESERVE_PAUSE: Duration = Duration::from_millis(10);

/// A minute's permits are stored for longer than clocks may differ.
const PERMITS_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Why a reservation was refused.
#[derive(PartialEq, Eq, Debug)]
enum Refusal {
    /// The booking was written concurrently.
    Conflict,
    /// A bucket is full.
    Spent(Bucket),
    /// A bucket's row was in another transaction.
    Busy,
}

impl Refusal {
    /// Reads the reasons of a canceled transaction. The first `decision_items` are those of the decision, then there is
    /// one for each bucket.
    ///
    /// A conflict on the booking comes before a full bucket: the budget may have been spent on this very booking. Of
    /// several full buckets, the one of the longest span is returned.
    fn read(reasons: &[CancellationReason], decision_items: usize, caps: &[(Bucket, u32)]) -> Option<Self> {
        let (decision, buckets) = reasons.split_at_checked(decision_items)?;
        if decision.iter().any(is_conflict) {
            return Some(Self::Conflict);
        }
        let full = buckets.iter().zip(caps).filter(|(reason, _)| is_condition_failed(reason));
        let longest = full.map(|(_, (bucket, _))| *bucket).max();
        longest.map(Self::Spent).or_else(|| buckets.iter().any(is_in_transaction).then_some(Self::Busy))
    }
}

impl Table {
    /// Reads a hold's document and its expiry, and deletes it. Of two calls at the same time, one gets it.
    ///
    /// # Errors
    /// The table gave no result.
    pub async fn take_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError> {
        if !key::is_key_length(id) {
            return Ok(None);
        }
        let key = attributes::key(key::hold_partition(connection, id), key::HOLD);
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let deleted = delete.return_values(ReturnValue::AllOld).send().await.map_err(unavailable)?;
        let Some(row) = deleted.attributes() else { return Ok(None) };
        Ok(Some((attributes::text(row, "doc")?.to_owned(), attributes::instant(row)?)))
    }

    /// Returns the item of a transaction that takes one booking out of a bucket.
    fn take_item(&self, connection: &ConnectionName, owner: &str, bucket: &Bucket, cap: u32) -> TransactWriteItem {
        let key = attributes::key(key::budget_partition(connection, owner), &key::bucket_sort_key(bucket));
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression("ADD used :one SET expires_at = :expires, kind = :kind")
            .condition_expression("attribute_not_exists(used) OR used < :cap")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cap", number(cap.into()))
            .expression_attribute_values(":expires", seconds(bucket.expires()))
            .expression_attribute_values(":kind", string(kind::BUDGET))
            .build();
        let update = update.unwrap_or_else(|never| unreachable!("table, key and expression are set: {never}"));
        TransactWriteItem::builder().update(update).build()
    }
}

impl ApiStore for Table {
    async fn load_request(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
        owner: &str,
        buckets: &[Bucket],
    ) -> Result<RequestSnapshot, PortError> {
        let budget = key::budget_partition(connection, owner);
        // By their sort keys: a batch must not name a key twice.
        let buckets: BTreeMap<_, _> = buckets.iter().map(|bucket| (key::bucket_sort_key(bucket), *bucket)).collect();
        let mut keys = vec![
            attributes::key(key::booking_partition(connection, booking), key::BOOKING),
            attributes::key(budget.clone(), key::CLOSED),
            attributes::key(key::event_types_partition(connection), key::EVENT_TYPES),
        ];
        keys.extend(buckets.keys().map(|name| attributes::key(budget.clone(), name)));
        let mut request_snapshot = RequestSnapshot {
            booking: Booking::new(booking.clone(), connection.clone()),
            revision: 0,
            events: None,
            kept_until: None,
            spent: BTreeMap::new(),
            closed_until: None,
            event_types_changed_at: None,
        };
        for row in self.batch(keys).await? {
            match attributes::text(&row, "kind")? {
                kind::BOOKING => {
                    request_snapshot.booking = attributes::read(&row)?;
                    request_snapshot.revision = attributes::revision(&row)?;
                    request_snapshot.events = row::read_log(&row)?;
                    request_snapshot.kept_until = row::read_kept_until(&row);
                }
                kind::BUDGET => {
                    let bucket =
                        buckets.get(attributes::text(&row, "sk")?).ok_or_else(|| attributes::unknown_kind(&row))?;
                    request_snapshot.spent.insert(*bucket, attributes::used(&row)?);
                }
                kind::CLOSED => request_snapshot.closed_until = Some(attributes::instant(&row)?),
                kind::EVENT_TYPES => request_snapshot.event_types_changed_at = Some(attributes::instant(&row)?),
                _ => return Err(attributes::unknown_kind(&row)),
            }
        }
        Ok(request_snapshot)
    }

    async fn reserve_budget(
        &self,
        decision: &Decision,
        owner: &str,
        caps: &[(Bucket, u32)],
    ) -> Result<(), ReserveError> {
        // An unused bucket has no row, so the condition on `used` would let a cap of 0 pass.
        if let Some(bucket) = caps.iter().filter(|(_, cap)| *cap == 0).map(|(bucket, _)| *bucket).max() {
            return Err(ReserveError::Spent(bucket));
        }
        let mut writes = self.decision_writes(decision, &[], MAX_WRITES.saturating_sub(caps.len()));
        let decision_items = writes.len();
        let connection = &decision.booking.connection;
        writes.extend(caps.iter().map(|(bucket, cap)| self.take_item(connection, owner, bucket, *cap)));
        if writes.is_empty() {
            return Ok(());
        }
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        let mut tries = 1;
        loop {
            let Err(error) = transaction.clone().send().await else { return Ok(()) };
            match Refusal::read(cancellation_reasons(&error), decision_items, caps) {
                Some(Refusal::Spent(bucket)) => return Err(ReserveError::Spent(bucket)),
                // Nothing was written. The SDK gives each try its own token.
                Some(Refusal::Busy) if tries < RESERVE_TRIES => {
                    tokio::time::sleep(RESERVE_PAUSE * tries).await;
                    tries += 1;
                }
                Some(Refusal::Conflict | Refusal::Busy) => return Err(CommitError::Conflict.into()),
                None => return Err(CommitError::from(unavailable(error)).into()),
            }
        }
    }

    async fn close_budget(&self, connection: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError> {
        self.put_latest(row::closed(connection, owner, until), until).await
    }

    async fn find_invitee(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        now: Timestamp,
    ) -> Result<KnownInvitee, PortError> {
        let latest = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_INVITEE)
            .key_condition_expression("gsi1pk = :who")
            .expression_attribute_values(":who", string(key::invitee_index(connection, email.expose())))
            .scan_index_forward(false)
            .limit(i32::try_from(MOST_UPCOMING).unwrap_or(i32::MAX));
        let page = latest.send().await.map_err(unavailable)?;
        let zone = page.items().first().and_then(|row| attributes::text(row, "zone").ok()).map(str::to_owned);
        let now = key::instant_sort_key(now);
        let has_begun = |row: &&Row| attributes::text(row, "gsi1sk").is_ok_and(|start| start <= now.as_str());
        let upcoming = page.items().iter().filter(|row| !has_begun(row));
        let upcoming = upcoming.map(|row| row::read_indexed_booking(connection, row)).collect::<Result<_, _>>()?;
        Ok(KnownInvitee { zone, upcoming })
    }

    async fn event_types_changed_at(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        let key = attributes::key(key::event_types_partition(connection), key::EVENT_TYPES);
        self.get(key, kind::EVENT_TYPES).await?.as_ref().map(attributes::instant).transpose()
    }

    /// The row expires 180 days after `created_at`. A booking that is made has a copy.
    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PortError> {
        let row = row::metadata(connection, &BookingId::from_token(connection, token), metadata);
        self.put(row, &Condition::Always).await.map_err(unavailable)
    }

    async fn put_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        self.put(row::hold(connection, id, document, expires), &Condition::Always).await.map_err(unavailable)
    }

    async fn load_hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError> {
        if !key::is_key_length(id) {
            return Ok(None);
        }
        let key = attributes::key(key::hold_partition(connection, id), key::HOLD);
        let Some(row) = self.get(key, kind::HOLD).await? else { return Ok(None) };
        Ok(Some((attributes::text(&row, "doc")?.to_owned(), attributes::instant(&row)?)))
    }

    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        let take = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(attributes::key(key::permits_partition(key), &key::minute_sort_key(now))))
            .update_expression("ADD used :wanted SET expires_at = :expires, kind = :kind")
            .condition_expression("attribute_not_exists(used) OR used <= :room")
            .expression_attribute_values(":expires", seconds(domain::time::add(now, PERMITS_AGE)))
            .expression_attribute_values(":kind", string(kind::PERMITS))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut wanted = wanted.min(limit);
        for _ in 0..2 {
            if wanted == 0 {
                break;
            }
            let request = take
                .clone()
                .expression_attribute_values(":wanted", number(wanted.into()))
                .expression_attribute_values(":room", number((limit - wanted).into()));
            let Err(error) = request.send().await else { return Ok(wanted) };
            match error.as_service_error() {
                // Fewer may be left than are wanted. The second try takes them.
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let used = refusal.item().map_or(Ok(limit), attributes::used)?;
                    wanted = wanted.min(limit.saturating_sub(used));
                }
                _ => return Err(unavailable(error)),
            }
        }
        Ok(0)
    }

    async fn find_bookings(&self, connection: &ConnectionName, id: &str) -> Result<Vec<BookingId>, PortError> {
        Self::find_bookings(self, connection, id).await
    }

    async fn booking_record(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Option<BookingRecord>, PortError> {
        Self::booking_record(self, connection, booking).await
    }

    async fn delivery_records(
        &self,
        connection: &ConnectionName,
        booking: &BookingId,
    ) -> Result<Vec<DeliveryRecord>, PortError> {
        Self::delivery_records(self, connection, booking).await
    }

    async fn count_bookings(&self, connection: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError> {
        let query = |state, condition| {
            self.client
                .query()
                .index_name(key::BY_START)
                .key_condition_expression(condition)
                .expression_attribute_values(":state", string(key::state_index(connection, state)))
        };
        let with_now = |request: QueryFluentBuilder| {
            request.expression_attribute_values(":now", string(key::instant_sort_key(now)))
        };
        let (upcoming, past, canceled, moving) = tokio::try_join!(
            self.count(with_now(query(key::ACTIVE, "gsi3pk = :state AND gsi3sk >= :now"))),
            self.count(with_now(query(key::ACTIVE, "gsi3pk = :state AND gsi3sk < :now"))),
            self.count(query(key::CANCELED, "gsi3pk = :state")),
            self.count(query(key::MOVING, "gsi3pk = :state")),
        )?;
        Ok(BookingCounts { upcoming, past, canceled, moving })
    }

    async fn set_publishing(&self, connection: &ConnectionName, publishes: bool) -> Result<(), PortError> {
        self.put(row::publishing(connection, publishes), &Condition::Always).await.map_err(unavailable)?;
        self.settings.forget(connection);
        Ok(())
    }

    async fn last_webhook(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        let key = attributes::key(key::pulse_partition(connection), key::PULSE);
        self.get(key, kind::PULSE).await?.as_ref().map(attributes::instant).transpose()
    }
}

#[cfg(test)]
mod tests {
    use domain::scheduling::budget::Span;

    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn the_position_of_a_reason_says_what_refused_a_reservation() {
        let now = "2026-11-21T11:17:29Z".parse().expect("an instant");
        let caps = Span::ALL.map(|span| (Bucket::containing(span, now), 10));
        let [minute, hour, day] = caps.map(|(bucket, _)| bucket);
        let read = |codes: &[&str]| Refusal::read(&reasons(codes), 2, &caps);
        let (none, failed, busy) = ("None", "ConditionalCheckFailed", "TransactionConflict");
        assert_eq!(read(&[none, none, failed, none, none]), Some(Refusal::Spent(minute)));
        assert_eq!(read(&[none, none, failed, failed, none]), Some(Refusal::Spent(hour)));
        assert_eq!(read(&[none, none, busy, none, failed]), Some(Refusal::Spent(day)));
        assert_eq!(read(&[none, none, busy, none, none]), Some(Refusal::Busy));
        assert_eq!(read(&[none, busy, busy, none, none]), Some(Refusal::Conflict));
        assert_eq!(read(&[failed, none, failed, none, none]), Some(Refusal::Conflict));
        assert_eq!(read(&[none, none, "ValidationError", none, none]), None);
        assert_eq!(read(&[]), None, "another error than a refusal");
    }
}
