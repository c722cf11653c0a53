//! The name of a time zone in the words of a language.

use Language::{Danish, English, Romanian, TraditionalChinese};
use domain::Language;
use icu_datetime::NoCalendarFormatter;
use icu_datetime::fieldsets::zone::Location;
use icu_datetime::input::TimeZone;
use icu_locale_core::Locale;

/// Returns the name of an IANA zone: `ora României`, `dansk tid`, `台北時間`. `None` for one that CLDR does not know.
pub(crate) fn name(zone: &str, locale: &Locale, language: Language) -> Option<String> {
    let id = TimeZone::from_iana_id(zone);
    if id.is_unknown() {
        return None;
    }
    if let Some(name) = usual_name(id.as_str(), language) {
        return Some(name.to_owned());
    }
    let formatter = NoCalendarFormatter::try_new(locale.into(), Location).ok()?;
    let name = formatter.format(&id.without_offset()).to_string();
    // CLDR's text for a zone without a name.
    if name.starts_with("GMT") {
        return None;
    }
    let name = name.replace('’', "'");
    Some(match name.strip_prefix("Ora ") {
        // CLDR's names begin with a capital letter; this one stands within a sentence.
        Some(rest) if language == Romanian => format!("ora {rest}"),
        _ => name,
    })
}

/// Returns the name that people use, where CLDR's pattern makes another: it only joins a place and the word for time,
/// as in `Danmark-tid`. The zones go by their ids in CLDR, which are the same for all aliases of an IANA name.
fn usual_name(id: &str, language: Language) -> Option<&'static str> {
    let name = match (language, id) {
        (English, "gblon") => "UK Time",
        (English, "usnyc") => "Eastern Time",
        (English, "uschi") => "Central Time",
        (English, "usden") => "Mountain Time",
        (English, "uslax") => "Pacific Time",
        (Romanian, "robuh") => "ora României",
        (Romanian, "mdkiv") => "ora Moldovei",
        (Romanian, "gblon") => "ora Marii Britanii",
        (Danish, "dkcph") => "dansk tid",
        (Danish, "robuh") => "rumænsk tid",
        (Danish, "twtpe") => "taiwansk tid",
        (Danish, "gblon") => "britisk tid",
        (Danish, "deber") => "tysk tid",
        (Danish, "sesto") => "svensk tid",
        (Danish, "noosl") => "norsk tid",
        (Danish, "fihel") => "finsk tid",
        (Danish, "nlams") => "hollandsk tid",
        (Danish, "frpar") => "fransk tid",
        (Danish, "itrom") => "italiensk tid",
        (Danish, "esmad") => "spansk tid",
        (Danish, "plwaw") => "polsk tid",
        (Danish, "hubud") => "ungarsk tid",
        (TraditionalChinese, "twtpe") => "台北時間",
        _ => return None,
    };
    Some(name)
}
