//! The budgets of SMS: segments in buckets of a day, for each number and for the connection.
//!
//! The buckets of a number are attributes of the row that says which command last reached it, so they are read and
//! written with that row. Those of the connection are rows, since many functions count in them at the same time.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::ConnectionName;
use domain::scheduling::budget::{Bucket, Span, buckets_of, cap, spent_in};
use engine::{Contact, PortError, SmsReservation, SmsReserved};
use jiff::Timestamp;

use crate::attributes::{self, number, seconds, string};
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

impl Table {
    /// Reserves the segments of an SMS: see [`engine::Store::reserve_sms`].
    pub(crate) async fn reserve_segments(
        &self,
        connection: &ConnectionName,
        sms: &SmsReservation,
        contact: &Contact,
    ) -> Result<SmsReserved, PortError> {
        let (bucket, cap_of_number) = cap(&contact.spent, Span::Day, sms.per_number, sms.at);
        let Some(room_of_number) = room(&contact.spent, bucket, cap_of_number, sms.segments) else {
            return Ok(SmsReserved::NumberSpent);
        };
        let spent = self.segments_of_connection(connection, sms.at).await?;
        let (_, cap_of_connection) = cap(&spent, Span::Day, sms.per_connection, sms.at);
        let Some(room_of_connection) = room(&spent, bucket, cap_of_connection, sms.segments) else {
            return Ok(SmsReserved::ConnectionSpent);
        };
        let Some(used) = self.take_of_connection(connection, bucket, sms.segments, room_of_connection).await? else {
            return Ok(SmsReserved::ConnectionSpent);
        };
        if !self.take_of_number(connection, sms, contact, bucket, room_of_number).await? {
            self.add_to_connection(connection, bucket, -i64::from(sms.segments)).await?;
            return Ok(SmsReserved::NumberSpent);
        }
        let before = spent_in(&spent, Span::Day, sms.at).saturating_sub(spent.get(&bucket).copied().unwrap_or(0));
        Ok(SmsReserved::Reserved(before.saturating_add(used)))
    }

