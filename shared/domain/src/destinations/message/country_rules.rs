//! The rules of a number's country: whether a message may be sent there by SMS, from whom, in which hours, with which
//! links, and whether an answer comes back. What is said here is read from the files of the crate `countries`.

use countries::{Country, QuietSpan, SenderKind, TextLimits};

use super::order::MessageContent;
use crate::message::{Message, Notice};
use crate::personal::Phone;
use crate::phone::country_of;
use crate::provider::Provider;
use crate::reason::Reason;
use crate::settings::{Price, Settings};

/// An address of Calendly's pages, where a link for a new booking will lead.
const BOOKING_PAGE: &str = "https://calendly.com/";

/// The rules for SMS to one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountryRules<'a> {
    country: &'static Country,
    /// The domains that the settings name for the country.
    domains: Option<&'a [String]>,
    settings: &'a Settings,
}

impl<'a> CountryRules<'a> {
    /// Returns the rules for a number: those of its country, whatever language and time zone the person has.
    pub(crate) fn of(phone: &Phone, settings: &'a Settings) -> Self {
        Self::in_country(country_of(phone).as_deref(), settings)
    }

    /// Returns the rules for a country's numbers.
    fn in_country(code: Option<&str>, settings: &'a Settings) -> Self {
        let domains = code.and_then(|code| settings.sms_link_domains.get(code)).map(Vec::as_slice);
        Self { country: countries::country(code), domains, settings }
    }

    /// Checks whether a message may be sent by SMS at all.
    ///
    /// # Errors
    /// [`Reason::CountryChannel`].
    pub(crate) fn check(self, message: Message) -> Result<(), Reason> {
        let is_allowed = self.country.sms.purposes.allow(message.purpose());
        if is_allowed { Ok(()) } else { Err(Reason::CountryChannel) }
    }

    /// Returns whether the country takes the sender that a provider would use. What EngageLab uses is not known, nor
    /// what a messaging service of Twilio's chooses.
    pub(crate) fn take_sender_of(self, provider: Provider) -> bool {
        provider != Provider::Twilio || self.settings.senders.refused_in(self.country).is_none()
    }

    /// Returns whether the person can answer, for example with STOP.
    pub(crate) fn let_replies_back(self, provider: Provider) -> bool {
        let replies = &self.country.sms.replies;
        let is_two_way = if provider == Provider::Twilio { replies.twilio } else { replies.others };
        is_two_way && self.sender_of(provider) != Some(SenderKind::Name)
    }

    /// Returns the brand with which the text must begin, if the country asks for one and the settings name it.
    pub(crate) fn brand(self) -> Option<&'a str> {
        self.settings.senders.brand_in(self.country)
    }

    /// Returns the most segments of a message by a provider: the settings', or one where longer messages fall apart.
    pub(crate) fn most_segments(self, provider: Provider) -> u32 {
        let falls_apart = provider == Provider::Twilio && !self.country.sms.senders.twilio_joins_segments;
        if falls_apart { 1 } else { self.settings.sms_budget.most_segments }
    }

    /// Returns the price of a segment: see [`Settings::segment_price_in`].
    pub(crate) fn segment_price(self) -> Option<Price> {
        self.settings.segment_price_in(self.country.code.as_deref())
    }

    /// Returns what the text of a message may not have.
    pub(crate) fn limits(self, message: Message) -> TextLimits {
        self.country.sms.links.limits(message.purpose(), self.domains)
    }

    /// Returns the times without this message.
    pub(crate) fn quiet_spans(self, message: Message) -> &'static [QuietSpan] {
        self.country.sms.hours.of(message.purpose())
    }

    fn sender_of(self, provider: Provider) -> Option<SenderKind> {
        if provider == Provider::Twilio { self.settings.senders.twilio_kind() } else { None }
    }
}

/// What an SMS to a country may not have, and what it costs there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmsTerms {
    /// What the text may not have.
    pub limits: TextLimits,
    /// The price of a segment: the settings', else the highest list price in the country, if it is known.
    pub segment_price: Option<Price>,
    /// The brand with which it must begin, if carriers ask for one and the settings name it.
    pub brand: Option<String>,
}

/// Returns the terms for SMS to a country (two capital letters), for previews: no number is known there.
pub fn sms_terms(country: &str, message: Message, settings: &Settings) -> SmsTerms {
    let rules = CountryRules::in_country(Some(country), settings);
    let brand = rules.brand().map(str::to_owned);
    SmsTerms { limits: rules.limits(message), segment_price: rules.segment_price(), brand }
}

