//! Free slots: the one that a request means, and the nearest others.

use api::{Refusal, Why};
use domain::scheduling::slots::{chosen, nearest, span_of_alternatives, windows};
use domain::scheduling::{EventType, Shift, Slot};
use domain::time;
use engine::{CalendlyAccount, CalendlyError};
use front::{Context, Locale};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::schedule::{Ports, Schedule};
use crate::view;

/// How many days of alternatives are searched, unless the request says so.
pub(crate) const DAYS_OF_ALTERNATIVES: u32 = 14;

/// How many alternatives a refusal offers.
const NEAREST: usize = 3;

/// How far the slot may be from the time that is asked for.
pub(crate) fn shift(minutes: Option<u32>) -> Shift {
    minutes.map_or(Shift::SameDay, |it| Shift::Within(SignedDuration::from_mins(i64::from(it))))
}

/// The span in which a slot is acceptable; its end is not in it.
fn acceptable_span(wish: Timestamp, shift: Shift, locale: &Locale) -> (Timestamp, Timestamp) {
    match shift {
        Shift::Within(most) => {
            let until = time::add(wish, most.saturating_add(SignedDuration::from_secs(60)));
            (wish.saturating_sub(most).unwrap_or(wish), until)
        }
        Shift::SameDay => {
            let local = wish.to_zoned(locale.tz());
            let day =
                local.start_of_day().and_then(|start| Ok((start.timestamp(), start.checked_add(1.day())?.timestamp())));
            day.unwrap_or_else(|_| (wish, time::add(wish, SignedDuration::from_hours(24))))
        }
    }
}

impl<P: Ports> Schedule<P> {
    /// Finds the free slot that a time means.
    pub(crate) async fn find_slot(
        &self,
        context: &Context,
        event_type: &EventType,
        wish: Timestamp,
        shift: Shift,
    ) -> Result<Slot, Refusal> {
        let locale = &context.locale;
        if wish <= self.now() {
            return Err(Refusal::new(Why::PastTime, locale.past(wish)));
        }
        let (from, until) = acceptable_span(wish, shift, locale);
        let slots = self.list_slots(context, event_type, from, until).await?;
        match chosen(&slots, wish, shift, &locale.tz()) {
            Some(slot) => Ok(slot.clone()),
            None => Err(self.slot_taken(context, event_type, wish).await),
        }
    }

    /// Refuses a slot that is not free, with the nearest that are.
    pub(crate) async fn slot_taken(&self, context: &Context, event_type: &EventType, wish: Timestamp) -> Refusal {
        let locale = &context.locale;
        let (from, until) = span_of_alternatives(wish, self.now(), &locale.tz(), DAYS_OF_ALTERNATIVES);
        let slots: Vec<_> = match self.fetch_slots(context, event_type, from, until).await {
            Ok(slots) => slots.into_iter().filter(|it| it.start != wish).collect(),
            // The slot is taken, whether there are alternatives or not.
            Err(error) => {
                tracing::warn!(error = %error, "no alternatives to offer");
                return Refusal::new(Why::SlotTaken { alternatives: Vec::new() }, locale.taken(wish, false));
            }
        };
        if slots.is_empty() {
            return locale.refuse(Why::NoSlot);
        }
        let alternatives = view::days(nearest(&slots, wish, NEAREST), locale);
        Refusal::new(Why::SlotTaken { alternatives }, locale.taken(wish, true))
    }

    /// Lists free slots, or refuses.
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

    /// Lists free slots, in the spans that Calendly takes at once, concurrently.
    async fn fetch_slots(
        &self,
        context: &Context,
        event_type: &EventType,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Slot>, CalendlyError> {
        let calls = windows(from, until, self.now())
            .into_iter()
            .map(|(from, until)| self.calendly().list_available_times(&context.connection, event_type, from, until));
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }
}
