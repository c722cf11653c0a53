//! The table and its basic calls.

use std::error::Error;
use std::sync::OnceLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, KeysAndAttributes, Put, Select, TransactWriteItem};
use domain::Private;
use engine::{CommitError, PortError};
use jiff::Timestamp;

use crate::attributes::{Row, check_kind};
use crate::condition::{Condition, is_refused};
use crate::endpoint_counts::EndpointCounts;
use crate::pulse::PulseLimiter;
use crate::row::KEY_LENGTH;
use crate::settings_cache::SettingsCache;

/// `BatchGetItem` reads at most 100 rows.
const MAX_BATCH: usize = 100;

/// A busy table may leave a part of a batch unread. It is asked for once more; what is missing after that is an error.
const BATCH_TRIES: usize = 2;

/// The table: a [`Store`](engine::Store), an [`ApiStore`](engine::ApiStore), and what support needs.
#[derive(Debug)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) settings: SettingsCache,
    pub(crate) endpoint_counts: EndpointCounts,
    pub(crate) pulses: PulseLimiter,
    pub(crate) link_key: OnceLock<Private<[u8; KEY_LENGTH]>>,
}

impl Table {
    /// Returns the table of this name.
    pub fn new(client: Client, table_name: impl Into<String>) -> Self {
        Self {
            client,
            name: table_name.into(),
            settings: SettingsCache::default(),
            endpoint_counts: EndpointCounts::default(),
            pulses: PulseLimiter::default(),
            link_key: OnceLock::new(),
        }
    }

    /// Reads a row, strongly consistent, and verifies its kind.
    pub(crate) async fn get(&self, key: Row, kind: &str) -> Result<Option<Row>, PortError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true);
        let row = request.send().await.map_err(unavailable)?.item;
        if let Some(row) = &row {
            check_kind(row, kind)?;
        }
        Ok(row)
    }

    /// Reads all rows of a query, from all its pages.
    pub(crate) async fn query(&self, request: QueryFluentBuilder) -> Result<Vec<Row>, PortError> {
        let rows = request.table_name(&self.name).into_paginator().items().send();
        rows.collect::<Result<_, _>>().await.map_err(unavailable)
    }

    /// Counts the rows of a query, on all its pages.
    pub(crate) async fn count(&self, request: QueryFluentBuilder) -> Result<u64, PortError> {
        let mut pages = request.table_name(&self.name).select(Select::Count).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::from(page.map_err(unavailable)?.count().unsigned_abs());
        }
        Ok(count)
    }

    /// Reads the rows with these keys, strongly consistent and in no order. Missing rows are left out.
    pub(crate) async fn batch(&self, keys: Vec<Row>) -> Result<Vec<Row>, PortError> {
        let mut rows = Vec::new();
        for chunk in keys.chunks(MAX_BATCH) {
            let mut unread = chunk.to_vec();
            for _ in 0..BATCH_TRIES {
                if unread.is_empty() {
                    break;
                }
                let keys = KeysAndAttributes::builder().set_keys(Some(unread)).consistent_read(true).build();
                let keys = keys.unwrap_or_else(|never| unreachable!("the keys are set: {never}"));
                let answer =
                    self.client.batch_get_item().request_items(&self.name, keys).send().await.map_err(unavailable)?;
                rows.extend(answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows));
                unread = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
            }
            if !unread.is_empty() {
                return Err(PortError::unavailable("DynamoDB left a part of a batch unread"));
            }
        }
        Ok(rows)
    }

    /// Writes a row if the condition holds.
    pub(crate) async fn put(&self, row: Row, condition: &Condition) -> Result<(), SdkError<PutItemError>> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(row));
        let request = request
            .set_condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values());
        request.send().await.map(drop)
    }

    /// Writes a row if the stored one has the expected revision. Otherwise returns [`CommitError::Conflict`].
    pub(crate) async fn put_at_revision(&self, row: Row, condition: &Condition) -> Result<(), CommitError> {
        match self.put(row, condition).await {
            Ok(()) => Ok(()),
            Err(error) if is_refused(&error) => Err(CommitError::Conflict),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    /// Writes a row if the condition holds. It is no error if it does not.
    pub(crate) async fn put_if(&self, row: Row, condition: &Condition) -> Result<(), PortError> {
        match self.put(row, condition).await {
            Err(error) if !is_refused(&error) => Err(unavailable(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes a row with an instant, unless the stored row has a later one.
    pub(crate) async fn put_latest(&self, row: Row, at: Timestamp) -> Result<(), PortError> {
        self.put_if(row, &Condition::Before(at)).await
    }

    /// Returns the item of a transaction that writes a row.
    pub(crate) fn put_item(&self, row: Row, condition: &Condition) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(row))
            .set_condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values())
            .build();
        let put = put.unwrap_or_else(|never| unreachable!("table and row are set: {never}"));
        TransactWriteItem::builder().put(put).build()
    }

    /// Returns the item of a transaction that verifies a condition and writes nothing.
    pub(crate) fn check_item(&self, key: Row, condition: &Condition) -> TransactWriteItem {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(condition.expression())
            .set_expression_attribute_values(condition.values())
            .build();
        let check = check.unwrap_or_else(|never| unreachable!("table, key and condition are set: {never}"));
        TransactWriteItem::builder().condition_check(check).build()
    }
}

/// Returns the error for a call without a result. Errors of the service name tables, keys and conditions, nothing
/// personal.
pub(crate) fn unavailable(error: impl Error + Send + Sync + 'static) -> PortError {
    PortError::unavailable_because("DynamoDB gave no result", error)
}
