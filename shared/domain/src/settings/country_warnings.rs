//! What the rules of countries hold against settings. Which countries people are from is not known when settings are
//! saved, so most of it is a warning; the rules count again for each message.

use std::collections::BTreeSet;

use countries::{Country, LinkRule, Purpose, Registration, SenderKind};
use jiff::civil::Date;

use super::errors::{Errors, SettingsError};
use super::{EVERY_COUNTRY, Provider, Settings};
use crate::phone::{check_mobile, country_of};
use crate::reason::Reason;

impl Settings {
    /// Returns what the rules of countries hold against these settings, each with its source. It looks at the countries
    /// that the settings name: by `default_region`, `sms_link_domains`, the numbers of hosts, and `countries` unless
    /// that is the default; and at the hosts' numbers themselves.
    pub fn find_country_warnings(&self) -> Vec<SettingsError> {
        let mut warnings = Errors::default();
        self.warn_of_numbers(&mut warnings);
        let named = self.named_countries();
        for code in &named {
            let country = countries::country(Some(code));
            self.warn_of_sender(country, &mut warnings);
            self.warn_of_templates(country, &mut warnings);
            self.warn_of_links(code, country, &mut warnings);
        }
        let others = countries::country(None);
        let cautious = format!(
            "links only of the domains that sms_link_domains names, no follow-ups by SMS, and wider quiet hours{}",
            cite(&others.sms.purposes.source, others.sms.purposes.checked)
        );
        for code in named.iter().filter(|code| countries::country(Some(code)).code.is_none()) {
            warnings.add("sms_link_domains", format!("{code} has no rules of its own: {cautious}"));
        }
        if self.countries.iter().any(|it| it == EVERY_COUNTRY) {
            warnings.add("countries", format!("has countries without rules of their own: {cautious}"));
        }
        warnings.0
    }

    /// Warns of numbers of hosts that get no SMS.
    fn warn_of_numbers(&self, warnings: &mut Errors) {
        let of_hosts = self.hosts.iter().map(|(host, contact)| (format!("hosts.{host}.phone"), &contact.phone));
        let of_all = [("host_phone".to_owned(), &self.host_phone)];
        for (path, phone) in of_hosts.chain(of_all) {
            let Some(Err(reason)) = phone.as_ref().map(check_mobile) else { continue };
            let kind = match reason {
                Reason::NumberNotTexted => "is a premium, shared-cost, free, personal or satellite number",
                _ => "can't be a mobile's number",
            };
            let problem = format!(
                "{kind}, so no notice goes there by SMS ({}). Source: the numbering plans of Google's libphonenumber",
                reason.code()
            );
            warnings.add(&path, problem);
        }
    }

    /// Refuses a sender with which no SMS would go out to the country that the settings are for.
    pub(super) fn check_region(&self, errors: &mut Errors) {
        let Some(code) = &self.default_region else { return };
        let country = countries::country(Some(code));
        let senders = &country.sms.senders;
        let exceptions = self.providers.messages.values().filter_map(|it| it.sms.as_ref());
        let is_twilio_alone =
            exceptions.chain([&self.providers.sms]).flatten().all(|provider| *provider == Provider::Twilio);
        if let Some(refused) = self.senders.refused_in(country).filter(|_| is_twilio_alone) {
            let problem = format!(
                "{refused}, which carriers of {} (default_region) do not take: it must be {}, or a messaging service \
                 with one{}",
                country.name,
                list(&senders.kinds),
                cite(&senders.source, senders.checked)
            );
            errors.add("senders.twilio", problem);
        }
    }

    /// Returns the countries that the settings name.
    fn named_countries(&self) -> BTreeSet<String> {
        let phones = self.hosts.values().filter_map(|it| it.phone.as_ref()).chain(&self.host_phone);
        let has_default = self.countries == Self::default().countries;
        let listed = self.countries.iter().filter(|it| !has_default && *it != EVERY_COUNTRY);
        let regions = self.default_region.iter().chain(self.sms_link_domains.keys()).chain(listed).cloned();
        phones.filter_map(country_of).chain(regions).collect()
    }

