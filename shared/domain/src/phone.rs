//! Phone numbers as people write them: the one reader for webhooks, agents, settings and replies.
//!
//! Source of the numbering plans: Google's libphonenumber, by the crate `rlibphonenumber`. It reads what is a number
//! already. This module finds the number in what people write around it.

use rlibphonenumber::phonenumber_matcher::{FindNumberExt, Leniency};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};
use stranger::is_invisible;

use crate::personal::Phone;
use crate::reason::Reason;

/// The longest text that is searched, in characters.
const LONGEST: usize = 200;

/// No phone number has fewer digits.
const FEWEST_DIGITS: usize = 6;

/// The longest country calling code, in digits.
const LONGEST_CODE: usize = 3;

/// Reads the first phone number in a text, of any kind. `region` is the country (two letters) of a number without
/// country code.
///
/// # Errors
/// [`Reason::PhoneInvalid`] or [`Reason::PhoneWithoutCountry`].
pub fn read_phone(text: &str, region: Option<&str>) -> Result<Phone, Reason> {
    find_numbers(text, region)?.iter().find_map(to_phone).ok_or(Reason::PhoneInvalid)
}

/// Reads the first phone number in a text that can get SMS. `region` is the country (two letters) of a number without
/// country code.
///
/// # Errors
/// [`Reason::PhoneInvalid`], [`Reason::PhoneWithoutCountry`]; or, when none can get SMS, why the first can't:
/// [`Reason::Landline`] or [`Reason::NumberNotTexted`].
pub fn read_mobile(text: &str, region: Option<&str>) -> Result<Phone, Reason> {
    let numbers = find_numbers(text, region)?;
    let mobile = numbers.iter().filter(|it| check_kind(it).is_ok()).find_map(to_phone);
    let refused = || numbers.iter().find_map(|it| check_kind(it).err()).unwrap_or(Reason::Landline);
    mobile.ok_or_else(refused)
}

/// Checks whether a number is of a kind that can get SMS.
///
/// # Errors
/// [`Reason::Landline`] or [`Reason::NumberNotTexted`].
pub(crate) fn check_mobile(phone: &Phone) -> Result<(), Reason> {
    let number = PHONE_NUMBER_UTIL.parse(phone.expose(), None).map_err(|_| Reason::PhoneInvalid)?;
    check_kind(&number)
}

/// Returns whether a text names a country (two capital letters) that has phone numbers.
pub(crate) fn is_country(text: &str) -> bool {
    let is_code = text.len() == 2 && text.bytes().all(|it| it.is_ascii_uppercase());
    let region: Option<Region> = text.parse().ok();
    is_code && region.is_some_and(|it| PHONE_NUMBER_UTIL.get_country_code_for_region(it).is_some())
}

/// Returns the country of a number (two capital letters); `None` if it belongs to none.
pub(crate) fn country_of(phone: &Phone) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(phone.expose(), None).ok()?;
    number.get_region_code().map(|region| region.to_string())
}

fn to_phone(number: &PhoneNumber) -> Option<Phone> {
    Phone::parse(&number.format_as(PhoneNumberFormat::E164))
}

/// The calling codes that belong to no country: free phone, shared cost, satellites, personal and international
/// numbers, and premium rate. Whoever owns such a number may earn by each SMS to it.
/// Source: ITU-T E.164, the list of assigned country codes.
const NO_COUNTRY: [i32; 9] = [800, 808, 870, 878, 881, 882, 883, 888, 979];

/// Satellite phones among the mobile numbers of countries: the calling code, and the first digits after it.
/// Source: for France and Australia the carriers of Google's libphonenumber 9.0.43 (Globalstar Europe, Pivotel
/// Satellite). For China (China Satcom, Tiantong) and Russia it is common knowledge, not held against a
/// published list.
const NATIONAL_SATELLITES: [(i32, &[&str]); 4] = [
    (7, &["954"]),
    (33, &["63800", "64000", "64001", "64002", "64003", "64004", "75076", "75077"]),
    (61, &["4201", "4800", "4808", "4858", "4899"]),
    (86, &["1349", "1740"]),
];

