//! The versions of settings. The world has one connection, and its settings are never out of date.

use domain::{BookingState, ConnectionName, Settings};
use engine::{BookingPage, CommitError, Import, ImportStore, PortError, Replan, SettingsStore, SettingsVersion};
use jiff::Timestamp;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::FaultPolicy;

impl<P: FaultPolicy> SettingsStore for Fake<P> {
    async fn load_settings_version(&self, _: &ConnectionName) -> Result<(Settings, u64), PortError> {
        let version = |state: &mut crate::State| (state.settings.clone(), state.settings.version);
        Ok(self.call(Call::LoadSettingsVersion, version).await?)
    }

    async fn write_settings(
        &self,
        _: &ConnectionName,
        settings: &Settings,
        last: u64,
        at: Timestamp,
    ) -> Result<u64, CommitError> {
        self.call(Call::WriteSettings, |state| {
            if state.settings.version != last {
                return Err(CommitError::Conflict);
            }
            let version = last + 1;
            state.settings = Settings { version, ..settings.clone() };
            state.settings_versions.push(SettingsVersion { version, at, settings: settings.clone() });
            Ok(version)
        })
        .await?
    }

    async fn list_settings_versions(&self, _: &ConnectionName) -> Result<Vec<SettingsVersion>, PortError> {
        let newest_first = |state: &mut crate::State| state.settings_versions.iter().rev().cloned().collect();
        Ok(self.call(Call::ListSettingsVersions, newest_first).await?)
    }

    async fn load_settings_of(&self, _: &ConnectionName, version: u64) -> Result<Option<Settings>, PortError> {
        let found = self.call(Call::LoadSettingsVersion, |state| {
            state.settings_versions.iter().find(|it| it.version == version).map(|it| it.settings.clone())
        });
        Ok(found.await?)
    }

    async fn require_settings(&self, _: &ConnectionName, _: u64) -> Result<(), PortError> {
        Ok(())
    }

    async fn load_replan(&self, _: &ConnectionName) -> Result<Option<Replan>, PortError> {
        Ok(self.call(Call::LoadReplan, |state| state.replan.clone()).await?)
    }

    async fn write_replan(&self, _: &ConnectionName, replan: &Replan) -> Result<(), PortError> {
        let written = self.call(Call::WriteReplan, |state| {
            if state.replan.as_ref().is_none_or(|it| it.version <= replan.version) {
                state.replan = Some(replan.clone());
            }
        });
        Ok(written.await?)
    }

    async fn list_upcoming(
        &self,
        _: &ConnectionName,
        from: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<BookingPage, PortError> {
        let page = self.call(Call::ListUpcoming, |state| {
            let mut all: Vec<_> = state
                .bookings
                .iter()
                .filter_map(|(id, (booking, _))| match booking.state()? {
                    BookingState::Active(leg) if leg.details.start >= from => Some((leg.details.start, id.clone())),
                    _ => None,
                })
                .collect();
            all.sort();
            let name = |(start, id): &(Timestamp, domain::BookingId)| format!("{start}|{id}");
            let first = after.map_or(0, |after| all.iter().take_while(|it| name(it).as_str() <= after).count());
            let page: Vec<_> = all[first..].iter().take(limit).cloned().collect();
            let next = page.last().filter(|_| first + page.len() < all.len()).map(name);
            BookingPage { bookings: page.into_iter().map(|(_, id)| id).collect(), next }
        });
        Ok(page.await?)
    }
}

impl<P: FaultPolicy> ImportStore for Fake<P> {
    async fn load_import(&self, _: &ConnectionName) -> Result<Option<Import>, PortError> {
        Ok(self.call(Call::LoadImport, |state| state.import.clone()).await?)
    }

    async fn write_import(&self, _: &ConnectionName, import: &Import) -> Result<(), PortError> {
        let written = self.call(Call::WriteImport, |state| {
            if state.import.as_ref().is_none_or(|it| it.started_at <= import.started_at) {
                state.import = Some(import.clone());
            }
        });
        Ok(written.await?)
    }
}
