//! An e-mail to the address of a customer's endpoint: plain text, and not about a message to a person.

use crate::personal::Private;
use crate::provider::Provider;
use crate::settings::Settings;

/// A plain e-mail to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainEmail {
    /// The provider that sends it.
    pub provider: Provider,
    /// The sender's address.
    pub from: String,
    /// The sender's name.
    pub from_name: Option<String>,
    /// The address for replies.
    pub reply_to: Option<String>,
    /// Amazon SES's configuration set.
    pub configuration_set: Option<String>,
    /// The recipient.
    pub to: Private<String>,
    /// The subject. Whoever sends it makes one line of it.
    pub subject: Private<String>,
    /// The text.
    pub text: Private<String>,
    /// A link below the text.
    pub link: Option<Private<String>>,
}

impl PlainEmail {
    /// Returns an e-mail from the connection's sender; `None` if the settings have no sender or no provider for it. VAI
    /// sends its own templates only.
    pub fn new(settings: &Settings, to: Private<String>, subject: String, text: String) -> Option<Self> {
        let senders = &settings.senders;
        Some(Self {
            provider: settings.providers.email.iter().copied().find(|it| !it.has_templates())?,
            from: senders.email.clone()?,
            from_name: senders.email_name.clone(),
            reply_to: senders.reply_to.clone(),
            configuration_set: senders.ses_configuration_set.clone(),
            to,
            subject: subject.into(),
            text: text.into(),
            link: None,
        })
    }

    /// Returns whether the settings allow plain e-mails.
    pub fn is_possible(settings: &Settings) -> bool {
        Self::new(settings, String::new().into(), String::new(), String::new()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_a_sender_and_a_provider_that_sends_our_own_words() {
        use Provider::{Brevo, Ses, Vai};
        for (providers, sender, expected) in [
            (vec![Vai], Some("a@b.example"), None),
            (vec![Vai, Brevo, Ses], Some("a@b.example"), Some(Brevo)),
            (vec![Ses], Some("a@b.example"), Some(Ses)),
            (vec![Ses], None, None),
            (vec![], Some("a@b.example"), None),
        ] {
            let mut settings = Settings::default();
            (settings.providers.email, settings.senders.email) = (providers, sender.map(str::to_owned));
            let email = PlainEmail::new(&settings, "c@d.example".to_owned().into(), "s".to_owned(), "t".to_owned());
            assert_eq!(email.map(|it| it.provider), expected);
            assert_eq!(PlainEmail::is_possible(&settings), expected.is_some());
        }
    }
}