fn is_satellite(number: &PhoneNumber) -> bool {
    let digits = number.format_as(PhoneNumberFormat::E164);
    let starts = NATIONAL_SATELLITES.iter().filter(|(code, _)| *code == number.country_code);
    starts
        .flat_map(|(code, starts)| starts.iter().map(move |it| format!("+{code}{it}")))
        .any(|it| digits.starts_with(&it))
}

/// Checks the kind of a number: whether it can be a mobile. A number with an extension is a switchboard. North America
/// and Denmark do not tell mobiles from landlines.
fn check_kind(number: &PhoneNumber) -> Result<(), Reason> {
    use PhoneNumberType::{
        FixedLineOrMobile, Mobile, Pager, PersonalNumber, PremiumRate, SharedCost, TollFree, UAN, VoiceMail,
    };
    if NO_COUNTRY.contains(&number.country_code) || is_satellite(number) {
        return Err(Reason::NumberNotTexted);
    }
    match number.get_type() {
        PremiumRate | SharedCost | PersonalNumber | Pager | UAN | VoiceMail | TollFree => Err(Reason::NumberNotTexted),
        Mobile | FixedLineOrMobile if number.extension.is_none() => Ok(()),
        _ => Err(Reason::Landline),
    }
}

/// Returns the numbers in a text; at least one.
fn find_numbers(text: &str, region: Option<&str>) -> Result<Vec<PhoneNumber>, Reason> {
    let text = clean(text);
    let region: Option<Region> = region.and_then(|it| it.parse().ok());
    let parts = split_parts(&text);
    let has_country = parts.iter().any(|it| international_digits(it).is_some());
    // Only the matcher knows extensions and two numbers in a row. It takes the end of a number with a mistake for a
    // national number, so it knows no region when there is a country code.
    let national = region.filter(|_| !has_country);
    let matches = || {
        let matcher = text.phone_number_matcher_builder().leniency(Leniency::Valid).preferred_region(national).build();
        matcher.map(|it| it.number)
    };
    let may_have_extension = text.contains(|c: char| c.is_alphabetic() || matches!(c, '#' | ';' | ','));
    if may_have_extension {
        let numbers: Vec<_> = matches().collect();
        if numbers.iter().any(|it| it.extension.is_some()) {
            return Ok(numbers);
        }
    }
    let mut numbers: Vec<_> = parts.iter().filter_map(|it| parse_part(it, region)).collect();
    if numbers.is_empty() {
        numbers.extend(matches());
    }
    match numbers.is_empty() {
        false => Ok(numbers),
        true if parts.is_empty() || region.is_some() || has_country => Err(Reason::PhoneInvalid),
        true => Err(Reason::PhoneWithoutCountry),
    }
}

/// Replaces digits, spaces and punctuation of any script by ASCII, and removes what cannot be seen.
fn clean(text: &str) -> String {
    text.chars().take(LONGEST).filter_map(clean_char).collect()
}

fn clean_char(c: char) -> Option<char> {
    match c {
        _ if c.is_ascii_graphic() => Some(c),
        _ if c.is_whitespace() => Some(' '),
        '＋' | '﹢' | '⁺' | '₊' | '➕' => Some('+'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' | '\u{fe63}' | 'ー' => Some('-'),
        '·' | '•' | '․' | '。' => Some('.'),
        '⁄' | '∕' => Some('/'),
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32),
        _ if is_invisible(c) => None,
        _ => Some(ascii_digit(c).unwrap_or(c)),
    }
}

/// The zeros of the scripts with decimal digits in present use. The nine others follow each.
/// Source: Unicode, `General_Category=Decimal_Number`.
const ZEROS: [u32; 19] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810, 0x1d7ce,
];

fn ascii_digit(c: char) -> Option<char> {
    let values = ZEROS.iter().filter_map(|zero| u32::from(c).checked_sub(*zero));
    values.filter(|value| *value < 10).find_map(|value| char::from_digit(value, 10))
}

