//! From an action to what a provider's adapter needs: who gets it, in which language and zone, and what is in it.
//!
//! Composed when a command is planned, to see whether it can be done at all, and again when it is performed, so that a
//! reminder speaks of the booking as it is at its hour.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::booking::BookingState;
use crate::quiet::Leeway;
use crate::settings::{CalendarFile, Channel, HostContact, MailFor, Provider, Settings, Wording};
use crate::{
    Action, Analytics, Booking, BookingId, CanceledBy, EventHost, EventTypeUri, FactId, InviteeUri, Language, Leg,
    Message, News, Notice, Phone, PhoneError, PhoneSource, Private, Reason,
};

/// What a message may speak of. Times are UTC here; the adapter tells them in `zone` and `language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageContent {
    /// The recipient's name: the invitee's first name where it is known, or the host's.
    pub name: Private<String>,
    /// The invitee's whole name.
    pub invitee: Private<String>,
    /// The event's name.
    pub event: String,
    /// Start of the meeting.
    pub start: Timestamp,
    /// End of the meeting.
    pub end: Timestamp,
    /// Where it started before it was moved.
    pub old_start: Option<Timestamp>,
    /// IANA time zone in which times are told: the recipient's, or the host's for a meeting in person; where neither is
    /// known, the settings' fallback.
    pub zone: String,
    /// The host whose zone times should be told in, where Calendly has yet to be asked for it.
    pub zone_of: Option<String>,
    /// The recipient's language.
    pub language: Language,
    /// The link to join.
    pub join_url: Option<String>,
    /// Where to go, when there is no link.
    pub location: Option<Private<String>>,
    /// Whether there will be a link to join, and there is none yet.
    pub link_follows: bool,
    /// Whether the host calls the invitee.
    pub by_phone: bool,
    /// Where the invitee cancels.
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    pub reschedule_url: Option<String>,
    /// Where the invitee says how it was.
    pub survey_url: Option<String>,
    /// Where the invitee books anew: a link for one booking.
    pub booking_url: Option<String>,
    /// The event type that such a link should be made for, where there should be one.
    pub link_for: Option<EventTypeUri>,
    /// Whether it was the invitee who canceled, or moved it.
    pub by_invitee: bool,
    /// What a host is told of.
    pub notice: Option<Notice>,
    /// The host's name.
    pub host: Option<String>,
    /// The connection's own wording, where it has any.
    pub wording: Wording,
}

/// A text that may be a phone number: whether it is one, the telephone network's own rules say, which are not known here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    /// As the person wrote it.
    pub text: Private<String>,
    /// Where it was found.
    pub source: PhoneSource,
}

/// An SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmsOrder {
    /// To whom: the first of these that is a number which can be texted.
    pub numbers: Vec<Number>,
    /// The country of those that have no country code.
    pub region: Option<String>,
    /// Which message.
    pub message: Message,
    /// Who sends it.
    pub provider: Provider,
    /// Who does, should that one not.
    pub next: Option<Provider>,
    /// The provider's approved template, where it sends no other wording.
    pub template: Option<String>,
    /// Whom it comes from, where the provider doesn't know it.
    pub sender: Option<String>,
    /// Whether it goes without its diacritics.
    pub transliterate: bool,
    /// Which booking it is about: the provider tells it back in receipts.
    pub booking: BookingId,
    /// What it says.
    pub content: MessageContent,
}

/// An e-mail to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmailOrder {
    /// To whom.
    pub to: Private<String>,
    /// Which message.
    pub message: Message,
    /// Who sends it.
    pub provider: Provider,
    /// Who does, should that one not.
    pub next: Option<Provider>,
    /// The provider's template, where it sends no other wording.
    pub template: Option<String>,
    /// Whom it comes from: the address.
    pub from: Option<String>,
    /// And the name beside it.
    pub from_name: Option<String>,
    /// Where replies go.
    pub reply_to: Option<String>,
    /// Amazon SES's configuration set.
    pub configuration_set: Option<String>,
    /// The calendar file that goes with it.
    pub calendar: Option<Calendar>,
    /// Which booking it is about: the provider tells it back in receipts.
    pub booking: BookingId,
    /// What it says.
    pub content: MessageContent,
    /// The agent's notes, for VAI's own template.
    pub notes: Option<Private<String>>,
    /// The kind of agent.
    pub agent_type: Option<String>,
}

