//! The operations on the settings of a connection.

use api::settings_answer::{
    PlanChangeView, PlannedMessageView, ReplanView, SettingChangeView, SettingsChangeView, SettingsVersionView,
    SettingsVersionsView, SettingsView,
};
use api::settings_request::{PutSettingsRequest, RestoreSettingsRequest};
use api::{Fault, Refusal};
use connecting::{AppliedSettings, SettingChange, apply_settings, compare_settings};
use deliveries::{DeliveryQueue, Ports as _};
use domain::{ConnectionName, PlanChange, PlannedMessage, Settings, SmsTotal, compare_plans, error_chain};
use engine::{BookingPage, CommitError, PortError, Replan, SettingsStore};
use front::{Context, invalid, invalid_request};
use futures_util::{StreamExt, stream};
use notify::estimate_cost;
use serde_json::Value;
use settings_document::{DocumentError, Format};

use crate::admin::{Admin, unavailable};
use crate::ports::Ports;

/// The most meetings that a dry run looks at. An answer must come within 29 seconds.
const MOST_BOOKINGS: usize = 1_000;

/// The meetings of one page of a dry run.
const PAGE: usize = 200;

/// The bookings that are read at the same time.
const CONCURRENT_READS: usize = 16;

impl<P: Ports> Admin<P> {
    /// Returns the settings, and how far the last re-planning is.
    pub(crate) async fn settings(&self, context: &Context) -> Result<SettingsView, Refusal> {
        let name = &context.connection;
        self.load(name).await?;
        let (settings, version) = self.ports().table().load_settings_version(name).await.map_err(unavailable)?;
        let replan = self.ports().table().load_replan(name).await.map_err(unavailable)?;
        Ok(SettingsView { version, settings: to_value(&settings), replan: replan.map(view_replan) })
    }

    /// Replaces the settings.
    pub(crate) async fn put_settings(
        &self,
        context: &Context,
        request: &PutSettingsRequest,
    ) -> Result<SettingsChangeView, Refusal> {
        self.load(&context.connection).await?;
        let now = self.now();
        let read = match request.settings.expose() {
            Value::String(text) => {
                let format = request.format.as_deref().and_then(Format::parse).unwrap_or(Format::Yaml);
                settings_document::read_text(text, format, now)
            }
            value => settings_document::read_value(value, now),
        };
        let settings = read.map_err(|errors| invalid_request(errors.iter().map(fault).collect()))?;
        self.write_or_try(context, &settings, request.dry_run).await
    }

    /// Lists the versions of the settings.
    pub(crate) async fn settings_versions(&self, context: &Context) -> Result<SettingsVersionsView, Refusal> {
        let name = &context.connection;
        self.load(name).await?;
        let versions = self.ports().table().list_settings_versions(name).await.map_err(unavailable)?;
        let default = Settings::default();
        let before = |index: usize| versions.get(index + 1).map_or(&default, |it| &it.settings);
        let views = versions.iter().enumerate().map(|(index, it)| SettingsVersionView {
            version: it.version,
            at: it.at,
            changes: compare_settings(before(index), &it.settings).into_iter().map(view_change).collect(),
        });
        Ok(SettingsVersionsView { versions: views.collect() })
    }

    /// Returns to an earlier version of the settings.
    pub(crate) async fn restore_settings(
        &self,
        context: &Context,
        request: &RestoreSettingsRequest,
    ) -> Result<SettingsChangeView, Refusal> {
        self.load(&context.connection).await?;
        let found = self.ports().table().load_settings_of(&context.connection, request.version).await;
        let settings = found
            .map_err(unavailable)?
            .ok_or_else(|| invalid("version", "is not stored: list them with settings_versions"))?;
        self.write_or_try(context, &settings, request.dry_run).await
    }

    async fn write_or_try(
        &self,
        context: &Context,
        settings: &Settings,
        is_dry_run: bool,
    ) -> Result<SettingsChangeView, Refusal> {
        let (name, table) = (&context.connection, self.ports().table());
        if let Some(crm) = &settings.crm {
            let problems = self.ports().prepare_crm(name, crm, is_dry_run).await;
            let faults: Vec<_> = problems
                .map_err(|error| invalid("settings", &error))?
                .into_iter()
                .map(|problem| Fault::new("settings", problem))
                .collect();
            if !faults.is_empty() {
                return Err(invalid_request(faults));
            }
        }
        let warnings = self.find_warnings(name, settings).await?;
        if is_dry_run {
            let (before, version) = table.load_settings_version(name).await.map_err(unavailable)?;
            let changes = compare_settings(&before, settings).into_iter().map(view_change).collect();
            let plan = Some(self.try_plan(name, &before, settings).await.map_err(unavailable)?);
            return Ok(SettingsChangeView { version, dry_run: true, changes, warnings, plan, replan: None });
        }
        let send = async |due| self.ports().deliveries().queue().hand_over(&due).await;
        match apply_settings(table, send, name, settings, self.now()).await {
            Ok(AppliedSettings { version, changes, replan }) => {
                tracing::info!(connection = %name, version, changes = changes.len(), "settings written");
                Ok(SettingsChangeView {
                    version,
                    dry_run: false,
                    changes: changes.into_iter().map(view_change).collect(),
                    warnings,
                    plan: None,
                    replan: replan.map(view_replan),
                })
            }
            Err(CommitError::Conflict) => {
                Err(unavailable(PortError::unavailable("other settings were written at the same time")))
            }
            Err(CommitError::Port(error)) => Err(unavailable(error)),
        }
    }

