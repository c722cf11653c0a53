//! Lists of bookings by the start of their meetings.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Booking, BookingId, ConnectionName};
use engine::{BookingList, BookingLists, BookingPage, ListedBookings, PortError};
use jiff::Timestamp;

use crate::attributes::{self, string};
use crate::key;
use crate::row::kind;
use crate::table::{Table, unavailable};

/// The order of the states in a list.
const STATES: [&str; 3] = [key::ACTIVE, key::CANCELED, key::MOVING];

impl BookingLists for Table {
    async fn list_bookings(
        &self,
        connection: &ConnectionName,
        list: &BookingList,
    ) -> Result<Option<ListedBookings>, PortError> {
        let (state, after) = match &list.after {
            None => (STATES[0], None),
            Some(cursor) => match parse_cursor(cursor) {
                Some((state, after)) => (state, Some(after).filter(|it| !it.is_empty())),
                None => return Ok(None),
            },
        };
        let span = StartSpan { state, from: list.from, until: Some(list.until) };
        let page = self.list_by_start(connection, span, after, list.limit).await?;
        let bookings = self.load_bookings(connection, &page.bookings).await?;
        let next_state = STATES.iter().skip_while(|it| **it != state).nth(1);
        let next = match page.next {
            Some(after) => Some(format!("{state}|{after}")),
            None => next_state.map(|state| format!("{state}|")),
        };
        Ok(Some(ListedBookings { bookings, next }))
    }
}

/// Parses a cursor: the state, and the end of the page before.
fn parse_cursor(cursor: &str) -> Option<(&'static str, &str)> {
    let (state, after) = cursor.split_once('|')?;
    let state = STATES.into_iter().find(|it| *it == state)?;
    let is_position =
        |(start, booking): (&str, &str)| start.parse::<Timestamp>().is_ok() && key::is_key_length(booking);
    (after.is_empty() || after.split_once('|').is_some_and(is_position)).then_some((state, after))
}

/// The bookings in a state whose meetings begin in a span.
#[derive(Clone, Copy)]
pub(crate) struct StartSpan {
    pub(crate) state: &'static str,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl Table {
    /// Lists one page of bookings by the start of their meetings. `after` is the end of the page before.
    pub(crate) async fn list_by_start(
        &self,
        connection: &ConnectionName,
        span: StartSpan,
        after: Option<&str>,
        limit: usize,
    ) -> Result<BookingPage, PortError> {
        let StartSpan { state, from, until } = span;
        let index = key::state_index(connection, state);
        let start = after.and_then(|cursor| cursor.split_once('|')).map(|(start, booking)| {
            let mut key = attributes::key(key::booking_partition(connection, &BookingId::new(booking)), key::BOOKING);
            key.insert("gsi3pk".to_owned(), string(index.as_str()));
            key.insert("gsi3sk".to_owned(), string(start));
            key
        });
        let mut values: HashMap<String, AttributeValue> = HashMap::from([
            (":state".to_owned(), string(index.as_str())),
            (":from".to_owned(), string(key::instant_sort_key(from))),
        ]);
        let mut condition = "gsi3pk = :state AND gsi3sk >= :from";
        if let Some(until) = until {
            // BETWEEN has both ends. What begins at the end itself is left out below.
            condition = "gsi3pk = :state AND gsi3sk BETWEEN :from AND :until";
            values.insert(":until".to_owned(), string(key::instant_sort_key(until)));
        }
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_START)
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        let answer = request.send().await.map_err(unavailable)?;
        let end = until.map(key::instant_sort_key);
        let mut page = BookingPage::default();
        for row in answer.items.unwrap_or_default() {
            let (partition, start) = (attributes::text(&row, "pk")?, attributes::text(&row, "gsi3sk")?);
            let Some(booking) = key::parse_booking_partition(connection, partition) else { continue };
            if answer.last_evaluated_key.is_some() {
                page.next = Some(format!("{start}|{booking}"));
            }
            if end.as_deref() != Some(start) {
                page.bookings.push(booking);
            }
        }
        Ok(page)
    }

    /// Reads bookings, in this order. Those that have expired meanwhile are left out.
    async fn load_bookings(&self, connection: &ConnectionName, ids: &[BookingId]) -> Result<Vec<Booking>, PortError> {
        let keys = ids.iter().map(|id| attributes::key(key::booking_partition(connection, id), key::BOOKING));
        let mut found = HashMap::new();
        for row in self.batch(keys.collect()).await? {
            attributes::check_kind(&row, kind::BOOKING)?;
            let booking: Booking = attributes::read(&row)?;
            found.insert(booking.id.clone(), booking);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }
}
