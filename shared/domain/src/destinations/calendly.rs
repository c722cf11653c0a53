//! Calendly as a destination: calls for a booking that exists.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::base::{Context, DeliveryGuarantee, Destination, RetrySchedule};
use crate::ids::InviteeUri;
use crate::language::Language;
use crate::personal::Private;
use crate::reason::Reason;

/// The longest reason of a cancellation that Calendly passes on to people, in characters.
const LONGEST_REASON: usize = 500;

/// A call to Calendly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendlyAction {
    /// Fetches the missing new half of a move.
    #[serde(rename = "heal")]
    FetchMissingHalf,
    /// Cancels the event at Calendly: an agent requested it, or we moved the meeting.
    #[serde(rename = "cancel")]
    CancelEvent,
}

/// A composed call to Calendly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CalendlyCall {
    /// Cancel an invitee's event. Calendly sends the reason to host and invitees.
    CancelEvent(InviteeUri, Private<String>),
}

impl CalendlyAction {
    /// Composes the call.
    ///
    /// # Errors
    /// The reason why it cannot be made or should no longer be made.
    pub(crate) fn compose(self, context: &Context<'_>) -> Result<CalendlyCall, Reason> {
        self.check(context)?;
        let leg = context.leg;
        match self {
            // A read has nothing to compose. It needs no claim, and its answer is a fact.
            Self::FetchMissingHalf => Err(Reason::NotFound),
            Self::CancelEvent => Ok(CalendlyCall::CancelEvent(leg.invitee.clone(), cancel_reason(context))),
        }
    }
}

impl Destination for CalendlyAction {
    fn slug(&self) -> String {
        match self {
            Self::FetchMissingHalf => "heal".to_owned(),
            Self::CancelEvent => "cancel".to_owned(),
        }
    }

    /// Returns the guarantee. A read changes nothing, and a canceled event stays canceled.
    fn guarantee(&self) -> DeliveryGuarantee {
        DeliveryGuarantee::AtLeastOnce
    }

    /// Returns the schedule. A cancellation is tried every hour until Calendly accepts it or the meeting begins, and
    /// more often before the beginning: see [`Command::hasten`].
    ///
    /// [`Command::hasten`]: crate::Command::hasten
    fn retry_schedule(&self) -> RetrySchedule {
        match self {
            Self::FetchMissingHalf => RetrySchedule::STANDARD,
            // With jitter, up to 54 minutes.
            Self::CancelEvent => RetrySchedule { waits: &[30, 120, 600, 1_800, 2_700], repeats: None },
        }
    }

    fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        match self {
            Self::CancelEvent if context.leg.canceled.is_some() => Err(Reason::CanceledBeforeFire),
            Self::CancelEvent if context.now >= context.leg.details.start => Err(Reason::PastStart),
            Self::CancelEvent | Self::FetchMissingHalf => Ok(()),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::FetchMissingHalf => "asking Calendly for the rest of the move".to_owned(),
            Self::CancelEvent => "canceling at Calendly".to_owned(),
        }
    }
}

/// Returns the reason for the cancellation, without links: Calendly sends it to host and invitees. For a move it has
/// the new time.
fn cancel_reason(context: &Context<'_>) -> Private<String> {
    let Context { booking, leg, settings, .. } = context;
    let Some(new) = booking.replacing(leg) else {
        let request = booking.cancel_requests().get(&leg.invitee);
        let reason = request.and_then(|it| it.reason.as_ref()?.as_line(LONGEST_REASON));
        return reason.unwrap_or_default().into();
    };
    let zone = settings.zone_of(new);
    let tz = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    let start = new.details.start.to_zoned(tz).strftime("%Y-%m-%d %H:%M");
    Private::new(match context.about(new).language() {
        Language::English => format!("Moved to {start} ({zone})"),
        Language::Romanian => format!("Mutată pe {start} ({zone})"),
        Language::Danish => format!("Flyttet til {start} ({zone})"),
        Language::TraditionalChinese => format!("已改期至 {start} ({zone})"),
    })
}
