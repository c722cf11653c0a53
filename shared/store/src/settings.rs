//! The versions of settings in the table, and the re-planning after a change.

use domain::{BookingId, ConnectionName, Settings};
use engine::{BookingPage, CommitError, PortError, Replan, SettingsStore, SettingsVersion};
use jiff::Timestamp;

use crate::attributes::{self, string};
use crate::condition::{Condition, cancellation_reasons, is_conflict};
use crate::key;
use crate::row::{self, kind};
use crate::table::{Table, unavailable};

/// The most versions that are listed.
const MOST_VERSIONS: i32 = 50;

impl SettingsStore for Table {
    async fn load_settings_version(&self, connection: &ConnectionName) -> Result<(Settings, u64), PortError> {
        let key = attributes::key(key::settings_partition(connection), key::SETTINGS);
        match self.get(key, kind::SETTINGS).await? {
            Some(row) => Ok((row::read_settings(&row)?, attributes::revision(&row)?)),
            None => Ok((Settings::default(), 0)),
        }
    }

    async fn write_settings(
        &self,
        connection: &ConnectionName,
        settings: &Settings,
        last: u64,
        at: Timestamp,
    ) -> Result<u64, CommitError> {
        let version = last + 1;
        let writes = vec![
            self.put_item(row::settings(connection, settings, version), &Condition::unchanged_since(last)),
            self.put_item(row::settings_version(connection, settings, version, at), &Condition::Always),
        ];
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                self.settings.forget(connection);
                Ok(version)
            }
            Err(error) if cancellation_reasons(&error).iter().any(is_conflict) => Err(CommitError::Conflict),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn list_settings_versions(&self, connection: &ConnectionName) -> Result<Vec<SettingsVersion>, PortError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(MOST_VERSIONS)
            .key_condition_expression("pk = :pk AND begins_with(sk, :versions)")
            .expression_attribute_values(":pk", string(key::settings_partition(connection)))
            .expression_attribute_values(":versions", string(key::SETTINGS_VERSIONS));
        let answer = request.send().await.map_err(unavailable)?;
        answer.items.unwrap_or_default().iter().map(row::read_settings_version).collect()
    }

    async fn load_settings_of(&self, connection: &ConnectionName, version: u64) -> Result<Option<Settings>, PortError> {
        let key = attributes::key(key::settings_partition(connection), &key::settings_version_sort_key(version));
        let row = self.get(key, kind::SETTINGS_VERSION).await?;
        Ok(row.as_ref().map(row::read_settings_version).transpose()?.map(|it| it.settings))
    }

    async fn require_settings(&self, connection: &ConnectionName, version: u64) -> Result<(), PortError> {
        if self.settings.get(connection).is_some_and(|cached| cached.settings.version < version) {
            self.settings.forget(connection);
        }
        Ok(())
    }

    async fn load_replan(&self, connection: &ConnectionName) -> Result<Option<Replan>, PortError> {
        let key = attributes::key(key::settings_partition(connection), key::REPLAN);
        self.get(key, kind::REPLAN).await?.as_ref().map(attributes::read).transpose()
    }

    async fn write_replan(&self, connection: &ConnectionName, replan: &Replan) -> Result<(), PortError> {
        self.put_if(row::replan(connection, replan), &Condition::NotAfter(replan.version)).await
    }

    async fn list_upcoming(
        &self,
        connection: &ConnectionName,
        from: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<BookingPage, PortError> {
        let start = after.map(|cursor| {
            let (start, booking) = cursor.split_once('|').unwrap_or((cursor, ""));
            let mut key = attributes::key(key::booking_partition(connection, &BookingId::new(booking)), key::BOOKING);
            key.insert("gsi3pk".to_owned(), string(key::state_index(connection, key::ACTIVE)));
            key.insert("gsi3sk".to_owned(), string(start));
            key
        });
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(key::BY_START)
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("gsi3pk = :state AND gsi3sk >= :from")
            .expression_attribute_values(":state", string(key::state_index(connection, key::ACTIVE)))
            .expression_attribute_values(":from", string(key::instant_sort_key(from)));
        let answer = request.send().await.map_err(unavailable)?;
        let mut page = BookingPage::default();
        for row in answer.items.unwrap_or_default() {
            let partition = attributes::text(&row, "pk")?;
            page.bookings.extend(key::parse_booking_partition(connection, partition));
            if answer.last_evaluated_key.is_some() {
                let booking = partition.rsplit('#').next().unwrap_or_default();
                page.next = Some(format!("{}|{booking}", attributes::text(&row, "gsi3sk")?));
            }
        }
        Ok(page)
    }
}