/// Returns the parts of a text that can be a number: digits with punctuation between them. A plus begins a part.
fn split_parts(text: &str) -> Vec<&str> {
    let is_of_number = |c: char| c.is_ascii_digit() || " +()-./[]".contains(c);
    let mut parts = Vec::new();
    for run in text.split(|c| !is_of_number(c)) {
        let mut from = 0;
        for (at, _) in run.match_indices('+') {
            parts.push(&run[from..at]);
            from = at;
        }
        parts.push(&run[from..]);
    }
    parts.retain(|it| digits_of(it).len() >= FEWEST_DIGITS);
    parts
}

fn digits_of(part: &str) -> String {
    part.chars().filter(char::is_ascii_digit).collect()
}

/// Returns the digits after `+` or `00`.
fn international_digits(part: &str) -> Option<String> {
    let digits = digits_of(&part.replace("(0)", ""));
    let has_plus = part.contains('+');
    let bare = digits.trim_start_matches('0');
    match digits.len() - bare.len() {
        0 => has_plus.then_some(digits),
        1 => None,
        _ => Some(bare.to_owned()),
    }
}

/// Parses a part as it is, else as what was meant by it.
fn parse_part(part: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let parse = |text: &str| PHONE_NUMBER_UTIL.parse(text, region).ok().filter(PhoneNumber::is_valid);
    // A zero in brackets is not dialled from abroad. In Italy a zero without brackets is.
    let as_written = parse(part).filter(|_| !part.contains("(0)"));
    if as_written.is_some() {
        return as_written;
    }
    let Some(digits) = international_digits(part) else {
        // A plus before a national number.
        return parse(part.trim_start_matches([' ', '+']));
    };
    let international = |digits: &str| parse(&format!("+{digits}"));
    let corrected = || {
        let (code, rest) = split_country_code(&digits)?;
        // The country code twice; or a trunk prefix that is only dialled at home. Mexico's mobiles had a 1 until 2019.
        let doubled = rest.trim_start_matches('0').strip_prefix(code);
        let trunk = rest.strip_prefix('0').or_else(|| rest.strip_prefix('1').filter(|_| code == "52"));
        [doubled, trunk].into_iter().flatten().find_map(|rest| international(&format!("{code}{rest}")))
    };
    international(&digits).or_else(|| parse(part)).or_else(corrected)
}

/// Splits digits into the country calling code and the rest.
fn split_country_code(digits: &str) -> Option<(&str, &str)> {
    (1..=LONGEST_CODE).filter_map(|length| digits.split_at_checked(length)).find(|(code, _)| {
        code.parse().is_ok_and(|code: i32| PHONE_NUMBER_UTIL.get_region_for_country_code(code).is_some())
    })
}

