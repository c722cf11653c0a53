//! Phone numbers as people write them.
//!
//! Source: the metadata of Google's libphonenumber, in the crate `phonenumber`. Most countries number mobiles apart;
//! North America does not, so every number there may be texted.

use domain::{Phone, Reason};
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type};

/// The longest input, in bytes, with spaces and punctuation.
const LONGEST: usize = 64;

/// Parses a number that can be texted. `region` is the country (two letters) of a number without country code.
///
/// # Errors
/// [`Reason::PhoneInvalid`] when it is not a valid number; [`Reason::Landline`] when it can't be texted.
pub fn read(text: &str, region: Option<&str>) -> Result<Phone, Reason> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(Reason::PhoneInvalid);
    }
    let region = region.and_then(|it| it.parse().ok());
    let number = phonenumber::parse(region, text).map_err(|_| Reason::PhoneInvalid)?;
    // A number with an extension is not a mobile.
    if !number.is_valid() || number.extension().is_some() {
        return Err(Reason::PhoneInvalid);
    }
    if !can_be_texted(number.number_type(&DATABASE)) {
        return Err(Reason::Landline);
    }
    Phone::parse(&number.format().mode(Mode::E164).to_string()).map_err(|_| Reason::PhoneInvalid)
}

/// Whether a number of this kind can be texted. Personal and internet numbers often can; otherwise the provider refuses
/// them.
fn can_be_texted(kind: Type) -> bool {
    matches!(kind, Type::Mobile | Type::FixedLineOrMobile | Type::PersonalNumber | Type::Voip)
}

#[cfg(test)]
mod tests {
    use Reason::{Landline, PhoneInvalid};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, region, expected) in [
            ("20 12 34 56", Some("DK"), Ok("+4520123456")),
            ("0712 345 678", Some("RO"), Ok("+40712345678")),
            ("0912-345-678", Some("TW"), Ok("+886912345678")),
            ("923700056581", Some("PK"), Ok("+923700056581")),
            ("+40 712 345 678", None, Ok("+40712345678")),
            // A country code overrides the region.
            ("+40 712 345 678", Some("DK"), Ok("+40712345678")),
            ("+1 (404) 555-1234", None, Ok("+14045551234")),
            ("+44 7400 123456", Some("nowhere"), Ok("+447400123456")),
            ("+40 21 312 3456", None, Err(Landline)),
            ("021 312 3456", Some("RO"), Err(Landline)),
            ("+886 2 2345 6789", None, Err(Landline)),
            ("+800 1234 5678", None, Err(Landline)),
            ("+1 555", None, Err(PhoneInvalid)),
            ("0712 345 678", None, Err(PhoneInvalid)),
            ("0712 345 678", Some("DK"), Err(PhoneInvalid)),
            ("+40 712 345 678 ext. 5", None, Err(PhoneInvalid)),
            ("call me", Some("RO"), Err(PhoneInvalid)),
            ("", Some("RO"), Err(PhoneInvalid)),
            ("  ", None, Err(PhoneInvalid)),
            (".;phone-context=", None, Err(PhoneInvalid)),
        ] {
            let read = read(text, region);
            assert_eq!(read.as_ref().map(Phone::expose).map_err(|it| *it), expected, "{text} {region:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(
            text in "\\PC{0,40}|[+0-9 ().;=a-z-]{0,40}|(tel:)?[+0-9]{0,16}(;(phone-context|ext)=[+0-9é]{0,5})?",
            region in proptest::option::of("[A-Z]{2}|\\PC{0,3}|RO|US|001"),
        ) {
            match read(&text, region.as_deref()) {
                Ok(phone) => prop_assert_eq!(Phone::parse(phone.expose()), Ok(phone)),
                Err(reason) => prop_assert!(matches!(reason, PhoneInvalid | Landline)),
            }
        }
    }
}