/// What a calendar file needs besides the letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// Whether it asks for an answer.
    pub kind: CalendarFile,
    /// How often the meeting has changed since it was booked: its `SEQUENCE`.
    pub sequence: u32,
    /// Whether the meeting is off.
    pub is_canceled: bool,
    /// When this was composed: its `DTSTAMP`.
    pub at: Timestamp,
    /// The host's address: its `ORGANIZER`.
    pub organizer: Option<Private<String>>,
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
    Sms(SmsOrder),
    /// Send an e-mail.
    Email(EmailOrder),
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
    /// What the timeline says of it besides its outcome, without personal data: who sends it, in which language, and where
    /// the number was found.
    pub fn detail(&self, number: Option<PhoneSource>) -> Option<String> {
        let sent =
            |provider: Provider, content: &MessageContent| format!("{}, {}", provider.title(), content.language.tag());
        match self {
            Self::Sms(text) => {
                let number = number.map(|source| format!(", number from {}", source.name())).unwrap_or_default();
                Some(sent(text.provider, &text.content) + &number)
            }
            Self::Email(mail) => Some(sent(mail.provider, &mail.content)),
            Self::News(..) | Self::Help(..) | Self::Log(..) | Self::Cancel(..) => None,
        }
    }

    /// What it says, if it is a message to a person.
    pub fn content_mut(&mut self) -> Option<&mut MessageContent> {
        match self {
            Self::Sms(text) => Some(&mut text.content),
            Self::Email(mail) => Some(&mut mail.content),
            Self::News(..) | Self::Help(..) | Self::Log(..) | Self::Cancel(..) => None,
        }
    }

    /// Who sends it and who would if that one does not, if it is a message to a person.
    pub fn providers(&self) -> Option<(Provider, Option<Provider>)> {
        match self {
            Self::Sms(text) => Some((text.provider, text.next)),
            Self::Email(mail) => Some((mail.provider, mail.next)),
            Self::News(..) | Self::Help(..) | Self::Log(..) | Self::Cancel(..) => None,
        }
    }
}

