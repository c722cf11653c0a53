//! One-time codes: the code that an agent has asked for goes to the address or number on the booking, if there is one.
//!
//! The caller has its answer already, so it does not learn what happens here. A message that is delivered again sends
//! the same digits again, at most until the code expires.

use batch::Failure;
use domain::{
    Booking, CommandId, ConnectionName, ContactKey, Language, Leg, Objection, Outcome, Phone, PlainEmail, PlainSms,
    Private, Settings, error_chain, is_same_email, parse_email, phone_to_text,
};
use engine::{ApiStore, Clock, Contact, Email, Messaging, Sms, SmsReservation, Store, World, reserve_sms};
use jiff::{SignedDuration, Timestamp};
use wire::code::StoredCode;

/// The most codes in an hour about a booking, and the most to an address or number: whoever asks for codes must not
/// make us write to people all day.
const CODES_PER_HOUR: u32 = 3;

/// No code's SMS has more segments, in any language.
const MOST_SEGMENTS: u32 = 2;

/// A code's message.
enum Order {
    Sms(PlainSms),
    Email(PlainEmail),
}

/// A code's message, and whom it is for.
struct Addressed {
    order: Order,
    /// The number or address, hashed.
    key: ContactKey,
    /// What is stored of it.
    contact: Contact,
}

/// Sends a code.
///
/// # Errors
/// What went wrong, without personal data. The message must be delivered again.
pub(crate) async fn send<W: World<Store: ApiStore>>(
    world: &W,
    connection: &ConnectionName,
    id: &str,
    digits: &Private<String>,
) -> Result<(), Failure> {
    let (store, now) = (world.store(), world.clock().now());
    let Some((document, expires_at)) = store.load_hold(connection, id).await? else { return Ok(()) };
    let stored = StoredCode::parse(&document);
    let mut code = stored.ok_or_else(|| Failure::Permanent("a message names a code that is none".to_owned()))?;
    let settings = store.load_settings(connection).await?;
    let drop_code = |reason: &str| tracing::info!(connection = %connection, reason, "code not sent");
    if expires_at <= now || settings.is_disabled {
        drop_code("it has expired, or the connection is switched off");
        return Ok(());
    }
    let Some(booking) = find_booking(world, connection, &code, now).await? else {
        drop_code("there is no such booking");
        return Ok(());
    };
    let Some(leg) = booking.current_leg() else {
        drop_code("there is no such booking");
        return Ok(());
    };
    let composed = compose(world, connection, &settings, &code, (&booking, leg), digits).await?;
    let Some(Addressed { order, key: sent_to, contact }) = composed else {
        drop_code("the settings have no provider for it, or the person wants no messages there");
        return Ok(());
    };
    let mut reserved = None;
    if code.sent_to.as_ref() != Some(&sent_to) {
        let hour = start_of_hour(now);
        for what in [format!("booking {}", booking.id), format!("contact {}", sent_to.as_str())] {
            let counted = format!("codes of {connection} {what}");
            if store.reserve_permits(&counted, 1, CODES_PER_HOUR, hour).await? == 0 {
                drop_code("the budget of codes is spent");
                return Ok(());
            }
        }
        // A code by SMS costs as much as any other SMS, and is asked for by a stranger.
        if let Order::Sms(_) = &order {
            let wanted = SmsReservation {
                to: sent_to.clone(),
                booking: booking.id.clone(),
                command: CommandId::new(id),
                segments: MOST_SEGMENTS,
                per_number: settings.sms_budget.per_number_and_day,
                per_connection: settings.sms_budget.per_day,
                at: now,
            };
            reserved = reserve_sms(world, connection, &settings.sms_budget, wanted, contact).await?;
            if reserved.is_none() {
                drop_code("the budget of SMS is spent");
                return Ok(());
            }
        }
        // It is stored before it is sent: a code that arrives can be confirmed.
        code.sent_to = Some(sent_to);
        store.put_hold(connection, id, &code.to_json(), expires_at).await?;
    }
    let messaging = world.messaging();
    let messaging = messaging.ok_or_else(|| Failure::Unforeseen("this function sends no messages".to_owned()))?;
    let key = CommandId::new(id);
    let outcome = match &order {
        Order::Sms(sms) => messaging.sms().send_plain(connection, &key, sms).await,
        Order::Email(email) => messaging.email().send_plain(connection, &key, email).await,
    };
    // What will be tried again, or may have been sent, stays counted. So does what a later try finds refused: what the
    // first try took is not known then.
    let counted = match &outcome {
        Outcome::Refused { .. } => Some(0),
        Outcome::Done { charge, .. } => charge.segments,
        Outcome::Unsent { .. } | Outcome::Unknown { .. } => None,
    };
    if let Some((reservation, counted)) = reserved.zip(counted) {
        let corrected = store.correct_sms(connection, &reservation, counted).await;
        if let Err(error) = corrected {
            tracing::warn!(connection = %connection, error = error_chain(&error), "segments of a code not corrected");
        }
    }
    match outcome {
        Outcome::Done { .. } => {
            tracing::info!(connection = %connection, booking.id = %booking.id, "code sent");
            Ok(())
        }
        Outcome::Refused { detail, .. } => {
            tracing::error!(connection = %connection, booking.id = %booking.id, detail, "code refused");
            Ok(())
        }
        Outcome::Unsent { detail, .. } => Err(Failure::Temporary(detail)),
        // It may have been sent. The person can ask for another.
        Outcome::Unknown { detail, .. } => {
            tracing::warn!(connection = %connection, booking.id = %booking.id, detail, "code sent perhaps");
            Ok(())
        }
    }
}

