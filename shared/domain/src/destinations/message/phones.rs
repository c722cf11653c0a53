//! The phone number for SMS to an invitee.

use super::order::Number;
use crate::booking::Booking;
use crate::leg::{Leg, PhoneSource};
use crate::personal::{Phone, PhoneError};
use crate::reason::Reason;
use crate::settings::Settings;

/// Returns the texts that may be the invitee's number, in order of preference. Answers count only if the settings list
/// their question as a phone question.
///
/// # Errors
/// [`Reason::NoPhone`], or [`Reason::PhoneInvalid`] when none can be a number.
pub fn phone_candidates(booking: &Booking, leg: &Leg, settings: &Settings) -> Result<Vec<Number>, Reason> {
    let from_calendly =
        leg.details.phones.iter().filter(|it| it.question.as_deref().is_none_or(|it| settings.asks_for_phone(it)));
    let from_calendly = from_calendly.map(|it| Number { text: it.text.clone(), source: it.source });
    let from_vai = booking.metadata.as_ref().and_then(|it| it.phone.clone());
    let from_vai = from_vai.map(|text| Number { text, source: PhoneSource::Metadata });
    let given: Vec<_> =
        from_calendly.chain(from_vai).filter(|it| Phone::parse(it.text.expose()) != Err(PhoneError::Empty)).collect();
    if given.is_empty() {
        return Err(Reason::NoPhone);
    }
    let may_be_number = |it: &Number| {
        let text = it.text.expose();
        let digits = text.chars().filter(char::is_ascii_digit).count();
        Phone::parse(text).is_ok() || settings.default_region.is_some() && (6..=15).contains(&digits)
    };
    let numbers: Vec<_> = given.into_iter().filter(may_be_number).collect();
    if numbers.is_empty() { Err(Reason::PhoneInvalid) } else { Ok(numbers) }
}

/// Returns the first candidate that `parse` accepts.
///
/// # Errors
/// The error of `parse` for the first candidate; [`Reason::NoPhone`] if there are no candidates.
pub fn choose_phone(
    candidates: &[Number],
    parse: impl Fn(&str) -> Result<Phone, Reason>,
) -> Result<(Phone, PhoneSource), Reason> {
    let mut parsed = candidates.iter().map(|it| Ok((parse(it.text.expose())?, it.source)));
    let first = parsed.next().unwrap_or(Err(Reason::NoPhone));
    first.or_else(|reason| parsed.find_map(Result::ok).ok_or(reason))
}