/// Composes an action about a leg, as the booking stands at `now`. Providers that were passed over are not asked again.
///
/// # Errors
/// The reason why it can't be done, or should not be done any more.
pub fn compose(
    booking: &Booking,
    leg: &Leg,
    action: &Action,
    passed_over: &[Provider],
    settings: &Settings,
    now: Timestamp,
) -> Result<Order, Reason> {
    let compose = Compose { booking, leg, passed_over, settings, now };
    match action {
        Action::Sms(message) => {
            check_still_wanted(booking, leg, *message, Channel::Sms, settings, now)?;
            let numbers = invitee_numbers(booking, leg, settings)?;
            Ok(Order::Sms(compose.text(*message, numbers, content(booking, leg, *message, settings))?))
        }
        Action::Email(message) => {
            if booking.metadata.is_none() && settings.mail_for == MailFor::Vai {
                return Err(Reason::NotVais);
            }
            check_still_wanted(booking, leg, *message, Channel::Email, settings, now)?;
            let to = leg.details.email.clone();
            Ok(Order::Email(compose.mail(*message, to, content(booking, leg, *message, settings))?))
        }
        Action::SmsHost(notice, address) => {
            let message = Message::HostNotice(*notice);
            check_still_wanted(booking, leg, message, Channel::Sms, settings, now)?;
            let (host, contact) = host(leg, address, settings);
            let phone = contact.phone.as_ref().ok_or(Reason::NoPhone)?;
            let number = Number { text: phone.expose().into(), source: PhoneSource::Settings };
            let content = host_content(content(booking, leg, message, settings), *notice, host, &contact, settings);
            Ok(Order::Sms(compose.text(message, vec![number], content)?))
        }
        Action::EmailHost(notice, address) => {
            let message = Message::HostNotice(*notice);
            check_still_wanted(booking, leg, message, Channel::Email, settings, now)?;
            let (host, contact) = host(leg, address, settings);
            let content = host_content(content(booking, leg, message, settings), *notice, host, &contact, settings);
            Ok(Order::Email(compose.mail(message, address.clone(), content)?))
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
        Action::FetchMissingHalf => Err(Reason::NotFound),
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
fn check_still_wanted(
    booking: &Booking,
    leg: &Leg,
    message: Message,
    channel: Channel,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), Reason> {
    let is_of_the_end = matches!(message, Message::Cancellation | Message::HostNotice(Notice::Canceled));
    let is_current = match booking.state() {
        None if message == Message::NotBooked => booking.failed_request().is_some_and(|it| it.0.invitee == leg.invitee),
        Some(_) if message == Message::NotBooked => return Err(Reason::BookedAfterAll),
        Some(BookingState::Active(head)) => head.invitee == leg.invitee && !is_of_the_end,
        Some(BookingState::Canceled(head, _)) if is_of_the_end => head.invitee == leg.invitee,
        Some(BookingState::Canceled(..)) => return Err(Reason::CanceledBeforeFire),
        Some(BookingState::Moving(_)) | None => false,
    };
    if !is_current {
        return Err(Reason::MovedBeforeFire);
    }
    let details = &leg.details;
    match message {
        Message::FollowUp { .. } if leg.is_no_show() => Err(Reason::NoShow),
        Message::FollowUp { minutes_after } if now > later(after(details.end, minutes_after), FOLLOW_UP_LATENESS) => {
            Err(Reason::TooLate)
        }
        Message::FollowUp { .. } => Ok(()),
        Message::NoShow => match no_show_hour(leg, settings) {
            None => Err(Reason::CameAfterAll),
            Some(hour) if now > later(hour, FOLLOW_UP_LATENESS) => Err(Reason::TooLate),
            Some(_) => Ok(()),
        },
        _ if now >= details.start => Err(Reason::PastStart),
        Message::Reminder { minutes_before } => {
            // Two that were brought forward out of the same quiet hours would come at once.
            let hour = |minutes: u32| match channel {
                Channel::Sms => earliest(before(details.start, minutes), leg, settings),
                Channel::Email => before(details.start, minutes),
            };
            let later_is_due = |other: &u32| *other < minutes_before && hour(*other) <= now;
            if settings.reminders_of(leg).iter().any(later_is_due) { Err(Reason::Superseded) } else { Ok(()) }
        }
        Message::Reconfirmation { .. } if is_reconfirmed(leg) => Err(Reason::Reconfirmed),
        Message::Confirmation
        | Message::Move
        | Message::Cancellation
        | Message::Reconfirmation { .. }
        | Message::NotBooked
        | Message::HostNotice(_) => Ok(()),
    }
}

/// Whether the invitee has confirmed once more, as Calendly can ask too.
pub(crate) fn is_reconfirmed(leg: &Leg) -> bool {
    leg.details.reconfirmation.is_some_and(|it| it.confirmed_at.is_some())
}

/// When whoever did not come hears from us: once the meeting is over, and the host has had time to take it back.
pub(crate) fn no_show_hour(leg: &Leg, settings: &Settings) -> Option<Timestamp> {
    let word = leg.no_show.filter(|word| word.marked)?;
    Some(after(word.at.max(leg.details.end), settings.no_show_minutes))
}

/// A reminder's hour, or the one that it may have been brought forward to.
fn earliest(hour: Timestamp, leg: &Leg, settings: &Settings) -> Timestamp {
    let quiet = &settings.quiet_hours;
    if quiet.are_never() {
        return hour;
    }
    let tz = zone_of_recipient(leg, settings);
    if quiet.hold(hour, &tz) { quiet.evening_before(hour, &tz) } else { hour }
}

/// The zone by whose clock the invitee is not to be disturbed.
fn zone_of_recipient(leg: &Leg, settings: &Settings) -> TimeZone {
    let zone = leg.details.zone.as_deref().unwrap_or(&settings.fallback_zone);
    TimeZone::get(zone).unwrap_or(TimeZone::UTC)
}

/// The hour for an action that was meant for `at`: another one, where that is in the recipient's quiet hours.
///
/// # Errors
/// No hour is left that would be of use.
pub fn postponed(
    leg: &Leg,
    action: &Action,
    at: Timestamp,
    settings: &Settings,
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    let Action::Sms(message) = action else { return Ok(at) };
    if !message.is_timed() || settings.quiet_hours.are_never() {
        return Ok(at);
    }
    let leeway = match message {
        Message::FollowUp { .. } | Message::NoShow => Leeway::Later,
        _ => Leeway::EarlierOrUntil(before(leg.details.start, settings.quiet_hours.useful_minutes)),
    };
    let tz = zone_of_recipient(leg, settings);
    settings.quiet_hours.hour_for(at, &tz, leeway, now).ok_or(Reason::QuietHours)
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

/// What may be the invitee's number, in order of trust. Of the answers, only those to the settings' phone questions count.
fn invitee_numbers(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<Vec<Number>, Reason> {
    let told =
        leg.details.phones.iter().filter(|it| it.question.as_deref().is_none_or(|it| settings.asks_for_phone(it)));
    let told = told.map(|it| Number { text: it.text.clone(), source: it.source });
    let kept = booking.metadata.as_ref().and_then(|it| it.phone.clone());
    let kept = kept.map(|text| Number { text, source: PhoneSource::Metadata });
    let given: Vec<_> =
        told.chain(kept).filter(|it| Phone::parse(it.text.expose()) != Err(PhoneError::Empty)).collect();
    if given.is_empty() {
        return Err(Reason::NoPhone);
    }
    let may_be = |it: &Number| {
        let text = it.text.expose();
        let digits = text.chars().filter(char::is_ascii_digit).count();
        Phone::parse(text).is_ok() || settings.default_region.is_some() && (6..=15).contains(&digits)
    };
    let numbers: Vec<_> = given.into_iter().filter(may_be).collect();
    if numbers.is_empty() { Err(Reason::PhoneInvalid) } else { Ok(numbers) }
}

/// What composing a message needs.
struct Compose<'a> {
    booking: &'a Booking,
    leg: &'a Leg,
    passed_over: &'a [Provider],
    settings: &'a Settings,
    now: Timestamp,
}

impl Compose<'_> {
    /// Who sends a message: the first who can, and the one after.
    fn senders(&self, message: Message, channel: Channel, language: Language) -> Result<Senders, Reason> {
        let settings = self.settings;
        let mut able = settings.providers_of(message, channel).iter().copied().filter_map(|provider| {
            let template = settings.template_of(message, provider, language, self.leg).map(str::to_owned);
            let can = !self.passed_over.contains(&provider) && (template.is_some() || !provider.has_templates());
            can.then_some((provider, template))
        });
        let (provider, template) = able.next().ok_or(Reason::NoTemplate)?;
        Ok(Senders { provider, template, next: able.next().map(|(next, _)| next) })
    }

    fn text(&self, message: Message, numbers: Vec<Number>, content: MessageContent) -> Result<SmsOrder, Reason> {
        let Senders { provider, template, next } = self.senders(message, Channel::Sms, content.language)?;
        let settings = self.settings;
        Ok(SmsOrder {
            numbers,
            region: settings.default_region.clone(),
            message,
            provider,
            next,
            template,
            sender: settings.senders.twilio.clone().filter(|_| provider == Provider::Twilio),
            transliterate: settings.transliterate.contains(&content.language),
            booking: self.booking.id.clone(),
            content,
        })
    }

    fn mail(&self, message: Message, to: Private<String>, content: MessageContent) -> Result<EmailOrder, Reason> {
        let Senders { provider, template, next } = self.senders(message, Channel::Email, content.language)?;
        let (settings, metadata) = (self.settings, self.booking.metadata.as_ref());
        let senders = &settings.senders;
        Ok(EmailOrder {
            to,
            message,
            provider,
            next,
            template,
            from: senders.email.clone(),
            from_name: senders.email_name.clone(),
            reply_to: senders.reply_to.clone(),
            configuration_set: senders.ses_configuration_set.clone(),
            calendar: self.calendar(message),
            booking: self.booking.id.clone(),
            content,
            notes: metadata.and_then(|it| it.notes.clone()),
            agent_type: metadata.and_then(|it| it.agent_type.clone()),
        })
    }

    /// The file that puts the meeting into the invitee's calendar, moves it there or takes it out.
    fn calendar(&self, message: Message) -> Option<Calendar> {
        let is_about_the_calendar = matches!(message, Message::Confirmation | Message::Move | Message::Cancellation);
        let kind = self.settings.calendar_file;
        if kind == CalendarFile::Off || !is_about_the_calendar {
            return None;
        }
        let is_canceled = message == Message::Cancellation;
        let legs = self.booking.legs();
        let moves = legs.iter().position(|it| it.invitee == self.leg.invitee).unwrap_or_default();
        let sequence = u32::try_from(moves).unwrap_or(u32::MAX).saturating_add(u32::from(is_canceled));
        let organizer = self.leg.details.hosts.first().map(|it| it.email.clone());
        Some(Calendar { kind, sequence, is_canceled, at: self.now, organizer })
    }
}

/// Who sends a message.
struct Senders {
    provider: Provider,
    template: Option<String>,
    next: Option<Provider>,
}

/// What a message to the invitee says.
fn content(booking: &Booking, leg: &Leg, message: Message, settings: &Settings) -> MessageContent {
    let details = &leg.details;
    let language = language(booking, leg, settings);
    let survey = settings.survey_of(leg).filter(|_| matches!(message, Message::FollowUp { .. }));
    let offers_link = match message {
        Message::FollowUp { .. } => survey.is_none(),
        Message::Cancellation | Message::NoShow | Message::NotBooked => true,
        _ => false,
    };
    let in_person = details.in_person.then(|| details.hosts.first()).flatten();
    let told = in_person.and_then(|host| settings.host(host.email.expose())?.zone.clone());
    MessageContent {
        // In Chinese a given name alone is for friends.
        name: details
            .first_name
            .clone()
            .filter(|_| language != Language::TraditionalChinese)
            .unwrap_or_else(|| details.name.clone()),
        invitee: details.name.clone(),
        event: details.event_name.clone(),
        start: details.start,
        end: details.end,
        old_start: booking.before(leg).map(|old| old.details.start),
        zone_of: in_person.filter(|_| told.is_none()).and_then(|host| host.user.clone()),
        zone: told.or_else(|| details.zone.clone()).unwrap_or_else(|| settings.fallback_zone.clone()),
        language,
        join_url: details.join_url.clone(),
        location: details.location.clone(),
        link_follows: details.online && details.join_url.is_none(),
        by_phone: details.by_phone,
        cancel_url: details.cancel_url.clone(),
        reschedule_url: details.reschedule_url.clone(),
        survey_url: survey.map(str::to_owned),
        booking_url: None,
        link_for: details.event_type.clone().filter(|_| offers_link && settings.booking_links),
        by_invitee: is_by_invitee(booking, leg),
        notice: None,
        host: details.host.clone(),
        wording: settings.wording_of(message, language, leg),
    }
}

/// Whether it was the invitee who canceled, or moved the meeting here. What VAI's agent does, it does at the invitee's wish,
/// though Calendly takes it for the host's doing.
fn is_by_invitee(booking: &Booking, leg: &Leg) -> bool {
    let given_up = if leg.canceled.is_some() { Some(leg) } else { booking.before(leg) };
    given_up.is_some_and(|leg| {
        booking.cancel_requests().contains_key(&leg.invitee)
            || booking.replacing(leg).is_some()
            || leg.canceled.as_ref().is_some_and(|end| end.by == CanceledBy::Invitee)
    })
}

/// The host that a notice is addressed to, and how to reach them.
fn host<'a>(leg: &'a Leg, address: &Private<String>, settings: &Settings) -> (Option<&'a EventHost>, HostContact) {
    let hosts = &leg.details.hosts;
    if address.expose().is_empty() {
        let contact = HostContact { phone: settings.host_phone.clone(), ..HostContact::default() };
        return (hosts.first(), contact);
    }
    let host = hosts.iter().find(|it| it.email.expose().eq_ignore_ascii_case(address.expose()));
    (host, settings.host(address.expose()).cloned().unwrap_or_default())
}

/// What a host is told: the same, in the host's own language and zone.
fn host_content(
    content: MessageContent,
    notice: Notice,
    host: Option<&EventHost>,
    contact: &HostContact,
    settings: &Settings,
) -> MessageContent {
    MessageContent {
        name: host.and_then(|it| it.name.clone()).unwrap_or_default().into(),
        language: contact.language.unwrap_or(settings.default_language),
        zone: contact.zone.clone().unwrap_or_else(|| settings.fallback_zone.clone()),
        zone_of: host.filter(|_| contact.zone.is_none()).and_then(|it| it.user.clone()),
        cancel_url: None,
        reschedule_url: None,
        notice: Some(notice),
        ..content
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
