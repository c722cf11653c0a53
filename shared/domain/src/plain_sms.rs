//! A one-time code by SMS: not one of the messages about a booking.

use countries::Country;

use crate::language::Language;
use crate::personal::{Phone, Private};
use crate::phone::country_of;
use crate::provider::Provider;
use crate::settings::Settings;

/// A code's SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainSms {
    /// The provider that sends it.
    pub provider: Provider,
    /// The sender, if the provider needs it.
    pub sender: Option<String>,
    /// The provider's id of the code's template, if it sends templates only.
    pub template: Option<String>,
    /// The recipient.
    pub to: Phone,
    /// The digits, for the template.
    pub digits: Private<String>,
    /// The text, for providers that send our own words.
    pub text: Private<String>,
}

impl PlainSms {
    /// Returns a code's SMS by the first provider of the settings that can send it; `None` if none can. Twilio needs a
    /// sender that the number's country takes, and EngageLab a template of the code in that language. Where carriers
    /// ask for it, the text begins with the brand.
    pub fn new(
        settings: &Settings,
        to: Phone,
        language: Language,
        digits: &Private<String>,
        text: String,
    ) -> Option<Self> {
        let country = countries::country(country_of(&to).as_deref());
        let (provider, sender, template) = Self::way(settings, language, Some(country))?;
        let brand = settings.senders.brand_in(country);
        let text = brand.map_or_else(|| text.clone(), |brand| format!("{brand}: {text}"));
        Some(Self { provider, sender, template, to, digits: digits.clone(), text: text.into() })
    }

    /// Returns whether the settings have a provider that can send a code in a language to some country.
    pub fn is_possible(settings: &Settings, language: Language) -> bool {
        Self::way(settings, language, None).is_some()
    }

    /// Returns the provider, with its sender or its template.
    fn way(
        settings: &Settings,
        language: Language,
        country: Option<&Country>,
    ) -> Option<(Provider, Option<String>, Option<String>)> {
        let senders = &settings.senders;
        let is_taken = country.is_none_or(|it| senders.refused_in(it).is_none());
        settings.providers.sms.iter().find_map(|provider| match provider {
            Provider::Twilio => Some((*provider, Some(senders.twilio.clone().filter(|_| is_taken)?), None)),
            Provider::Engagelab => Some((*provider, None, Some(settings.code_templates.get(language.tag())?.clone()))),
            Provider::Vai | Provider::Ses | Provider::Brevo => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_a_sender_or_a_template_in_the_language() {
        use Provider::{Engagelab, Twilio};
        for (providers, sender, language, expected) in [
            (vec![Engagelab], Some("+14155552345"), Language::English, None),
            (vec![Engagelab], None, Language::Romanian, Some((Engagelab, Some("code-ro")))),
            (vec![Engagelab, Twilio], Some("+14155552345"), Language::Romanian, Some((Engagelab, Some("code-ro")))),
            (vec![Engagelab, Twilio], Some("+14155552345"), Language::English, Some((Twilio, None))),
            (vec![Twilio, Engagelab], Some("+14155552345"), Language::Romanian, Some((Twilio, None))),
            (vec![Twilio], None, Language::Romanian, None),
            (vec![], Some("+14155552345"), Language::Romanian, None),
        ] {
            let mut settings = Settings::default();
            (settings.providers.sms, settings.senders.twilio) = (providers, sender.map(str::to_owned));
            settings.code_templates.insert("ro".to_owned(), "code-ro".to_owned());
            let to = Phone::parse("+40712345678").expect("a number");
            let sms = PlainSms::new(&settings, to, language, &"042137".into(), "t".to_owned());
            assert_eq!(sms.as_ref().map(|it| (it.provider, it.template.as_deref())), expected);
            assert_eq!(PlainSms::is_possible(&settings, language), expected.is_some());
        }
    }

    #[test]
    fn the_number_s_country_decides_on_sender_and_brand() {
        let mut settings = Settings::default();
        settings.providers.sms = vec![Provider::Twilio];
        (settings.senders.twilio, settings.senders.brand) = (Some("VAI".to_owned()), Some("VAI".to_owned()));
        for (number, expected) in
            [("+40712345678", Some("code")), ("+886912345678", Some("VAI: code")), ("+14045551234", None)]
        {
            let to = Phone::parse(number).expect("a number");
            let sms = PlainSms::new(&settings, to, Language::English, &"042137".into(), "code".to_owned());
            assert_eq!(sms.map(|it| it.text.expose().to_owned()).as_deref(), expected, "{number}");
        }
    }
}
