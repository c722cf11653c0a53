//! What the schedule function reads and writes beyond a [`Store`](engine::Store).

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem, Update,
};
use domain::scheduling::budget::Bucket;
use domain::{Booking, BookingId, ConnectionName, Decision, Metadata, Private, Token};
use engine::{ApiStore, BookingCounts, BookingRecord, CommitError, PortError, RequestSnapshot, ReserveError};
use jiff::{SignedDuration, Timestamp};

use crate::key;
use crate::row::{self, kind, number, seconds, string};
use crate::table::{Guard, MOST_WRITES, Table, has_lost, is_busy, is_unlike, refusals, unavailable};

/// A bucket may be in somebody's transaction for some milliseconds. Of those who want it at once, one goes through.
const RESERVE_TRIES: u32 = 5;

/// How much longer each of these tries waits.
const RESERVE_PAUSE: Duration = Duration::from_millis(10);

/// How long a minute's permits are kept: longer than any clock is wrong.
const PERMITS_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Why a reservation was refused.
#[derive(PartialEq, Eq, Debug)]
enum Refusal {
    /// Somebody else wrote the booking.
    Lost,
    /// A bucket is full.
    Spent(Bucket),
    /// A bucket is being drawn on by somebody else.
    Busy,
}

impl Refusal {
    /// Reads the reasons, the first `own` of which are those of the decision. Whose booking is not as it was seen has to
    /// begin anew, whatever the budget says: it may have been spent on this very booking. Of full buckets, that of the
    /// longest span counts.
    fn read(reasons: &[CancellationReason], own: usize, caps: &[(Bucket, u32)]) -> Option<Self> {
        let (of_decision, budget_partition) = reasons.split_at_checked(own)?;
        if of_decision.iter().any(has_lost) {
            return Some(Self::Lost);
        }
        let full =
            budget_partition.iter().zip(caps).filter(|(reason, _)| is_unlike(reason)).map(|(_, (bucket, _))| *bucket);
        full.max().map(Self::Spent).or_else(|| budget_partition.iter().any(is_busy).then_some(Self::Busy))
    }
}

impl Table {
    /// Takes one booking out of a bucket.
    fn draw(
        &self,
        connection: &ConnectionName,
        owner: &str,
        bucket: &Bucket,
        cap: u32,
    ) -> Result<TransactWriteItem, BuildError> {
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(row::key(key::budget_partition(connection, owner), &key::bucket_sort_key(bucket))))
            .update_expression("ADD used :one SET expires_at = :expires, kind = :kind")
            .condition_expression("attribute_not_exists(used) OR used < :cap")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cap", number(cap.into()))
            .expression_attribute_values(":expires", seconds(bucket.expires()))
            .expression_attribute_values(":kind", string(kind::BUDGET))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// How many rows a query finds, however many pages they fill.
    async fn count(&self, request: QueryFluentBuilder) -> Result<u64, PortError> {
        let mut pages = request.table_name(&self.name).select(Select::Count).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::from(page.map_err(unavailable)?.count().unsigned_abs());
        }
        Ok(count)
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
        // By their names: a batch must not name a key twice.
        let buckets: BTreeMap<_, _> = buckets.iter().map(|bucket| (key::bucket_sort_key(bucket), *bucket)).collect();
        let mut keys = vec![
            row::key(key::booking_partition(connection, booking), key::BOOKING),
            row::key(budget.clone(), key::CLOSED),
            row::key(key::event_types_partition(connection), key::EVENT_TYPES),
        ];
        keys.extend(buckets.keys().map(|name| row::key(budget.clone(), name)));
        let mut request_snapshot = RequestSnapshot {
            booking: Booking::new(booking.clone(), connection.clone()),
            revision: 0,
            spent: BTreeMap::new(),
            closed_until: None,
            event_types_changed_at: None,
        };
        for row in self.batch(keys).await? {
            match row::text(&row, "kind")? {
                kind::BOOKING => {
                    request_snapshot.booking = row::read(&row)?;
                    request_snapshot.revision = row::revision(&row)?;
                }
                kind::BUDGET => {
                    let bucket = buckets.get(row::text(&row, "sk")?).ok_or_else(|| row::unknown_kind(&row))?;
                    request_snapshot.spent.insert(*bucket, row::used(&row)?);
                }
                kind::CLOSED => request_snapshot.closed_until = Some(row::instant(&row)?),
                kind::EVENT_TYPES => request_snapshot.event_types_changed_at = Some(row::instant(&row)?),
                _ => return Err(row::unknown_kind(&row)),
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
        // A bucket that nobody has drawn on has no row to compare.
        if let Some(bucket) = caps.iter().filter(|(_, cap)| *cap == 0).map(|(bucket, _)| *bucket).max() {
            return Err(ReserveError::Spent(bucket));
        }
        let unbuilt = |error| CommitError::from(unavailable(error));
        let mut writes = self.writes(decision, &[], MOST_WRITES.saturating_sub(caps.len())).map_err(unbuilt)?;
        let own = writes.len();
        for (bucket, cap) in caps {
            writes.push(self.draw(&decision.booking.connection, owner, bucket, *cap).map_err(unbuilt)?);
        }
        if writes.is_empty() {
            return Ok(());
        }
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        let mut tries = 1;
        loop {
            let Err(error) = transaction.clone().send().await else { return Ok(()) };
            match Refusal::read(refusals(&error), own, caps) {
                Some(Refusal::Spent(bucket)) => return Err(ReserveError::Spent(bucket)),
                // Nothing was written, and the SDK gives each try a token of its own.
                Some(Refusal::Busy) if tries < RESERVE_TRIES => {
                    tokio::time::sleep(RESERVE_PAUSE * tries).await;
                    tries += 1;
                }
                Some(Refusal::Lost | Refusal::Busy) => return Err(CommitError::Conflict.into()),
                None => return Err(CommitError::from(unavailable(error)).into()),
            }
        }
    }

    async fn close_budget(&self, connection: &ConnectionName, owner: &str, until: Timestamp) -> Result<(), PortError> {
        self.put_latest(row::closed(connection, owner, until), until).await
    }

    async fn find_zone(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
    ) -> Result<Option<String>, PortError> {
        let newest = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_INVITEE)
            .key_condition_expression("gsi1pk = :who")
            .expression_attribute_values(":who", string(key::invitee_index(connection, email.expose())))
            .scan_index_forward(false)
            .limit(1);
        let found = newest.send().await.map_err(unavailable)?;
        Ok(found.items().first().and_then(|row| row::text(row, "zone").ok()).map(str::to_owned))
    }

