//! Everybody who sends SMS.

use domain::settings::Provider;
use domain::{CommandId, ConnectionName, Outcome, Phone, Reason, SmsOrder};

use crate::{Engagelab, Twilio, http, numbers};

/// Sends by the provider that an order names.
#[derive(Clone, Debug)]
pub struct SmsRouter {
    engagelab: Engagelab,
    twilio: Twilio,
}

impl SmsRouter {
    /// Puts them together.
    pub fn new(engagelab: Engagelab, twilio: Twilio) -> Self {
        Self { engagelab, twilio }
    }
}

impl engine::Sms for SmsRouter {
    fn number(&self, text: &str, region: Option<&str>) -> Result<Phone, Reason> {
        numbers::read(text, region)
    }

    async fn send(&self, connection: &ConnectionName, key: &CommandId, to: &Phone, order: &SmsOrder) -> Outcome {
        match order.provider {
            Provider::Engagelab => self.engagelab.send(connection, key, to, order).await,
            Provider::Twilio => self.twilio.send(connection, key, to, order).await,
            // The settings are checked for this.
            Provider::Vai | Provider::Ses | Provider::Brevo => {
                http::misconfigured(format!("{} sends no SMS", order.provider.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Message;
    use engine::Sms;

    use super::*;
    use crate::fake;

    #[tokio::test]
    async fn each_order_goes_to_its_provider() {
        for (provider, path) in [(Provider::Engagelab, "/v1/messages"), (Provider::Twilio, "/2010-04-01/Accounts/AC")] {
            let (base_url, seen) = fake::provider(fake::json("200 OK", r#"{"message_id":"1","sid":"SM1"}"#)).await;
            let (client, secrets, links) = (fake::client(), fake::secrets(), fake::links());
            let sms_router = SmsRouter::new(
                Engagelab::new(client.clone(), base_url.clone(), secrets.clone(), links.clone()),
                Twilio::new(client, base_url, secrets, links),
            );
            let sender = Some("VAI".to_owned());
            let order = SmsOrder { provider, sender, ..fake::text(Message::Confirmation) };
            let outcome = sms_router.send(&fake::connection("default"), &fake::key(), &fake::phone(), &order).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            let seen = seen.await.expect("it was called");
            assert!(seen.head.starts_with(&format!("POST {path}")), "{}", seen.head);
        }
    }

    #[tokio::test]
    async fn whoever_sends_no_sms_sends_none() {
        let (client, secrets, links, nobody) = (fake::client(), fake::secrets(), fake::links(), fake::nobody().await);
        let sms_router = SmsRouter::new(
            Engagelab::new(client.clone(), nobody.clone(), secrets.clone(), links.clone()),
            Twilio::new(client, nobody, secrets, links),
        );
        for provider in [Provider::Vai, Provider::Ses, Provider::Brevo] {
            let order = SmsOrder { provider, ..fake::text(Message::Confirmation) };
            let outcome = sms_router.send(&fake::connection("default"), &fake::key(), &fake::phone(), &order).await;
            assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        }
        assert!(sms_router.number("+40 712 345 678", None).is_ok());
        assert_eq!(sms_router.number("call me", None), Err(Reason::PhoneInvalid));
    }
}