    /// Returns what the rules of countries hold against settings, and compares the questions that settings name with
    /// those of the booking forms.
    async fn find_warnings(&self, name: &ConnectionName, settings: &Settings) -> Result<Vec<String>, Refusal> {
        let mut warnings: Vec<_> = settings.find_country_warnings().iter().map(ToString::to_string).collect();
        if !settings.name_questions() {
            return Ok(warnings);
        }
        let connection = self.load(name).await?;
        let Some(account) = self.connected_account(&connection).await? else { return Ok(warnings) };
        match account.list_event_types().await {
            Ok(catalog) => warnings.extend(settings.find_unasked_questions(&catalog)),
            Err(error) => {
                tracing::warn!(connection = %name, error = error_chain(&error), "the event types could not be read");
                warnings.push("The booking forms could not be read, so their questions were not compared.".to_owned());
            }
        }
        Ok(warnings)
    }

    /// Finds out which messages of booked meetings would change.
    async fn try_plan(
        &self,
        name: &ConnectionName,
        before: &Settings,
        after: &Settings,
    ) -> Result<PlanChangeView, PortError> {
        let (table, now) = (self.ports().table(), self.now());
        // What the store adds to a document is the same for both.
        let stored = self.ports().load_settings(name).await?;
        let with_stored = |settings: &Settings| Settings {
            publishes: stored.publishes,
            is_disabled: stored.is_disabled,
            ..settings.clone()
        };
        let (before, after) = (with_stored(before), with_stored(after));
        let mut view = PlanChangeView {
            bookings: 0,
            has_more: false,
            messages: Vec::new(),
            more_segments: 0,
            more_sms: 0,
            sms_cost: None,
        };
        let (mut added, mut dropped) = (Vec::new(), Vec::new());
        let mut cursor = None;
        loop {
            let page = table.list_upcoming(name, now, cursor.as_deref(), PAGE).await?;
            let BookingPage { bookings, next } = page;
            let loads = stream::iter(&bookings).map(|booking| self.ports().load_booking(name, booking));
            let mut loads = loads.buffered(CONCURRENT_READS);
            while let Some(snapshot) = loads.next().await {
                let snapshot = snapshot?;
                view.bookings += 1;
                let start = snapshot.booking.current_leg().map(|leg| leg.details.start).unwrap_or_default();
                for mut message in compare_plans(&snapshot, &before, &after, now) {
                    if let Some(sms) = message.sms.take() {
                        match message.change {
                            PlanChange::New => added.push(estimate_cost(*sms)),
                            PlanChange::Dropped => dropped.push(estimate_cost(*sms)),
                            PlanChange::Past => {}
                        }
                    }
                    view.more_sms += match message.change {
                        PlanChange::New if message.is_sms => 1,
                        PlanChange::Dropped if message.is_sms => -1,
                        PlanChange::New | PlanChange::Dropped | PlanChange::Past => 0,
                    };
                    view.messages.push(view_message(snapshot.booking.id.as_str(), start, message));
                }
            }
            match next {
                Some(_) if view.bookings >= MOST_BOOKINGS => {
                    view.has_more = true;
                    break;
                }
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let [added, dropped] = [added, dropped].map(|costs| costs.iter().collect::<SmsTotal>());
        view.more_segments = i64::from(added.segments) - i64::from(dropped.segments);
        view.sms_cost = added.prices_above(&dropped);
        Ok(view)
    }
}

fn to_value(settings: &Settings) -> Value {
    let mut value = serde_json::to_value(settings).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.retain(|_, it| !it.is_null());
    }
    value
}

fn fault(error: &DocumentError) -> Fault {
    let line = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    Fault::new(format!("settings.{}", error.path), format!("{line}{}", error.problem))
}

fn view_change(change: SettingChange) -> SettingChangeView {
    SettingChangeView { path: change.path, before: change.before, after: change.after }
}

fn view_replan(replan: Replan) -> ReplanView {
    ReplanView {
        version: replan.version,
        status: if replan.is_done { "done" } else { "running" }.to_owned(),
        bookings: replan.bookings,
        started_at: replan.started_at,
        updated_at: replan.updated_at,
    }
}

fn view_message(booking: &str, start: jiff::Timestamp, message: PlannedMessage) -> PlannedMessageView {
    PlannedMessageView {
        booking: booking.to_owned(),
        start,
        message: message.title,
        change: match message.change {
            PlanChange::New => "new",
            PlanChange::Dropped => "dropped",
            PlanChange::Past => "past",
        }
        .to_owned(),
        at: message.at,
    }
}
