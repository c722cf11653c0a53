//! The providers of SMS.

use domain::settings::Provider;
use domain::{CommandId, ConnectionName, Outcome, PlainSms, SmsOrder};
use engine::FittedSms;

use crate::fit::fit;
use crate::{Engagelab, Twilio};

/// Sends by the provider that an order names.
#[derive(Clone, Debug)]
pub struct SmsRouter {
    engagelab: Engagelab,
    twilio: Twilio,
}

impl SmsRouter {
    /// Combines the adapters.
    pub fn new(engagelab: Engagelab, twilio: Twilio) -> Self {
        Self { engagelab, twilio }
    }
}

impl engine::Sms for SmsRouter {
    fn fit(&self, connection: &ConnectionName, order: &mut SmsOrder) -> FittedSms {
        let links = self.twilio.links();
        let unsubscribe = links.unsubscribe(connection, order.message, &order.booking, &order.content);
        fit(order, unsubscribe.as_deref())
    }

    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Outcome {
        match order.provider {
            Provider::Engagelab => self.engagelab.send(connection, key, order).await,
            Provider::Twilio => self.twilio.send(connection, key, order).await,
            // The check of the settings refuses this.
            Provider::Vai | Provider::Ses | Provider::Brevo => {
                outcome::misconfigured(format!("{} sends no SMS", order.provider.title()))
            }
        }
    }

    async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, sms: &PlainSms) -> Outcome {
        match sms.provider {
            Provider::Twilio => self.twilio.send_plain(connection, key, sms).await,
            Provider::Engagelab | Provider::Vai | Provider::Ses | Provider::Brevo => {
                outcome::misconfigured(format!("{} sends no plain SMS", sms.provider.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Message, Reason};
    use engine::Sms;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures;

    #[tokio::test]
    async fn each_order_goes_to_its_provider() {
        for (provider, path) in [(Provider::Engagelab, "/v1/messages"), (Provider::Twilio, "/2010-04-01/Accounts/AC")] {
            let stand_in = StandIn::with_answer(Answer::json(200, r#"{"message_id":"1","sid":"SM1"}"#));
            let (client, secrets, links) = (fixtures::client(), fixtures::secrets(), fixtures::links());
            let sms_router = SmsRouter::new(
                Engagelab::new(client.clone(), stand_in.url(), secrets.clone(), links.clone()),
                Twilio::new(client, stand_in.url(), secrets, links),
            );
            let sender = Some("VAI".to_owned());
            let order = SmsOrder { provider, sender, ..fixtures::text(Message::Confirmation) };
            let outcome = sms_router.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            let request = stand_in.only_request();
            assert!(
                request.method_and_target().starts_with(&format!("POST {path}")),
                "{}",
                request.method_and_target()
            );
        }
    }

    #[tokio::test]
    async fn a_plain_sms_is_sent_as_it_is_and_by_no_provider_of_templates() {
        let stand_in = StandIn::with_answer(Answer::json(201, r#"{"sid":"SM1"}"#));
        let (client, secrets, links) = (fixtures::client(), fixtures::secrets(), fixtures::links());
        let sms_router = SmsRouter::new(
            Engagelab::new(client.clone(), stand_in.url(), secrets.clone(), links.clone()),
            Twilio::new(client, stand_in.url(), secrets, links),
        );
        let to = domain::Phone::parse("+40712345678").expect("a number");
        let sms = |provider| PlainSms {
            provider,
            sender: Some("+14155552345".to_owned()),
            to: to.clone(),
            text: "Your code is 042137.".into(),
        };
        let connection = fixtures::connection("default");
        let outcome = sms_router.send_plain(&connection, &fixtures::key(), &sms(Provider::Engagelab)).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        let outcome = sms_router.send_plain(&connection, &fixtures::key(), &sms(Provider::Twilio)).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        let request = stand_in.only_request();
        let body = String::from_utf8_lossy(request.body.as_bytes()).into_owned();
        assert!(body.contains("Body=Your+code+is+042137.") && !body.contains("StatusCallback"), "{body}");
    }

    #[tokio::test]
    async fn a_provider_without_sms_sends_no_sms() {
        let (client, secrets, links, unused_url) =
            (fixtures::client(), fixtures::secrets(), fixtures::links(), stand_in::unused_url());
        let sms_router = SmsRouter::new(
            Engagelab::new(client.clone(), unused_url.clone(), secrets.clone(), links.clone()),
            Twilio::new(client, unused_url, secrets, links),
        );
        for provider in [Provider::Vai, Provider::Ses, Provider::Brevo] {
            let order = SmsOrder { provider, ..fixtures::text(Message::Confirmation) };
            let outcome = sms_router.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
            assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        }
    }
}