    fn uses_twilio(&self) -> bool {
        let exceptions = self.providers.messages.values().filter_map(|it| it.sms.as_ref());
        exceptions.chain([&self.providers.sms]).flatten().any(|provider| *provider == Provider::Twilio)
    }

    fn warn_of_sender(&self, country: &Country, warnings: &mut Errors) {
        if !self.uses_twilio() {
            return;
        }
        let (name, senders, replies) = (&country.name, &country.sms.senders, &country.sms.replies);
        let kind = self.senders.twilio_kind();
        let source = cite(&senders.source, senders.checked);
        match (self.senders.refused_in(country), kind) {
            (Some(refused), _) => {
                let problem = format!(
                    "{refused}, which carriers of {name} do not take: e-mails replace the SMS by Twilio there{source}"
                );
                warnings.add("senders.twilio", problem);
            }
            (None, Some(SenderKind::Number)) => {}
            _ if senders.registration == Registration::Required => {
                warnings.add("senders.twilio", format!("must be registered for {name}{source}"));
            }
            _ => {}
        }
        if senders.brand_first && self.senders.brand.is_none() {
            let problem = format!("is missing: carriers of {name} block SMS that do not begin with it{source}");
            warnings.add("senders.brand", problem);
        }
        if kind == Some(SenderKind::Name) || !replies.twilio {
            let problem = format!(
                "do not come back by Twilio from {name}: messages without another way out say where people can stop \
                 them{}",
                cite(&replies.source, replies.checked)
            );
            warnings.add("stop_words", problem);
        }
    }

    /// Warns of EngageLab's templates, whose text is the provider's, that do not begin with the brand.
    fn warn_of_templates(&self, country: &Country, warnings: &mut Errors) {
        let Some(brand) = self.senders.brand_in(country) else { return };
        let senders = &country.sms.senders;
        for (index, template) in self.templates.iter().enumerate() {
            let is_of_sms = template.provider == Provider::Engagelab;
            if template.text.as_ref().is_some_and(|text| is_of_sms && !text.starts_with(brand)) {
                let problem = format!(
                    "does not begin with {brand}: carriers of {} block such an SMS{}",
                    country.name,
                    cite(&senders.source, senders.checked)
                );
                warnings.add(&format!("templates[{index}].text"), problem);
            }
        }
    }

    fn warn_of_links(&self, code: &str, country: &Country, warnings: &mut Errors) {
        let (name, links) = (&country.name, &country.sms.links);
        let source = cite(&links.source, links.checked);
        let domains = self.sms_link_domains.get(code);
        let path = format!("sms_link_domains.{code}");
        match (links.answer, domains) {
            (LinkRule::Registered, None) => warnings.add(
                &path,
                format!(
                    "is missing: carriers of {name} filter links whose domains were not registered with them. Until it \
                     names them, every link counts as registered{source}"
                ),
            ),
            (LinkRule::AllowListed, None) => warnings
                .add(&path, format!("is missing: SMS to {name} have no links, and e-mails have them instead{source}")),
            (LinkRule::No, Some(_)) => {
                warnings.add(&path, format!("has no effect: SMS to {name} may have no links{source}"));
            }
            (LinkRule::Yes, Some(_)) => {
                warnings.add(&path, format!("has no effect: carriers of {name} take any link{source}"));
            }
            _ => {}
        }
        for purpose in Purpose::ALL {
            let limits = links.limits(purpose, domains.map(Vec::as_slice));
            let texts = self.wording.iter().enumerate().filter_map(|(index, wording)| {
                let is_of_purpose = purpose_of(&wording.filter.message) == purpose;
                Some((index, wording.parts.sms.as_ref().filter(|_| is_of_purpose)?))
            });
            for (index, _) in texts.filter(|(_, text)| !limits.allow_text(text)) {
                let problem = format!(
                    "has a link or a number that carriers of {name} do not let through: e-mails replace this SMS \
                     there{source}"
                );
                warnings.add(&format!("wording[{index}].sms"), problem);
            }
            if purpose == Purpose::FollowUp && self.survey_url.as_ref().is_some_and(|it| !limits.allow_link(it)) {
                warnings.add("survey_url", format!("is left out of SMS to {name}{source}"));
            }
        }
    }
}

