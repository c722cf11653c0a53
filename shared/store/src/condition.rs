//! The conditions of writes, and how `DynamoDB` refuses a write whose condition does not hold.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use domain::BookingId;
use jiff::Timestamp;

use crate::attributes::{Row, instant_text, number, string};

/// The condition of a write.
pub(crate) enum Condition {
    /// The row is written in any case.
    Always,
    /// There is no such row.
    Absent,
    /// The row has this revision.
    Revision(u64),
    /// There is no such row, or it leads to this booking already.
    LeadsTo(BookingId),
    /// There is no such row, or it has an earlier instant.
    Before(Timestamp),
    /// There is no such row, or its revision is not later than this.
    NotAfter(u64),
}

impl Condition {
    /// Returns the condition for a row whose revisions begin at 1: revision 0 means that no row was there. Commands
    /// differ: their revisions begin at 0.
    pub(crate) fn unchanged_since(revision: u64) -> Self {
        if revision == 0 { Self::Absent } else { Self::Revision(revision) }
    }

    pub(crate) fn expression(&self) -> Option<String> {
        let expression = match self {
            Self::Always => return None,
            Self::Absent => "attribute_not_exists(pk)",
            Self::Revision(_) => "rev = :was",
            Self::LeadsTo(_) => "attribute_not_exists(pk) OR booking = :booking",
            Self::NotAfter(_) => "attribute_not_exists(pk) OR rev <= :was",
            Self::Before(_) => "attribute_not_exists(pk) OR instant < :instant",
        };
        Some(expression.to_owned())
    }

    pub(crate) fn values(&self) -> Option<Row> {
        let (name, value) = match self {
            Self::Always | Self::Absent => return None,
            Self::Revision(was) | Self::NotAfter(was) => (":was", number(*was)),
            Self::LeadsTo(booking) => (":booking", string(booking.as_str())),
            Self::Before(at) => (":instant", string(instant_text(*at))),
        };
        Some(HashMap::from([(name.to_owned(), value)]))
    }
}

/// Whether a write was refused because its condition did not hold.
pub(crate) fn is_refused(error: &SdkError<PutItemError>) -> bool {
    error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception)
}

/// Returns why a transaction was canceled: one reason for each item, in their order. Empty for any other error.
pub(crate) fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled.cancellation_reasons(),
        _ => &[],
    }
}

/// Whether an item was refused because of a concurrent write to its row.
pub(crate) fn is_conflict(reason: &CancellationReason) -> bool {
    is_condition_failed(reason) || is_in_transaction(reason)
}

/// Whether an item was refused because its condition did not hold.
pub(crate) fn is_condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Whether an item was refused because its row was in another transaction at that moment.
pub(crate) fn is_in_transaction(reason: &CancellationReason) -> bool {
    reason.code() == Some("TransactionConflict")
}
