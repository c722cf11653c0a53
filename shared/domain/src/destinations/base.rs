//! What every destination says of its actions.

use jiff::Timestamp;

use crate::booking::Booking;
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::language::Language;
use crate::leg::Leg;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::settings::Settings;

/// How often an action may have been done when it is not known whether a try worked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryGuarantee {
    /// Not at all rather than twice. After a doubtful try it stays unknown.
    AtMostOnce,
    /// Twice rather than not at all, but never three times. One more try after a doubtful one.
    OnceMore,
    /// As often as it takes. The receiver gets our idempotency key, or doing it twice changes nothing.
    AtLeastOnce,
}

/// When an action is tried again after it certainly failed, or after a doubtful try that its guarantee lets repeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetrySchedule {
    /// The waits before the second and each later try, in seconds.
    pub waits: &'static [u32],
    /// Whether the last wait repeats until the action is no longer wanted. Otherwise it has failed after the last try.
    pub repeats_last: bool,
}

impl RetrySchedule {
    /// Seven tries within seventeen hours and a half.
    pub const STANDARD: Self = Self { waits: &[30, 120, 600, 3_600, 14_400, 43_200], repeats_last: false };

    /// The wait after so many tries, in seconds; `None` after the last one.
    pub fn wait_after(&self, tries: u32) -> Option<u32> {
        let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        self.waits.get(index).or(self.waits.last().filter(|_| self.repeats_last)).copied()
    }
}

/// What an action is composed from.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The booking.
    pub booking: &'a Booking,
    /// The leg that the action is about.
    pub leg: &'a Leg,
    /// The providers that could not or would not send it: they are not tried again.
    pub passed_over: &'a [Provider],
    /// The connection's settings.
    pub settings: &'a Settings,
    /// The present instant.
    pub now: Timestamp,
}

impl Context<'_> {
    /// The invitee's language: the event type's in the settings, else the booking's (VAI names it), else the likely one
    /// of the time zone, else the default.
    pub fn language(&self) -> Language {
        let Self { booking, leg, settings, .. } = self;
        settings
            .language_of(leg)
            .or_else(|| booking.metadata.as_ref()?.language.as_deref().and_then(Language::parse))
            .or_else(|| leg.details.zone.as_deref().and_then(Language::likely_in))
            .unwrap_or(settings.default_language)
    }

    /// The same about another leg.
    pub(crate) fn about<'a>(&'a self, leg: &'a Leg) -> Context<'a> {
        Context { leg, ..*self }
    }
}

/// What a destination says of one of its actions.
pub(crate) trait Destination {
    /// The readable part of a command's id. It may never change: ids are stored and name timers. With the hash and the
    /// suffixes of a retried timer it has at most 64 characters.
    fn slug(&self) -> String;

    /// The command's id: a hash of the booking, the action, the invitee and the start. Nothing that a retry, another
    /// order of arrival or another machine would see differently.
    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let slug = self.slug();
        CommandId::of(&slug, &[booking.as_str(), &slug, leg.as_str(), &start.to_string()])
    }

    /// How often it may have been done when its outcome is unknown.
    fn guarantee(&self) -> DeliveryGuarantee;

    /// When it is tried again.
    fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule::STANDARD
    }

    /// Checks whether it can and should be done, without composing it.
    ///
    /// # Errors
    /// The reason why not.
    fn check(&self, context: &Context<'_>) -> Result<(), Reason>;

    /// Its name in the timeline.
    fn title(&self) -> String;
}
