//! From an action to what a provider's adapter needs: who gets it, in which language and zone, and what is in it.
//!
//! Composed when a command is planned, to see whether it can be done at all, and again when it is performed, so that a
//! reminder speaks of the booking as it is at its hour.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::booking::Standing;
use crate::settings::{MailFor, Provider, Settings};
use crate::{
    Action, Analytics, Booking, BookingId, FactId, InviteeUri, Language, Leg, Message, News, Phone, PhoneError,
    PhoneSource, Private, Reason,
};

/// What a message may speak of. Times are UTC here; the adapter tells them in `zone` and `language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The invitee's name.
    pub name: Private<String>,
    /// The event's name.
    pub event: String,
    /// Start of the meeting.
    pub start: Timestamp,
    /// End of the meeting.
    pub end: Timestamp,
    /// Where it started before it was moved.
    pub old_start: Option<Timestamp>,
    /// IANA time zone in which the invitee is told times: their own, else the settings' fallback.
    pub zone: String,
    /// The invitee's language.
    pub language: Language,
    /// The link to join.
    pub join_url: Option<String>,
    /// Where to go, when there is no link.
    pub place: Option<Private<String>>,
    /// Where the invitee cancels.
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
    /// The host's name.
    pub host: Option<String>,
}

/// An SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextOrder {
    /// To whom.
    pub to: Phone,
    /// Where the number was found.
    pub source: PhoneSource,
    /// Which message.
    pub message: Message,
    /// The provider's approved template.
    pub template: String,
    /// What it says.
    pub letter: Letter,
}

/// An e-mail to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailOrder {
    /// To whom.
    pub to: Private<String>,
    /// Which message.
    pub message: Message,
    /// The provider's template.
    pub template: String,
    /// What it says.
    pub letter: Letter,
    /// The agent's notes, for VAI's own template.
    pub notes: Option<Private<String>>,
    /// The kind of agent.
    pub agent_type: Option<String>,
}

/// A call of VAI's API, as far as it depends on the booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VaiOrder {
    /// Our id.
    pub booking: BookingId,
    /// The leg's URIs are told beside our id.
    pub leg: Leg,
    /// VAI's conversation.
    pub conversation_id: String,
    /// VAI's user.
    pub user_id: Option<String>,
    /// The event type as VAI asked for it, else the event's name.
    pub event_type: String,
    /// Where the meeting was before a move.
    pub old_start: Option<Timestamp>,
    /// The invitee's language.
    pub language: Language,
}

/// What a provider's adapter is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Send an SMS.
    Text(TextOrder),
    /// Send an e-mail.
    Mail(MailOrder),
    /// Tell VAI.
    News(News, VaiOrder),
    /// Have VAI's agent offer help at an instant.
    Help(VaiOrder, Timestamp),
    /// Log a fact for analytics; its payload is kept with the fact.
    Log(Analytics, FactId),
    /// Cancel an invitee's event at Calendly, which tells the people concerned the reason.
    Cancel(InviteeUri, Private<String>),
}

impl Order {
    /// What the timeline says of it besides its outcome, without personal data: the number's source.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(format!("{}, number from {}", text.letter.language.tag(), text.source.name())),
            Self::Mail(mail) => Some(mail.letter.language.tag().to_owned()),
            Self::News(..) | Self::Help(..) | Self::Log(..) | Self::Cancel(..) => None,
        }
    }
}