/// Finds the booking that a code is about: the named one, else the next one of the address.
async fn find_booking<W: World<Store: ApiStore>>(
    world: &W,
    connection: &ConnectionName,
    code: &StoredCode,
    now: Timestamp,
) -> Result<Option<Booking>, Failure> {
    let store = world.store();
    let found = match (&code.booking, &code.email) {
        (Some(id), _) => store.find_bookings(connection, id).await?,
        (None, Some(email)) => store.find_invitee(connection, email, now).await?.upcoming,
        (None, None) => Vec::new(),
    };
    // A group event and a conversation lead to several: then it is not clear whose code it would be.
    let id = match found.as_slice() {
        [only] => only,
        [.., soonest] if code.booking.is_none() => soonest,
        _ => return Ok(None),
    };
    let booking = store.load_booking(connection, id).await?.booking;
    // Who names both must name the address that is on the booking.
    let is_theirs = |email: &Private<String>| {
        booking.current_leg().is_some_and(|leg| is_same_email(leg.details.email.expose(), email.expose()))
    };
    let is_meant = code.email.as_ref().is_none_or(is_theirs);
    Ok(Some(booking).filter(|_| is_meant))
}

/// Composes the message, by the channel that the person would rather have if that is possible; `None` if it can go by
/// neither.
async fn compose<W: World<Store: ApiStore>>(
    world: &W,
    connection: &ConnectionName,
    settings: &Settings,
    code: &StoredCode,
    (booking, leg): (&Booking, &Leg),
    digits: &Private<String>,
) -> Result<Option<Addressed>, Failure> {
    let pepper = world.pepper().await?;
    let by_email = || {
        let address = parse_email(leg.details.email.expose())?;
        let contact = ContactKey::for_email(pepper, connection, address.expose());
        let (subject, text) = words(code.language, digits);
        Some((Order::Email(PlainEmail::new(settings, address, subject, text)?), contact))
    };
    let by_sms = || {
        let (phone, _): (Phone, _) = phone_to_text(booking, leg, settings).ok()?;
        let contact = ContactKey::for_phone(pepper, connection, &phone);
        let (_, text) = words(code.language, digits);
        Some((Order::Sms(PlainSms::new(settings, phone, code.language, digits, text)?), contact))
    };
    let orders = if code.prefers_sms { [by_sms(), by_email()] } else { [by_email(), by_sms()] };
    for (order, key) in orders.into_iter().flatten() {
        let contact = world.store().load_contact(connection, &key).await?;
        if contact.objection.as_ref().is_none_or(|(objection, _)| *objection != Objection::Everything) {
            return Ok(Some(Addressed { order, key, contact }));
        }
    }
    Ok(None)
}

/// Returns the subject and the text of a code's message.
fn words(language: Language, digits: &Private<String>) -> (String, String) {
    let digits = digits.expose();
    let (subject, text) = match language {
        Language::English => (
            "The code for your booking",
            format!(
                "{digits} is the code for your booking. It is valid for 10 minutes. If you didn't ask for it, don't \
                 give it to anyone."
            ),
        ),
        Language::Romanian => (
            "Codul pentru programare",
            format!(
                "{digits} este codul pentru programare. E valabil 10 minute. Dacă nu l-ați cerut, nu îl spuneți nimănui."
            ),
        ),
        Language::Danish => (
            "Koden til din aftale",
            format!(
                "{digits} er koden til din aftale. Den gælder i 10 minutter. Har du ikke bedt om den, så giv den ikke \
                 til nogen."
            ),
        ),
        Language::TraditionalChinese => {
            ("您的預約驗證碼", format!("您的預約驗證碼是 {digits}，10 分鐘內有效。若非您本人要求，請勿告訴任何人。"))
        }
    };
    (subject.to_owned(), text)
}

/// Returns the start of an instant's hour.
fn start_of_hour(at: Timestamp) -> Timestamp {
    at - SignedDuration::from_secs(at.as_second().rem_euclid(3_600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_own_words_and_an_sms_has_two_segments_at_most() {
        let said = Language::ALL.map(|it| words(it, &"042137".into()));
        for (index, (subject, text)) in said.iter().enumerate() {
            assert!(text.contains("042137") && text.chars().count() <= 134 && !subject.contains("042137"), "{text}");
            assert!(said.iter().skip(index + 1).all(|other| other.0 != *subject && other.1 != *text), "{text}");
        }
        let at: Timestamp = "2026-11-23T08:59:59.5Z".parse().expect("an instant");
        assert_eq!(start_of_hour(at).as_second() % 3_600, 0);
    }
}
