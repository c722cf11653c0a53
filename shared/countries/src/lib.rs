//! What carriers and law allow in an SMS, by the country of the number that it goes to.
//!
//! Each country has a file in `data/`, and so has every other country together: `default.toml`, which is cautious. Each
//! line of a file names its source and the date on which it was checked; `make check` fails when that is more than a
//! year ago. Who decides by these rules is `domain`.
//!
//! An e-mail address has no country, so there are no rules for e-mail here.

mod rules;
mod text;

use std::sync::LazyLock;

pub use rules::{
    Country, HourLine, LinkLine, LinkRule, PriceLine, Purpose, PurposeLine, QuietSpan, ReceiptKind, ReceiptLine,
    Registration, ReplyLine, SenderKind, SenderLine, SmsRules,
};
pub use text::{TextLimits, is_public_shortener, parse_domain};

macro_rules! files {
    ($($name:literal)*) => { [$(include_str!(concat!("../data/", $name, ".toml")),)*] };
}

/// The files of the countries.
const FILES: [&str; 12] = files!("de" "dk" "es" "fr" "gb" "hu" "it" "md" "pl" "ro" "tw" "us");

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| FILES.iter().map(|file| read(file)).collect());

static OTHERS: LazyLock<Country> = LazyLock::new(|| read(include_str!("../data/default.toml")));

fn read(file: &str) -> Country {
    toml::from_str(file).expect("the files are rules: a test reads each of them")
}

/// Returns the rules of a country (two capital letters). A country without a file, and a number that belongs to no
/// country, have the cautious ones.
pub fn country(code: Option<&str>) -> &'static Country {
    COUNTRIES.iter().find(|it| it.code.as_deref() == code && code.is_some()).unwrap_or(&OTHERS)
}

/// Returns every country that has a file, by its code.
pub fn all() -> &'static [Country] {
    &COUNTRIES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn each_file_is_read_and_is_of_the_country_that_names_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let files = std::fs::read_dir(folder).expect("the files");
        let names: BTreeSet<_> =
            files.map(|it| it.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        let codes = all().iter().map(|it| it.code.as_deref().expect("a code").to_lowercase());
        let expected: BTreeSet<_> = codes.chain(["default".to_owned()]).map(|it| format!("{it}.toml")).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn every_line_has_a_source_and_a_price_has_its_date() {
        for country in all().iter().chain([&*OTHERS]) {
            let SmsRules { purposes, links, senders, replies, hours, receipts, price } = &country.sms;
            let sources = [
                &purposes.source,
                &links.source,
                &senders.source,
                &replies.source,
                &hours.source,
                &receipts.source,
                &price.source,
            ];
            assert!(sources.iter().all(|it| it.len() > 10), "{}: {sources:?}", country.name);
            assert!(!senders.kinds.is_empty(), "{}", country.name);
            assert_eq!(price.segment.is_some(), price.as_of.is_some(), "{}", country.name);
        }
    }

    #[test]
    fn a_country_without_a_file_has_the_cautious_rules() {
        for code in [None, Some("CN"), Some("ro"), Some("")] {
            let rules = country(code);
            assert_eq!((rules.code.as_deref(), rules.sms.links.answer), (None, LinkRule::AllowListed), "{code:?}");
            assert!(!rules.sms.purposes.follow_up);
        }
        assert_eq!(country(Some("RO")).name, "Romania");
    }
}