/// Removes what the text of a message may not have: links, and a place that is a link or a number. Returns whether the
/// person misses something without it.
pub(crate) fn withhold(content: &mut MessageContent, message: Message, limits: &TextLimits) -> bool {
    let names_place = match message {
        Message::Confirmation | Message::Move | Message::Reminder { .. } | Message::Reconfirmation { .. } => true,
        Message::HostNotice(notice) => notice != Notice::Canceled,
        Message::Cancellation | Message::FollowUp { .. } | Message::NoShow | Message::NotBooked => false,
    };
    let can_be_changed = names_place && !matches!(message, Message::HostNotice(_));
    let is_survey = matches!(message, Message::FollowUp { .. });
    let mut is_missed = false;
    for (link, is_shown) in [
        (&mut content.join_url, names_place),
        (&mut content.cancel_url, can_be_changed),
        (&mut content.reschedule_url, can_be_changed),
        (&mut content.survey_url, is_survey),
    ] {
        if link.take_if(|it| !limits.allow_link(it)).is_some() {
            is_missed |= is_shown;
        }
    }
    if content.location.take_if(|it| !limits.allow_text(it.expose())).is_some() {
        is_missed |= names_place;
    }
    if content.link_for.take_if(|_| !limits.allow_link(BOOKING_PAGE)).is_some() {
        is_missed = true;
    }
    is_missed
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use jiff::civil::{Date, date};
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, ToSpan};

    use super::super::timing::leeway_of;
    use super::*;
    use crate::quiet::QuietTimes;

    /// A mobile number and a time zone of each country with a file, and of one without.
    const NUMBERS: [(&str, &str, &str); 13] = [
        ("RO", "+40712345678", "Europe/Bucharest"),
        ("DK", "+4520123456", "Europe/Copenhagen"),
        ("TW", "+886912345678", "Asia/Taipei"),
        ("GB", "+447400123456", "Europe/London"),
        ("US", "+14045551234", "America/New_York"),
        ("DE", "+4915123456789", "Europe/Berlin"),
        ("HU", "+36201234567", "Europe/Budapest"),
        ("MD", "+37362112345", "Europe/Chisinau"),
        ("IT", "+393123456789", "Europe/Rome"),
        ("ES", "+34612345678", "Europe/Madrid"),
        ("FR", "+33612345678", "Europe/Paris"),
        ("PL", "+48512345678", "Europe/Warsaw"),
        ("CN", "+8613800138000", "Asia/Shanghai"),
    ];

    fn settings(code: &str, twilio: &str, domains: &[&str]) -> Settings {
        let mut settings = Settings::default();
        // So that the table shows the hours of the country alone.
        settings.quiet_hours.until = settings.quiet_hours.from;
        settings.senders.twilio = Some(twilio.to_owned());
        if !domains.is_empty() {
            settings.sms_link_domains.insert(code.to_owned(), domains.iter().map(|it| (*it).to_owned()).collect());
        }
        settings
    }

    fn phone(number: &str) -> Phone {
        Phone::parse(number).expect("a number")
    }

    /// Returns what happens to an SMS that is planned for each hour of a day: `s` sent, `<` brought forward, `>` put
    /// off, `e` replaced by an e-mail.
    fn hours(rules: CountryRules<'_>, message: Message, day: Date, zone: &str) -> String {
        let tz = TimeZone::get(zone).expect("a zone");
        let quiet = QuietTimes::new(None, rules.quiet_spans(message));
        let outcome = |hour: i8| {
            let at = day.at(hour, 0, 0, 0).to_zoned(tz.clone()).expect("an instant").timestamp();
            let start = at + SignedDuration::from_mins(i64::from(message.minutes().unwrap_or(1440)));
            let leeway = leeway_of(message, start, rules.settings);
            let now = at - SignedDuration::from_hours(48);
            match quiet.allowed_time(at, &tz, leeway, now) {
                _ if rules.check(message).is_err() => 'e',
                None => 'e',
                Some(time) if time < at => '<',
                Some(time) if time > at => '>',
                Some(_) => 's',
            }
        };
        (0..24).map(outcome).collect()
    }

    /// Returns which links pass.
    fn links(limits: &TextLimits) -> &'static str {
        let allows = |link| limits.allow_link(link);
        match (allows("https://calendly.com/x"), allows("https://other.example"), allows("https://bit.ly/x")) {
            (true, true, true) => "all",
            (true, true, false) => "no shorteners",
            (true, false, _) => "named domains",
            _ => "none",
        }
    }

    #[test]
    fn the_table_of_countries_channels_messages_and_hours() {
        let mut page = String::from(
            "What happens to a message at each hour of a Wednesday and of a Sunday, by the recipient's clock:\n\
             s sent by SMS, < brought forward, > put off, e by e-mail. The settings have no quiet hours of their own.\n",
        );
        for (code, number, zone) in NUMBERS {
            let phone = phone(number);
            assert_eq!(country_of(&phone).as_deref(), Some(code));
            let sms = &countries::country(Some(code)).sms;
            let price = sms.price.segment.as_deref().unwrap_or("not known");
            let as_of = sms.price.as_of.map(|it| format!(" ({it})")).unwrap_or_default();
            let _ = writeln!(
                page,
                "\n==== {code}: {} ====\nreceipts: {}; a segment: {price}{as_of}",
                countries::country(Some(code)).name,
                sms.receipts.kind.name()
            );
            for (sender, provider) in
                [("VAI", Provider::Twilio), ("+15005550006", Provider::Twilio), ("", Provider::Engagelab)]
            {
                let settings = settings(code, sender, &[]);
                let rules = CountryRules::of(&phone, &settings);
                let taken = if rules.take_sender_of(provider) { "taken" } else { "not taken: e-mail" };
                let back = if rules.let_replies_back(provider) { "STOP comes back" } else { "STOP does not come back" };
                let _ = writeln!(page, "{} {sender:<13} {taken}; {back}", provider.title());
            }
            let (bare, named) = (settings(code, "VAI", &[]), settings(code, "VAI", &["calendly.com"]));
            let (bare, named) = (CountryRules::of(&phone, &bare), CountryRules::of(&phone, &named));
            for message in Message::SAMPLES {
                let notice = match message {
                    Message::HostNotice(notice) => format!(" {}", notice.name()),
                    _ => String::new(),
                };
                let links = format!(
                    "links: {}; with a domain named: {}",
                    links(&bare.limits(message)),
                    links(&named.limits(message))
                );
                let name = format!("{}{notice}", message.name());
                let (wednesday, sunday) = (date(2026, 12, 2), date(2026, 12, 6));
                let hours = [wednesday, sunday].map(|day| hours(bare, message, day, zone)).join(" ");
                let _ = writeln!(page, "{name:<20} SMS    {hours} {links}");
                let _ = writeln!(page, "{name:<20} e-mail {0} {0} links: all", "e".repeat(24));
            }
        }
        insta::assert_snapshot!("the_table_of_countries", page);
    }

    #[test]
    fn the_country_of_the_number_decides_and_not_another_one() {
        let settings = settings("TW", "VAI", &["vai.example"]);
        let limits = |number: &str| CountryRules::of(&phone(number), &settings).limits(Message::Confirmation);
        let (taiwan, romania, china) = (limits("+886912345678"), limits("+40712345678"), limits("+8613800138000"));
        assert!(taiwan.allow_link("https://vai.example/x") && !taiwan.allow_link("https://calendly.com/x"));
        assert!(romania.allow_link("https://calendly.com/x"));
        assert!(!china.allow_link("https://vai.example/x"));
    }

    #[test]
    fn the_settings_domains_count_in_a_country_without_rules_too() {
        let settings = settings("CN", "VAI", &["vai.example"]);
        let limits = CountryRules::of(&phone("+8613800138000"), &settings).limits(Message::Confirmation);
        assert!(limits.allow_link("https://vai.example/x") && !limits.allow_link("https://calendly.com/x"));
    }

    /// No hours of a country leave a week without any time.
    #[test]
    fn each_message_has_a_time_in_each_country() {
        for (code, number, zone) in NUMBERS {
            let settings = Settings::default();
            let rules = CountryRules::of(&phone(number), &settings);
            let tz = TimeZone::get(zone).expect("a zone");
            for message in Message::SAMPLES {
                let quiet = QuietTimes::new(Some(settings.quiet_hours), rules.quiet_spans(message));
                for hour in 0..168 {
                    let at = date(2026, 12, 2).at(0, 0, 0, 0).to_zoned(tz.clone()).expect("an instant");
                    let at = (at + hour.hours()).timestamp();
                    let time = quiet.allowed_time(at, &tz, crate::quiet::Leeway::Later, at);
                    assert!(time.is_some_and(|it| it >= at), "{code} {message:?} {hour}");
                }
            }
        }
    }
}