    async fn event_types_changed_at(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        let key = row::key(key::event_types_partition(connection), key::EVENT_TYPES);
        self.get(key).await?.as_ref().map(row::instant).transpose()
    }

    /// The row goes 180 days after `created_at`; a booking that comes keeps a copy.
    async fn put_metadata(
        &self,
        connection: &ConnectionName,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PortError> {
        let row = row::metadata(connection, &BookingId::from_token(connection, token), metadata);
        self.put_row(row, &Guard::Nothing).await.map_err(unavailable)
    }

    async fn put_hold(
        &self,
        connection: &ConnectionName,
        id: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        self.put_row(row::hold(connection, id, document, expires), &Guard::Nothing).await.map_err(unavailable)
    }

    async fn load_hold(&self, connection: &ConnectionName, id: &str) -> Result<Option<(String, Timestamp)>, PortError> {
        if !key::is_key_length(id) {
            return Ok(None);
        }
        let Some(row) = self.get(row::key(key::hold_partition(connection, id), key::HOLD)).await? else {
            return Ok(None);
        };
        Ok(Some((row::text(&row, "doc")?.to_owned(), row::instant(&row)?)))
    }

    async fn take_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        let take = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(row::key(key::permits_partition(key), &key::minute_sort_key(now))))
            .update_expression("ADD used :wanted SET expires_at = :expires, kind = :kind")
            .condition_expression("attribute_not_exists(used) OR used <= :room")
            .expression_attribute_values(":expires", seconds(row::after(now, PERMITS_AGE)))
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
                // Fewer may be left than are wanted.
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let used = refusal.item().map_or(Ok(limit), row::used)?;
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

    async fn count_bookings(&self, connection: &ConnectionName, now: Timestamp) -> Result<BookingCounts, PortError> {
        let of = |state, condition| {
            self.client
                .query()
                .index_name(key::BY_START)
                .key_condition_expression(condition)
                .expression_attribute_values(":standing", string(key::state_index(connection, state)))
        };
        let split = |request: QueryFluentBuilder| {
            request.expression_attribute_values(":now", string(key::instant_sort_key(now)))
        };
        let (upcoming, past, canceled, moving) = tokio::try_join!(
            self.count(split(of(key::ON, "gsi3pk = :standing AND gsi3sk >= :now"))),
            self.count(split(of(key::ON, "gsi3pk = :standing AND gsi3sk < :now"))),
            self.count(of(key::CANCELED, "gsi3pk = :standing")),
            self.count(of(key::MOVING, "gsi3pk = :standing")),
        )?;
        Ok(BookingCounts { upcoming, past, canceled, moving })
    }

    async fn last_webhook(&self, connection: &ConnectionName) -> Result<Option<Timestamp>, PortError> {
        self.get(row::key(key::pulse_partition(connection), key::PULSE)).await?.as_ref().map(row::instant).transpose()
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
    fn what_refused_a_reservation_is_told_by_its_place() {
        let now = "2026-11-21T11:17:29Z".parse().expect("an instant");
        let caps = Span::ALL.map(|span| (Bucket::of(span, now), 10));
        let [minute, hour, day] = caps.map(|(bucket, _)| bucket);
        let read = |codes: &[&str]| Refusal::read(&reasons(codes), 2, &caps);
        let (fine, unlike, busy) = ("None", "ConditionalCheckFailed", "TransactionConflict");
        assert_eq!(read(&[fine, fine, unlike, fine, fine]), Some(Refusal::Spent(minute)));
        assert_eq!(read(&[fine, fine, unlike, unlike, fine]), Some(Refusal::Spent(hour)));
        assert_eq!(read(&[fine, fine, busy, fine, unlike]), Some(Refusal::Spent(day)));
        assert_eq!(read(&[fine, fine, busy, fine, fine]), Some(Refusal::Busy));
        assert_eq!(read(&[fine, busy, busy, fine, fine]), Some(Refusal::Lost));
        assert_eq!(read(&[unlike, fine, unlike, fine, fine]), Some(Refusal::Lost));
        assert_eq!(read(&[fine, fine, "ValidationError", fine, fine]), None);
        assert_eq!(read(&[]), None, "another error than a refusal");
    }
}
