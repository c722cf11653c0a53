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
            Provider::Engagelab => self.engagelab.send_plain(connection, key, sms).await,
            Provider::Twilio => self.twilio.send_plain(connection, key, sms).await,
            Provider::Vai | Provider::Ses | Provider::Brevo => {
                outcome::misconfigured(format!("{} sends no SMS", sms.provider.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Message, Reason};
    use engine::Sms;
    use serde_json::json;
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
    async fn a_code_is_sent_as_it_is_or_in_the_providers_template() {
        let stand_in = StandIn::start(|request| match request.path.as_str() {
            "/v1/messages" => Answer::json(200, r#"{"message_id":"1"}"#),
            _ => Answer::json(201, r#"{"sid":"SM1"}"#),
        });
        let (client, secrets, links) = (fixtures::client(), fixtures::secrets(), fixtures::links());
        let sms_router = SmsRouter::new(
            Engagelab::new(client.clone(), stand_in.url(), secrets.clone(), links.clone()),
            Twilio::new(client, stand_in.url(), secrets, links),
        );
        let to = domain::Phone::parse("+40712345678").expect("a number");
        let sms = |provider, template: Option<&str>| PlainSms {
            provider,
            sender: Some("+14155552345".to_owned()),
            template: template.map(str::to_owned),
            to: to.clone(),
            digits: "042137".into(),
            text: "Your code is 042137.".into(),
        };
        let connection = fixtures::connection("default");
        for provider in [Provider::Engagelab, Provider::Vai, Provider::Ses, Provider::Brevo] {
            let outcome = sms_router.send_plain(&connection, &fixtures::key(), &sms(provider, None)).await;
            assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        }
        for (provider, template) in [(Provider::Twilio, None), (Provider::Engagelab, Some("code-en"))] {
            let outcome = sms_router.send_plain(&connection, &fixtures::key(), &sms(provider, template)).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        }
        let [by_twilio, by_engagelab]: [_; 2] = stand_in.requests().try_into().expect("two requests");
        let form = by_twilio.json();
        assert_eq!((&form["Body"], form.get("StatusCallback")), (&json!("Your code is 042137."), None));
        let template = json!({"id": "code-en", "params": {"code": "042137"}});
        let body = json!({"to": ["+40712345678"], "template": template, "plan_name": "vai-calendly"});
        assert_eq!(by_engagelab.json(), body);
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
