//! The parts that all destinations have in common.

use jiff::Timestamp;

use crate::booking::Booking;
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::language::Language;
use crate::leg::Leg;
use crate::message::Message;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::settings::{CalendarFile, Occasion, Settings};

/// How often an action may be done when the outcome of a try is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryGuarantee {
    /// At most once. After a try with an unknown outcome it is not tried again.
    AtMostOnce,
    /// At most twice. After a try with an unknown outcome there is one more try.
    OnceMore,
    /// At least once. The receiver gets our idempotency key, or a repetition changes nothing.
    AtLeastOnce,
}

/// When an action is tried again after a failure, or after an unknown outcome if its guarantee allows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetrySchedule {
    /// The waits before the second and each later try, in seconds.
    pub waits: &'static [u32],
    /// How often the last wait is repeated. Then the action fails. `None`: until it is no longer wanted.
    pub repeats: Option<u32>,
}

impl RetrySchedule {
    /// Tries for 26 hours at least, with the least jitter, so that an outage of a day leaves nothing undone. The last
    /// ones are an hour apart: after an outage nobody waits longer.
    pub const STANDARD: Self = Self { waits: &[30, 120, 600, 1_800, 3_600], repeats: Some(31) };

    /// Returns the wait after a number of tries, in seconds; `None` after the last try.
    pub fn wait_after(&self, tries: u32) -> Option<u32> {
        let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let repeats = self.repeats.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
        let is_over = index >= self.waits.len().saturating_add(repeats);
        self.waits.get(index).or(self.waits.last()).copied().filter(|_| !is_over)
    }
}

/// The input for composing an action.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The booking.
    pub booking: &'a Booking,
    /// The leg that the action is about.
    pub leg: &'a Leg,
    /// The providers that could not or would not send the message. They are not tried again.
    pub passed_over: &'a [Provider],
    /// How often it was another provider's turn, because one did not answer.
    pub turn: u32,
    /// The calendar file of the meeting that the invitee has.
    pub calendar: Option<CalendarFile>,
    /// The connection's settings.
    pub settings: &'a Settings,
    /// The time now.
    pub now: Timestamp,
}

impl Context<'_> {
    /// Returns the invitee's language: the event type's language in the settings, else the language in VAI's metadata,
    /// else the likely language of the time zone, else the default.
    pub fn language(&self) -> Language {
        let Self { booking, leg, settings, .. } = self;
        settings
            .language_of(leg)
            .or_else(|| booking.metadata.as_ref()?.language.as_deref().and_then(Language::parse))
            .or_else(|| leg.details.zone.as_deref().and_then(Language::likely_in))
            .unwrap_or(settings.default_language)
    }

    /// Returns what the settings of a message depend on.
    pub(crate) fn occasion(&self, message: Message) -> Occasion<'_> {
        Occasion { message, leg: self.leg, source: self.booking.source() }
    }

    /// Returns the context for another leg.
    pub(crate) fn about<'a>(&'a self, leg: &'a Leg) -> Context<'a> {
        Context { leg, ..*self }
    }
}

/// An action of a destination.
pub(crate) trait Destination {
    /// Returns the readable part of a command's id. It must never change: ids are stored and used as timer names. With
    /// the hash and the suffixes of a retry it must have at most 64 characters.
    fn slug(&self) -> String;

    /// Returns the command's id, with a hash of the booking, the action, the invitee and the start. These are the same
    /// for each retry, order of arrival and machine.
    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let slug = self.slug();
        CommandId::from_parts(&slug, &[booking.as_str(), &slug, leg.as_str(), &start.to_string()])
    }

    /// Returns how often it may be done when its outcome is unknown.
    fn guarantee(&self) -> DeliveryGuarantee;

    /// Returns when it is tried again.
    fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule::STANDARD
    }

    /// Checks whether the action can and should be done, without composing it.
    ///
    /// # Errors
    /// The reason against it.
    fn check(&self, context: &Context<'_>) -> Result<(), Reason>;

    /// Returns its name in the timeline.
    fn title(&self) -> String;
}
