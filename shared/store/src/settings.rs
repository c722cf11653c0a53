//! The versions of settings in the table, the re-planning after a change, and the import of meetings.

use domain::{ConnectionName, Settings};
use engine::{BookingPage, CommitError, Import, ImportStore, PortError, Replan, SettingsStore, SettingsVersion};
use jiff::Timestamp;

use crate::attributes::{self, string};
use crate::booking_lists::StartSpan;
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
        let span = StartSpan { state: key::ACTIVE, from, until: None };
        self.list_by_start(connection, span, after, limit).await
    }
}

impl ImportStore for Table {
    async fn load_import(&self, connection: &ConnectionName) -> Result<Option<Import>, PortError> {
        let key = attributes::key(key::settings_partition(connection), key::IMPORT);
        self.get(key, kind::IMPORT).await?.as_ref().map(attributes::read).transpose()
    }

    async fn write_import(&self, connection: &ConnectionName, import: &Import) -> Result<(), PortError> {
        self.put_if(row::import(connection, import), &Condition::NotAfter(row::import_revision(import))).await
    }
}