/// Composes an action about a leg, as the booking stands at `now`.
///
/// # Errors
/// The reason why it can't be done, or should not be done any more.
pub fn compose(
    booking: &Booking,
    leg: &Leg,
    action: &Action,
    settings: &Settings,
    now: Timestamp,
) -> Result<Order, Reason> {
    match action {
        Action::Text(message) => {
            still_wanted(booking, leg, *message, settings, now)?;
            let letter = letter(booking, leg, settings);
            let (to, source) = phone(booking, leg, settings)?;
            let template = template(settings, *message, Provider::Engagelab, &letter, leg)?;
            Ok(Order::Text(TextOrder { to, source, message: *message, template, letter }))
        }
        Action::Mail(message) => {
            if booking.metadata.is_none() && settings.mail_for == MailFor::Vai {
                return Err(Reason::NotVais);
            }
            still_wanted(booking, leg, *message, settings, now)?;
            let letter = letter(booking, leg, settings);
            let template = template(settings, *message, Provider::Vai, &letter, leg)?;
            let metadata = booking.metadata.as_ref();
            Ok(Order::Mail(MailOrder {
                to: leg.details.email.clone(),
                message: *message,
                template,
                letter,
                notes: metadata.and_then(|it| it.notes.clone()),
                agent_type: metadata.and_then(|it| it.agent_type.clone()),
            }))
        }
        Action::TellVai(_) | Action::OfferHelp if now > later(leg.details.end, NEWS_LATENESS) => Err(Reason::TooLate),
        Action::TellVai(news) => Ok(Order::News(*news, vai(booking, leg, settings)?)),
        Action::OfferHelp => {
            let after = SignedDuration::from_mins(i64::from(settings.help_after_minutes));
            let from = leg.canceled.as_ref().map_or(now, |end| end.at);
            // A cancellation that reached us late is not answered in the past.
            Ok(Order::Help(vai(booking, leg, settings)?, later(from, after).max(now)))
        }
        Action::Log(what, fact) => Ok(Order::Log(*what, fact.clone())),
        Action::Cancel if leg.canceled.is_some() => Err(Reason::CanceledBeforeFire),
        Action::Cancel if now >= leg.details.start => Err(Reason::PastStart),
        Action::Cancel => Ok(Order::Cancel(leg.invitee.clone(), cancel_reason(booking, leg, settings))),
        // A question: there is nothing to compose.
        Action::Heal => Err(Reason::NotFound),
    }
}

/// What Calendly tells the people of a canceled event. Of a move it says where to, so that nobody takes it for the end.
fn cancel_reason(booking: &Booking, leg: &Leg, settings: &Settings) -> Private<String> {
    let Some(new) = booking.replacing(leg) else {
        let asked = booking.cancel_requests().get(&leg.invitee);
        return asked.and_then(|it| it.reason.clone()).unwrap_or_default();
    };
    let zone = new.details.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone());
    let tz = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    let to = new.details.start.to_zoned(tz).strftime("%Y-%m-%d %H:%M");
    Private::new(match language(booking, new, settings) {
        Language::English => format!("Moved to {to} ({zone})"),
        Language::Romanian => format!("Mutată pe {to} ({zone})"),
        Language::Danish => format!("Flyttet til {to} ({zone})"),
        Language::TraditionalChinese => format!("已改期至 {to} ({zone})"),
    })
}

/// The invitee's language: the settings for the event type, else the booking's (VAI tells it), else the zone's likely
/// one, else the default.
pub(crate) fn language(booking: &Booking, leg: &Leg, settings: &Settings) -> Language {
    settings
        .language_of(leg)
        .or_else(|| booking.metadata.as_ref()?.language.as_deref().and_then(Language::parse))
        .or_else(|| leg.details.zone.as_deref().and_then(Language::likely_in))
        .unwrap_or(settings.default_language)
}

/// How late a follow-up may be before it only confuses.
const FOLLOW_UP_LATENESS: SignedDuration = SignedDuration::from_hours(24);

