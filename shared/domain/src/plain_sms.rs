//! An SMS in words of its own: not one of the messages about a booking.

use crate::personal::{Phone, Private};
use crate::phone::country_of;
use crate::provider::Provider;
use crate::settings::Settings;

/// A plain SMS to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainSms {
    /// The provider that sends it.
    pub provider: Provider,
    /// The sender, if the provider needs it.
    pub sender: Option<String>,
    /// The recipient.
    pub to: Phone,
    /// The text.
    pub text: Private<String>,
}

impl PlainSms {
    /// Returns an SMS from the connection's sender; `None` if the settings have no sender or no provider for it, or if
    /// the number's country does not take the sender. EngageLab sends its own templates only. Where carriers ask for
    /// it, the text begins with the brand.
    pub fn new(settings: &Settings, to: Phone, text: String) -> Option<Self> {
        let provider = settings.providers.sms.iter().copied().find(|it| !it.has_templates())?;
        let senders = &settings.senders;
        let sender = Some(senders.twilio.clone()?);
        let country = countries::country(country_of(&to).as_deref());
        if senders.refused_in(country).is_some() {
            return None;
        }
        let text = senders.brand_in(country).map_or_else(|| text.clone(), |brand| format!("{brand}: {text}"));
        Some(Self { provider, sender, to, text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_a_sender_and_a_provider_that_sends_our_own_words() {
        use Provider::{Engagelab, Twilio};
        for (providers, sender, expected) in [
            (vec![Engagelab], Some("+14155552345"), None),
            (vec![Engagelab, Twilio], Some("+14155552345"), Some(Twilio)),
            (vec![Twilio], None, None),
            (vec![], Some("+14155552345"), None),
        ] {
            let mut settings = Settings::default();
            (settings.providers.sms, settings.senders.twilio) = (providers, sender.map(str::to_owned));
            let to = Phone::parse("+40712345678").expect("a number");
            let sms = PlainSms::new(&settings, to, "t".to_owned());
            assert_eq!(sms.map(|it| it.provider), expected);
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
            let sms = PlainSms::new(&settings, Phone::parse(number).expect("a number"), "code".to_owned());
            assert_eq!(sms.map(|it| it.text.expose().to_owned()).as_deref(), expected, "{number}");
        }
    }
}
