//! The phone number for SMS to an invitee.

use crate::booking::Booking;
use crate::leg::{Leg, PhoneSource};
use crate::personal::{Phone, Private};
use crate::phone::{check_mobile, read_mobile};
use crate::reason::Reason;
use crate::settings::Settings;

/// Returns the invitee's number, and where it was found: the first text, in order of preference, that is a number for
/// SMS. Answers count only if the settings list their question.
///
/// # Errors
/// Why the first text is no such number; [`Reason::PhoneQuestionUnknown`] if only another answer is one;
/// else [`Reason::NoPhone`].
pub fn choose_phone(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<(Phone, PhoneSource), Reason> {
    let read = |text: &Private<String>| read_mobile(text.expose(), settings.default_region.as_deref());
    let from_calendly = leg.details.phones.iter().filter(|it| settings.names_phone(it)).map(|it| (&it.text, it.source));
    let from_vai = booking.metadata.as_ref().and_then(|it| it.phone.as_ref()).map(|it| (it, PhoneSource::Metadata));
    let given = from_calendly.chain(from_vai).filter(|(text, _)| !text.expose().trim().is_empty());
    let mut parsed = given.map(|(text, source)| Ok((read(text)?, source)));
    let Some(first) = parsed.next() else {
        let in_another_answer = unnamed_phone_questions(leg, settings).next().is_some();
        return Err(if in_another_answer { Reason::PhoneQuestionUnknown } else { Reason::NoPhone });
    };
    first.or_else(|reason| parsed.find_map(Result::ok).ok_or(reason))
}

/// Returns the number that an invitee's SMS go to, and where it was found.
///
/// # Errors
/// Why [`choose_phone`] finds none, or [`Reason::CountryNotAllowed`].
pub fn phone_to_text(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<(Phone, PhoneSource), Reason> {
    let (phone, source) = choose_phone(booking, leg, settings)?;
    if settings.allows_country_of(&phone) { Ok((phone, source)) } else { Err(Reason::CountryNotAllowed) }
}

/// Returns a host's number, if it may be texted.
///
/// # Errors
/// Why it may not.
pub(super) fn host_phone_to_text(phone: Option<Phone>) -> Result<(Phone, PhoneSource), Reason> {
    let phone = phone.ok_or(Reason::NoPhone)?;
    // Its country is allowed: the settings name it.
    check_mobile(&phone)?;
    Ok((phone, PhoneSource::Settings))
}

/// Returns the questions that the settings do not list as phone questions, and whose answer is a phone number.
pub fn unnamed_phone_questions<'a>(leg: &'a Leg, settings: &Settings) -> impl Iterator<Item = &'a str> {
    let unnamed = leg.details.phones.iter().filter(|it| !settings.names_phone(it));
    let phones = unnamed.filter(|it| read_mobile(it.text.expose(), settings.default_region.as_deref()).is_ok());
    phones.filter_map(|it| it.question.as_deref())
}