/// Returns what the messages of a name are for.
fn purpose_of(message: &str) -> Purpose {
    match message {
        "reminder" | "reconfirmation" => Purpose::Reminder,
        "follow_up" | "no_show" => Purpose::FollowUp,
        _ => Purpose::Answer,
    }
}

fn list(kinds: &[SenderKind]) -> String {
    kinds.iter().map(|kind| kind.title()).collect::<Vec<_>>().join(" or ")
}

fn cite(source: &str, checked: Date) -> String {
    format!(". Source: {source} (checked {checked})")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::message::Message;

    fn warnings(document: &Value) -> String {
        let settings = Settings::check(document).expect("settings");
        settings.find_country_warnings().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_a_country_there_is_no_warning() {
        assert_eq!(Settings::default().find_country_warnings(), []);
    }

    #[test]
    fn each_warning_names_the_rule_and_its_source() {
        insta::assert_snapshot!(warnings(&json!({
            "default_region": "RO",
            "providers": {"sms": ["engagelab", "twilio"]},
            "senders": {"twilio": "VAI Portal"},
            "survey_url": "https://bit.ly/survey",
            "sms_link_domains": {"TW": ["vai.example"], "US": ["vai.example"]},
            "hosts": {"lin@example.com": {"phone": "+8613800138000"}},
            "wording": [
                {"message": "reminder", "sms": "Join https://vai.example/j"},
                {"message": "no_show", "sms": "Call 0912-345-678"},
            ],
        })), @"
        stop_words: do not come back by Twilio from a country without rules of its own: messages without another way out say where people can stop them. Source: Nothing was read: in some of the countries that were read no answer comes back (checked 2026-11-25)
        sms_link_domains.CN: is missing: SMS to a country without rules of its own have no links, and e-mails have them instead. Source: Nothing was read: several of the countries that were read filter links that nobody has registered (checked 2026-11-25)
        wording[0].sms: has a link or a number that carriers of a country without rules of its own do not let through: e-mails replace this SMS there. Source: Nothing was read: several of the countries that were read filter links that nobody has registered (checked 2026-11-25)
        survey_url: is left out of SMS to a country without rules of its own. Source: Nothing was read: several of the countries that were read filter links that nobody has registered (checked 2026-11-25)
        senders.twilio: must be registered for Romania. Source: Twilio, SMS guidelines for Romania (twilio.com/en/guidelines/ro/sms), copy of 2026-05-09; suresms.com, Romania, without a date (checked 2026-11-25)
        stop_words: do not come back by Twilio from Romania: messages without another way out say where people can stop them. Source: Twilio, SMS guidelines for Romania (twilio.com/en/guidelines/ro/sms), copy of 2026-05-09; Infobip, SMS in Romania, copy of 2026-05-09; Amazon, countries and regions for SMS (docs.aws.amazon.com, channels-sms-countries), 2023-04-28 (checked 2026-11-25)
        sms_link_domains.RO: is missing: carriers of Romania filter links whose domains were not registered with them. Until it names them, every link counts as registered. Source: Twilio, SMS guidelines for Romania (twilio.com/en/guidelines/ro/sms), copy of 2026-05-09; help.clicksend.com, Romania, without a date (checked 2026-11-25)
        survey_url: is left out of SMS to Romania. Source: Twilio, SMS guidelines for Romania (twilio.com/en/guidelines/ro/sms), copy of 2026-05-09; help.clicksend.com, Romania, without a date (checked 2026-11-25)
        senders.twilio: must be registered for Taiwan. Source: Twilio, SMS guidelines for Taiwan (twilio.com/en/guidelines/tw/sms), copy of 2026-05-09; Infobip, SMS in Taiwan, copy of 2026-05-09; teamplus.tech, without a date (checked 2026-11-25)
        senders.brand: is missing: carriers of Taiwan block SMS that do not begin with it. Source: Twilio, SMS guidelines for Taiwan (twilio.com/en/guidelines/tw/sms), copy of 2026-05-09; Infobip, SMS in Taiwan, copy of 2026-05-09; teamplus.tech, without a date (checked 2026-11-25)
        stop_words: do not come back by Twilio from Taiwan: messages without another way out say where people can stop them. Source: Twilio, SMS guidelines for Taiwan (twilio.com/en/guidelines/tw/sms), copy of 2026-05-09; Infobip, SMS in Taiwan, copy of 2026-05-09; Amazon, countries and regions for SMS (docs.aws.amazon.com, channels-sms-countries), 2023-04-28 (checked 2026-11-25)
        wording[1].sms: has a link or a number that carriers of Taiwan do not let through: e-mails replace this SMS there. Source: Taipei Times, 2024-11-14, on the rules of the National Communications Commission (NCC) from 2024-11-18; Twilio, SMS guidelines for Taiwan (twilio.com/en/guidelines/tw/sms), copy of 2026-05-09; Infobip, SMS in Taiwan, copy of 2026-05-09 (checked 2026-11-25)
        survey_url: is left out of SMS to Taiwan. Source: Taipei Times, 2024-11-14, on the rules of the National Communications Commission (NCC) from 2024-11-18; Twilio, SMS guidelines for Taiwan (twilio.com/en/guidelines/tw/sms), copy of 2026-05-09; Infobip, SMS in Taiwan, copy of 2026-05-09 (checked 2026-11-25)
        senders.twilio: is a name, which carriers of the United States do not take: e-mails replace the SMS by Twilio there. Source: Twilio, SMS guidelines for the United States (twilio.com/en/guidelines/us/sms), copy of 2026-05-09 (checked 2026-11-25)
        stop_words: do not come back by Twilio from the United States: messages without another way out say where people can stop them. Source: Infobip, SMS in the United States, copy of 2026-05-09 (checked 2026-11-25)
        sms_link_domains.US: has no effect: carriers of the United States take any link. Source: Twilio, SMS guidelines for the United States (twilio.com/en/guidelines/us/sms), copy of 2026-05-09 (checked 2026-11-25)
        survey_url: is left out of SMS to the United States. Source: Twilio, SMS guidelines for the United States (twilio.com/en/guidelines/us/sms), copy of 2026-05-09 (checked 2026-11-25)
        sms_link_domains: CN has no rules of its own: links only of the domains that sms_link_domains names, no follow-ups by SMS, and wider quiet hours. Source: Nothing was read: where the law is not known, a message after a meeting may count as marketing. It goes by e-mail (checked 2026-11-25)
        ");
    }

    #[test]
    fn domains_that_are_named_for_the_country_are_no_warning() {
        assert_eq!(warnings(&json!({"sms_link_domains": {"RO": ["calendly.com"], "TW": ["calendly.com"]}})), "");
    }

    #[test]
    fn countries_that_are_listed_and_all_of_them_are_warned_of() {
        insta::assert_snapshot!(warnings(&json!({"countries": ["AE", "DE"]})), @"
        sms_link_domains.AE: is missing: SMS to a country without rules of its own have no links, and e-mails have them instead. Source: Nothing was read: several of the countries that were read filter links that nobody has registered (checked 2026-11-25)
        sms_link_domains: AE has no rules of its own: links only of the domains that sms_link_domains names, no follow-ups by SMS, and wider quiet hours. Source: Nothing was read: where the law is not known, a message after a meeting may count as marketing. It goes by e-mail (checked 2026-11-25)
        ");
        insta::assert_snapshot!(warnings(&json!({"countries": ["*"]})), @"countries: has countries without rules of their own: links only of the domains that sms_link_domains names, no follow-ups by SMS, and wider quiet hours. Source: Nothing was read: where the law is not known, a message after a meeting may count as marketing. It goes by e-mail (checked 2026-11-25)");
    }

    #[test]
    fn a_host_s_number_that_gets_no_sms_is_warned_of() {
        let found = warnings(&json!({
            "host_phone": "+40213123456",
            "hosts": {"lin@example.com": {"phone": "+449012345678"}, "maria@example.com": {"phone": "+40712345678"}},
            "sms_link_domains": {"RO": ["calendly.com"]},
        }));
        let found: Vec<_> = found.lines().filter(|it| !it.starts_with("sms_link_domains")).collect();
        assert_eq!(
            found,
            [
                "hosts.lin@example.com.phone: is a premium, shared-cost, free, personal or satellite number, so no notice \
             goes there by SMS (number_not_texted). Source: the numbering plans of Google's libphonenumber",
                "host_phone: can't be a mobile's number, so no notice goes there by SMS (landline). Source: the numbering \
             plans of Google's libphonenumber",
            ]
        );
    }

    #[test]
    fn templates_to_taiwan_that_do_not_begin_with_the_brand_are_warned_of() {
        let template =
            |text: &str| json!({"message": "confirmation", "provider": "engagelab", "id": "1", "text": text});
        let found = |text: &str| {
            warnings(&json!({
                "sms_link_domains": {"TW": ["calendly.com"]},
                "senders": {"brand": "VAI"},
                "templates": [template(text)],
            }))
        };
        assert_eq!(found("VAI: {{event}} {{short_time}}"), "");
        let other = found("{{event}} {{short_time}}");
        assert!(other.starts_with("templates[0].text: does not begin with VAI: carriers of Taiwan"), "{other}");
        assert!(other.contains("Source: Twilio"), "{other}");
    }

    #[test]
    fn a_sender_that_the_region_does_not_take_is_refused() {
        let check = |region: &str, sms: &[&str], sender: &str| {
            let document = json!({"default_region": region, "providers": {"sms": sms}, "senders": {"twilio": sender}});
            Settings::check(&document).map(drop).map_err(|errors| errors[0].to_string())
        };
        let error = check("US", &["twilio"], "VAI").expect_err("a name");
        assert!(error.starts_with("senders.twilio: is a name, which carriers of the United States"), "{error}");
        assert!(error.contains("Source: Twilio"), "{error}");
        for (region, sms, sender) in [
            ("US", &["twilio"][..], "+14045551234"),
            ("US", &["twilio"], "MG0123456789abcdef0123456789abcdef"),
            ("US", &["engagelab", "twilio"], "VAI"),
            ("RO", &["twilio"], "VAI"),
        ] {
            assert_eq!(check(region, sms, sender), Ok(()), "{region} {sender}");
        }
    }

    #[test]
    fn a_shortener_is_no_domain_of_ones_own() {
        let errors = Settings::check(&json!({"sms_link_domains": {"RO": ["calendly.com", "Bit.ly", "x"], "ro": []}}));
        let errors: Vec<_> = errors.expect_err("errors").iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(errors.join("\n"), @"
        sms_link_domains.RO[2]: must be a domain such as calendly.com
        sms_link_domains.ro: is not a country: it must be a country of two capital letters, such as RO
        sms_link_domains.RO[1]: is a public shortener of links: carriers block those, so it can't be registered
        ");
    }

    #[test]
    fn the_purpose_of_a_name_is_that_of_its_message() {
        for message in Message::SAMPLES {
            assert_eq!(purpose_of(message.name()), message.purpose(), "{message:?}");
        }
    }
}