    /// Counts other segments than an SMS has reserved: see [`engine::Store::correct_sms`].
    pub(crate) async fn correct_segments(
        &self,
        connection: &ConnectionName,
        sms: &SmsReservation,
        sent: u32,
    ) -> Result<(), PortError> {
        let bucket = Bucket::containing(Span::Day, sms.at);
        let more = i64::from(sent) - i64::from(sms.segments);
        self.add_to_connection(connection, bucket, more).await?;
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(attributes::key(key::contact_partition(connection, &sms.to), key::REACHED)))
            .update_expression("ADD #bucket :more")
            .condition_expression("attribute_exists(#bucket)")
            .expression_attribute_names("#bucket", bucket.name())
            .expression_attribute_values(":more", signed(more));
        match update.send().await {
            Err(error) if !is_refused(&error) => Err(unavailable(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Reads the connection's buckets that count at an instant.
    async fn segments_of_connection(
        &self,
        connection: &ConnectionName,
        at: Timestamp,
    ) -> Result<BTreeMap<Bucket, u32>, PortError> {
        let names: Vec<_> = buckets_of(Span::Day, at).map(|it| it.name()).collect();
        let (first, last) = (names.iter().min().cloned(), names.iter().max().cloned());
        let request = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", string(key::sms_budget_partition(connection)))
            .expression_attribute_values(":first", string(first.unwrap_or_default()))
            .expression_attribute_values(":last", string(last.unwrap_or_default()));
        let mut spent = BTreeMap::new();
        for row in self.query(request).await? {
            attributes::check_kind(&row, kind::BUDGET)?;
            let bucket = Bucket::parse(attributes::text(&row, "sk")?);
            let bucket = bucket.ok_or_else(|| PortError::unreadable("a bucket's row has no instant"))?;
            spent.insert(bucket, attributes::used(&row)?);
        }
        Ok(spent)
    }

    /// Takes segments out of the connection's present bucket, if it has used no more than `room`. Returns what it has
    /// used with them.
    async fn take_of_connection(
        &self,
        connection: &ConnectionName,
        bucket: Bucket,
        segments: u32,
        room: u32,
    ) -> Result<Option<u32>, PortError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(attributes::key(key::sms_budget_partition(connection), &key::bucket_sort_key(&bucket))))
            .update_expression("ADD used :segments SET expires_at = :expires, kind = :kind")
            .condition_expression("attribute_not_exists(used) OR used <= :room")
            .expression_attribute_values(":segments", number(segments.into()))
            .expression_attribute_values(":room", number(room.into()))
            .expression_attribute_values(":expires", seconds(bucket.expires()))
            .expression_attribute_values(":kind", string(kind::BUDGET))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(updated) => updated.attributes().map(attributes::used).transpose(),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Adds to what is counted in a bucket of the connection, or takes away from it.
    async fn add_to_connection(&self, connection: &ConnectionName, bucket: Bucket, more: i64) -> Result<(), PortError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(attributes::key(key::sms_budget_partition(connection), &key::bucket_sort_key(&bucket))))
            .update_expression("ADD used :more")
            .condition_expression("attribute_exists(used)")
            .expression_attribute_values(":more", signed(more));
        match update.send().await {
            Err(error) if !is_refused(&error) => Err(unavailable(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Takes segments out of the number's present bucket, if it has used no more than `room`, and writes which command
    /// sends them. Buckets that no longer count are removed. Returns whether there was room.
    async fn take_of_number(
        &self,
        connection: &ConnectionName,
        sms: &SmsReservation,
        contact: &Contact,
        bucket: Bucket,
        room: u32,
    ) -> Result<bool, PortError> {
        let reached = row::reached(connection, &sms.to, &sms.booking, &sms.command, sms.at);
        let (key, written): (Vec<_>, Vec<_>) =
            reached.into_iter().partition(|(name, _)| ["pk", "sk"].contains(&name.as_str()));
        let sets: Vec<_> = written.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
        let mut expression = format!("SET {} ADD #bucket :segments", sets.join(", "));
        let is_old = |it: &&Bucket| buckets_of(Span::Day, sms.at).all(|other| other != **it);
        let old: Vec<_> =
            contact.spent.keys().filter(is_old).enumerate().map(|(at, it)| (format!("#old{at}"), it.name())).collect();
        if !old.is_empty() {
            let names: Vec<_> = old.iter().map(|(alias, _)| alias.as_str()).collect();
            expression = format!("{expression} REMOVE {}", names.join(", "));
        }
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.into_iter().collect()))
            .update_expression(expression)
            .condition_expression("attribute_not_exists(#bucket) OR #bucket <= :room")
            .expression_attribute_names("#bucket", bucket.name())
            .expression_attribute_values(":segments", number(sms.segments.into()))
            .expression_attribute_values(":room", number(room.into()));
        for (name, value) in written {
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        for (alias, name) in old {
            update = update.expression_attribute_names(alias, name);
        }
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// Returns how much a bucket may have used before segments are taken out of it; `None` if they do not fit.
fn room(spent: &BTreeMap<Bucket, u32>, bucket: Bucket, cap: u32, segments: u32) -> Option<u32> {
    let used = spent.get(&bucket).copied().unwrap_or(0);
    cap.checked_sub(segments).filter(|room| used <= *room)
}

/// Returns a number to be added, or to be taken away if it is negative.
fn signed(more: i64) -> AttributeValue {
    AttributeValue::N(more.to_string())
}

/// Whether an update was refused because its condition did not hold.
fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_fit_up_to_the_cap() {
        let bucket = Bucket::containing(Span::Day, "2026-11-20T10:00:00Z".parse().expect("an instant"));
        let spent = BTreeMap::from([(bucket, 7)]);
        assert_eq!(room(&spent, bucket, 10, 3), Some(7));
        assert_eq!(room(&spent, bucket, 10, 4), None);
        assert_eq!(room(&spent, bucket, 2, 3), None);
        assert_eq!(room(&BTreeMap::new(), bucket, 3, 3), Some(0));
    }
}