/// When news of a meeting that is over is no news. Well inside the 90 days after which a booking's commands may have
/// expired from the table: what is forgotten there must not be done again.
const NEWS_LATENESS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether a message about a leg still holds: the leg is the one the booking stands on, and it is not too late.
fn still_wanted(
    booking: &Booking,
    leg: &Leg,
    message: Message,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), Reason> {
    let is_current = match booking.standing() {
        Some(Standing::Active(head)) => head.invitee == leg.invitee && message != Message::Cancellation,
        Some(Standing::Canceled(head, _)) if message == Message::Cancellation => head.invitee == leg.invitee,
        Some(Standing::Canceled(..)) => return Err(Reason::CanceledBeforeFire),
        Some(Standing::Moving(_)) | None => false,
    };
    if !is_current {
        return Err(Reason::MovedBeforeFire);
    }
    let details = &leg.details;
    match message {
        Message::Confirmation | Message::Move | Message::Cancellation if now >= details.start => Err(Reason::PastStart),
        Message::Reminder { .. } if now >= details.start => Err(Reason::PastStart),
        Message::Reminder { minutes_before } => {
            let later_is_due = |other: &u32| *other < minutes_before && before(details.start, *other) <= now;
            if settings.reminders_of(leg).iter().any(later_is_due) { Err(Reason::Superseded) } else { Ok(()) }
        }
        Message::FollowUp { .. } if leg.is_no_show() => Err(Reason::NoShow),
        Message::FollowUp { minutes_after } if now > later(after(details.end, minutes_after), FOLLOW_UP_LATENESS) => {
            Err(Reason::TooLate)
        }
        Message::Confirmation | Message::Move | Message::Cancellation | Message::FollowUp { .. } => Ok(()),
    }
}

/// `minutes` before an instant.
pub(crate) fn before(instant: Timestamp, minutes: u32) -> Timestamp {
    instant.saturating_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(instant)
}

/// `minutes` after an instant.
pub(crate) fn after(instant: Timestamp, minutes: u32) -> Timestamp {
    later(instant, SignedDuration::from_mins(i64::from(minutes)))
}

/// So long after an instant, or the end of time: a meeting may be booked for the year 9999.
fn later(instant: Timestamp, wait: SignedDuration) -> Timestamp {
    instant.saturating_add(wait).unwrap_or(instant)
}

/// The first number that is one, in order of trust. Of the answers, only those to the settings' phone questions count.
fn phone(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<(Phone, PhoneSource), Reason> {
    let told =
        leg.details.phones.iter().filter(|it| it.question.as_deref().is_none_or(|it| settings.asks_for_phone(it)));
    let told = told.map(|it| (it.source, it.text.expose().as_str()));
    let kept = booking.metadata.as_ref().and_then(|it| it.phone.as_ref());
    let kept = kept.map(|it| (PhoneSource::Metadata, it.expose().as_str()));
    let mut reason = Reason::NoPhone;
    for (source, text) in told.chain(kept) {
        match Phone::parse(text) {
            Ok(phone) => return Ok((phone, source)),
            Err(PhoneError::Empty) => {}
            Err(PhoneError::NotE164) => reason = Reason::PhoneInvalid,
        }
    }
    Err(reason)
}

fn template(
    settings: &Settings,
    message: Message,
    provider: Provider,
    letter: &Letter,
    leg: &Leg,
) -> Result<String, Reason> {
    settings.template_of(message, provider, letter.language, leg).map(str::to_owned).ok_or(Reason::NoTemplate)
}

fn letter(booking: &Booking, leg: &Leg, settings: &Settings) -> Letter {
    let details = &leg.details;
    Letter {
        name: details.name.clone(),
        event: details.event_name.clone(),
        start: details.start,
        end: details.end,
        old_start: booking.before(leg).map(|old| old.details.start),
        zone: details.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone()),
        language: language(booking, leg, settings),
        join_url: details.join_url.clone(),
        place: details.place.clone(),
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        host: details.host.clone(),
    }
}

/// What VAI is told is about VAI's bookings only; planning sees to that, so a missing row is a refusal, not a panic.
fn vai(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<VaiOrder, Reason> {
    let metadata = booking.metadata.as_ref().ok_or(Reason::Misconfigured)?;
    Ok(VaiOrder {
        booking: booking.id.clone(),
        leg: leg.clone(),
        conversation_id: metadata.conversation_id.clone(),
        user_id: metadata.user_id.clone(),
        event_type: metadata.event_type.clone().unwrap_or_else(|| leg.details.event_name.clone()),
        old_start: booking.before(leg).map(|old| old.details.start),
        language: language(booking, leg, settings),
    })
}