#[cfg(test)]
mod tests {
    use Reason::{Landline, NumberNotTexted, PhoneInvalid, PhoneWithoutCountry};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let ana = Ok("+40712345678");
        for (text, region, expected) in [
            ("20 12 34 56", Some("DK"), Ok("+4520123456")),
            ("0712 345 678", Some("RO"), ana),
            ("0912-345-678", Some("TW"), Ok("+886912345678")),
            ("923700056581", Some("PK"), Ok("+923700056581")),
            ("8 912 345-67-89", Some("RU"), Ok("+79123456789")),
            // A country code overrides the region.
            ("+40 712 345 678", None, ana),
            ("+40 712 345 678", Some("DK"), ana),
            ("+40 712 345 678", Some("nowhere"), ana),
            ("+49 1512 3456789", Some("US"), Ok("+4915123456789")),
            ("+86 138 0013 8000", Some("US"), Ok("+8613800138000")),
            ("+1 (404) 555-1234", Some("RO"), Ok("+14045551234")),
            // A zero that belongs to the number.
            ("+229 01 97 12 34 56", None, Ok("+2290197123456")),
            ("+225 07 12 34 56 78", Some("RO"), Ok("+2250712345678")),
            // Marks that cannot be seen, and digits of other scripts.
            ("\u{202a}+40 712 345 678\u{202c}", None, ana),
            ("\u{feff}+40\u{a0}712\u{200b}345\u{202f}678\r\n", None, ana),
            ("＋４０　７１２－３４５－６７８", None, ana),
            ("٠٧١٢٣٤٥٦٧٨", Some("RO"), ana),
            ("0\u{fe0f}\u{20e3}7\u{fe0f}\u{20e3}12345678", Some("RO"), ana),
            ("+40 712–345—678", None, ana),
            // International prefixes.
            ("0040 712 345 678", None, ana),
            ("0040 712 345 678", Some("US"), ana),
            ("011 40 712 345 678", Some("US"), ana),
            ("+0040 712 345 678", Some("US"), ana),
            ("+0712 345 678", Some("RO"), ana),
            // A trunk prefix.
            ("+44 (0)7400 123456", Some("DK"), Ok("+447400123456")),
            ("+45 (0)20 12 34 56", Some("RO"), Ok("+4520123456")),
            ("+39 0347 123 4567", Some("IT"), Ok("+393471234567")),
            ("0044 (0)7400 123456", None, Ok("+447400123456")),
            ("+52 1 55 1234 5678", None, Ok("+525512345678")),
            ("+54 11 15 2345-6789", None, Ok("+5491123456789")),
            // A country code twice.
            ("+40 +40 712 345 678", Some("RO"), ana),
            ("+40 40 712 345 678", None, ana),
            ("+40 0040 712 345 678", None, ana),
            ("+1 1 404 555 1234", None, Ok("+14045551234")),
            // Words and other numbers around it.
            ("Mobil: +40 712 345 678", None, ana),
            ("Mobil: 0040 712 345 678", None, ana),
            ("+40 712 345 678 (my wife)", Some("RO"), ana),
            ("tel:+40-712-345-678", None, ana),
            ("whatsapp 0712.345.678 🙂", Some("RO"), ana),
            ("0712345678 / 0745123456", Some("RO"), ana),
            ("021 312 3456 or 0712345678", Some("RO"), ana),
            ("ring 20123456 efter kl 16", Some("DK"), Ok("+4520123456")),
            ("since 2019, 20 12 34 56", Some("DK"), Ok("+4520123456")),
            ("+40 21 312 3456", None, Err(Landline)),
            ("021 312 3456", Some("RO"), Err(Landline)),
            ("+886 2 2345 6789", None, Err(Landline)),
            ("+800 1234 5678", None, Err(NumberNotTexted)),
            // Satellite phones with a country's code.
            ("+33 6 38 00 12 34", None, Err(NumberNotTexted)),
            ("+33 6 38 10 12 34", None, Ok("+33638101234")),
            ("+61 480 012 345", None, Err(NumberNotTexted)),
            ("+7 954 123-45-67", None, Err(NumberNotTexted)),
            ("+86 134 9123 4567", None, Err(NumberNotTexted)),
            ("+1 404 555 1234 ext. 5", None, Err(Landline)),
            ("+40 712 345 67", None, Err(PhoneInvalid)),
            ("+40 712 345 678 9", Some("RO"), Err(PhoneInvalid)),
            // The end of a mistyped number is not somebody else's number.
            ("+40 71234567", Some("DK"), Err(PhoneInvalid)),
            ("+40 7123456789", Some("US"), Err(PhoneInvalid)),
            ("0040 71234567", Some("DK"), Err(PhoneInvalid)),
            ("Mobil: +40 71234567", Some("DK"), Err(PhoneInvalid)),
            ("021 312 3456 ext. 5, mobil 0712 345 678", Some("RO"), ana),
            ("+1 555", None, Err(PhoneInvalid)),
            ("0712 345 678", Some("DK"), Err(PhoneInvalid)),
            ("0712 345 678", None, Err(PhoneWithoutCountry)),
            ("0712 345 678", Some("nowhere"), Err(PhoneWithoutCountry)),
            ("call me", Some("RO"), Err(PhoneInvalid)),
            ("", Some("RO"), Err(PhoneInvalid)),
            ("  ", None, Err(PhoneInvalid)),
            (".;phone-context=", None, Err(PhoneInvalid)),
        ] {
            let read = read_mobile(text, region);
            assert_eq!(read.as_ref().map(Phone::expose).map_err(|it| *it), expected, "{text} {region:?}");
        }
        assert_eq!(read_phone("+40 21 312 3456", None).as_ref().map(Phone::expose), Ok("+40213123456"));
    }

    /// Google publishes an example of a mobile number for each country.
    #[test]
    fn the_example_of_each_country_is_read_in_each_way_of_writing_it() {
        let (mut countries, mut wrong) = (0, Vec::new());
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, PhoneNumberType::Mobile);
            let Ok(example) = example else { continue };
            countries += 1;
            let written = |format| example.format_as(format).to_string();
            let (e164, international, national) = (
                written(PhoneNumberFormat::E164),
                written(PhoneNumberFormat::International),
                written(PhoneNumberFormat::National),
            );
            let code = format!("+{}", example.country_code);
            let rest = e164.strip_prefix(&code).expect("its code").to_owned();
            let name = region.to_string();
            let ways = [
                (e164.clone(), None),
                (e164.clone(), Some("US")),
                (e164.clone(), Some("RO")),
                (international.clone(), Some("IT")),
                (national, Some(name.as_str())),
                (format!("00{}", &e164[1..]), None),
                (format!("00 {}", &international[1..]), Some("US")),
                (format!("\u{202a}{international}\u{202c}"), Some("TW")),
                (format!("Phone: {international}, after 5 pm"), None),
                (format!("{code} {e164}"), Some("DK")),
                (format!("{code} (0){rest}"), None),
            ];
            for (text, default) in ways {
                let read = read_mobile(&text, default);
                if read.as_ref().map(Phone::expose) != Ok(e164.as_str()) {
                    wrong.push(format!("{name}: {text} {default:?}: {:?}", read.map(|it| it.expose().to_owned())));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert!(countries > 200, "{countries}");
    }

    /// Google publishes examples of the other kinds, too, and of the networks that belong to no country.
    #[test]
    fn the_examples_of_costly_kinds_are_never_texted() {
        use PhoneNumberType::{Pager, PersonalNumber, PremiumRate, SharedCost, UAN, VoiceMail};
        let (mut seen, mut wrong) = (0, Vec::new());
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            for kind in [PremiumRate, SharedCost, PersonalNumber, Pager, UAN, VoiceMail] {
                let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind);
                // Some countries use one range for several kinds.
                let Some(example) = example.ok().filter(|it| it.get_type() == kind) else { continue };
                seen += 1;
                if read_mobile(&example.format_as(PhoneNumberFormat::E164), None).is_ok() {
                    wrong.push(format!("{region}: {kind:?}"));
                }
            }
        }
        for code in PHONE_NUMBER_UTIL.get_supported_global_network_calling_codes() {
            let Ok(example) = PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(code) else { continue };
            seen += 1;
            if read_mobile(&example.format_as(PhoneNumberFormat::E164), None).is_ok() {
                wrong.push(format!("+{code}"));
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert!(seen > 200, "{seen}");
    }

    #[test]
    fn a_country_has_phone_numbers() {
        for (text, expected) in [("RO", true), ("TW", true), ("XK", true), ("UK", false), ("ro", false), ("001", false)]
        {
            assert_eq!(is_country(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(
            text in "\\PC{0,40}|[+0-9 ().;=a-z-]{0,40}|(tel:)?[+0-9]{0,16}(;(phone-context|ext)=[+0-9é]{0,5})?",
            region in proptest::option::of("[A-Z]{2}|\\PC{0,3}|RO|US|001"),
        ) {
            match read_mobile(&text, region.as_deref()) {
                Ok(phone) => prop_assert_eq!(read_mobile(phone.expose(), None), Ok(phone)),
                Err(reason) => {
                    let is_known = matches!(reason, PhoneInvalid | PhoneWithoutCountry | Landline | NumberNotTexted);
                    prop_assert!(is_known, "{reason:?}");
                }
            }
        }
    }
}
