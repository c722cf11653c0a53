//! Free slots: the requested one, and the nearest alternatives.

use api::{Refusal, Why};
use domain::scheduling::slots::{alternatives_span, choose_slot, nearest_slots, query_windows};
use domain::scheduling::{EventType, Shift, Slot};
use domain::time;
use engine::{CalendlyAccount, CalendlyError};
use front::{Context, Locale};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::schedule::{Ports, Schedule};
use crate::view;

/// The default number of days in which alternatives are searched.
pub(crate) const DAYS_OF_ALTERNATIVES: u32 = 14;

/// The most alternatives in a refusal.
const NEAREST: usize = 3;

/// Returns how far the slot may be from the requested time.
pub(crate) fn shift(minutes: Option<u32>) -> Shift {
    minutes.map_or(Shift::SameDay, |it| Shift::Within(SignedDuration::from_mins(i64::from(it))))
}

/// Returns the span in which a slot is acceptable, without its end.
fn acceptable_span(requested: Timestamp, shift: Shift, locale: &Locale) -> (Timestamp, Timestamp) {
    match shift {
        Shift::Within(most) => {
            let until = time::add(requested, most.saturating_add(SignedDuration::from_secs(60)));
            (requested.saturating_sub(most).unwrap_or(requested), until)
        }
        Shift::SameDay => {
            let local = requested.to_zoned(locale.tz());
            let day =
                local.start_of_day().and_then(|start| Ok((start.timestamp(), start.checked_add(1.day())?.timestamp())));
            day.unwrap_or_else(|_| (requested, time::add(requested, SignedDuration::from_hours(24))))
        }
    }
}

impl<P: Ports> Schedule<P> {
    /// Finds the free slot for a requested time.
    pub(crate) async fn find_slot(
        &self,
        context: &Context,
        event_type: &EventType,
        requested: Timestamp,
        shift: Shift,
    ) -> Result<Slot, Refusal> {
        let locale = &context.locale;
        if requested <= self.now() {
            return Err(Refusal::new(Why::PastTime, locale.past(requested)));
        }
        let (from, until) = acceptable_span(requested, shift, locale);
        let slots = self.list_slots(context, event_type, from, until).await?;
        match choose_slot(&slots, requested, shift, &locale.tz()) {
            Some(slot) => Ok(slot.clone()),
            None => Err(self.slot_taken(context, event_type, requested).await),
        }
    }

    /// Refuses a slot that is not free, with the nearest free slots.
    pub(crate) async fn slot_taken(&self, context: &Context, event_type: &EventType, requested: Timestamp) -> Refusal {
        let locale = &context.locale;
        let (from, until) = alternatives_span(requested, self.now(), &locale.tz(), DAYS_OF_ALTERNATIVES);
        let slots: Vec<_> = match self.fetch_slots(context, event_type, from, until).await {
            Ok(slots) => slots.into_iter().filter(|it| it.start != requested).collect(),
            // The slot is taken, with or without alternatives.
            Err(error) => {
                tracing::warn!(error = %error, "no alternatives to offer");
                return Refusal::new(Why::SlotTaken { alternatives: Vec::new() }, locale.taken(requested, false));
            }
        };
        if slots.is_empty() {
            return locale.refuse(Why::NoSlot);
        }
        let alternatives = view::days(nearest_slots(&slots, requested, NEAREST), locale);
        Refusal::new(Why::SlotTaken { alternatives }, locale.taken(requested, true))
    }

    /// Lists free slots.
    pub(crate) async fn list_slots(
        &self,
        context: &Context,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, Refusal> {
        let slots = self.fetch_slots(context, event_type, from, until).await;
        slots.map_err(|error| context.locale.calendly_error(&error, Why::EventTypeUnknown { near: Vec::new() }))
    }

    /// Lists free slots with concurrent calls to Calendly.
    async fn fetch_slots(
        &self,
        context: &Context,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError> {
        let calls = query_windows(from, until, self.now())
            .into_iter()
            .map(|(from, until)| self.calendly().list_available_times(&context.connection, event_type, from, until));
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }
}
