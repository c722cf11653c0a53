//! The providers of e-mail.

use domain::settings::Provider;
use domain::{CommandId, ConnectionName, EmailOrder, Outcome, PlainEmail};

use crate::{Brevo, Ses, VaiClient};

/// Sends by the provider that an order names.
#[derive(Debug)]
pub struct EmailRouter {
    vai: VaiClient,
    ses: Ses,
    brevo: Brevo,
}

impl EmailRouter {
    /// Combines the adapters.
    pub fn new(vai: VaiClient, ses: Ses, brevo: Brevo) -> Self {
        Self { vai, ses, brevo }
    }
}

impl engine::Email for EmailRouter {
    async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        match order.provider {
            Provider::Vai => self.vai.send(connection, key, order).await,
            Provider::Ses => self.ses.send(connection, key, order).await,
            Provider::Brevo => self.brevo.send(connection, key, order).await,
            // The check of the settings refuses this.
            Provider::Engagelab | Provider::Twilio => {
                outcome::misconfigured(format!("{} sends no e-mail", order.provider.title()))
            }
        }
    }

    async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome {
        match email.provider {
            Provider::Ses => self.ses.send_plain(connection, key, email).await,
            Provider::Brevo => self.brevo.send_plain(connection, key, email).await,
            Provider::Vai | Provider::Engagelab | Provider::Twilio => {
                outcome::misconfigured(format!("{} sends no plain e-mail", email.provider.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Message, Reason};
    use engine::Email;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures;

    fn email_router(base_url: &str) -> EmailRouter {
        let (client, secrets) = (fixtures::client(), fixtures::secrets());
        EmailRouter::new(
            VaiClient::new(client.clone(), base_url, secrets.clone()),
            fixtures::ses(base_url),
            Brevo::new(client, base_url, secrets, fixtures::links()),
        )
    }

    #[tokio::test]
    async fn each_order_goes_to_its_provider() {
        for (provider, path) in [
            (Provider::Vai, "/email/send"),
            (Provider::Ses, "/v2/email/outbound-emails"),
            (Provider::Brevo, "/v3/smtp/email"),
        ] {
            let stand_in = StandIn::with_answer(Answer::json(200, r#"{"messageId":"<1@r>"}"#));
            let template = Some("calendly_confirmation".to_owned());
            let order = EmailOrder { template, ..fixtures::own_mail(provider, Message::Confirmation) };
            let outcome =
                email_router(stand_in.url()).send(&fixtures::connection("default"), &fixtures::key(), &order).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            let request = stand_in.only_request();
            assert_eq!(request.method_and_target(), format!("POST {path}"));
        }
    }

    #[tokio::test]
    async fn each_plain_e_mail_goes_to_its_provider() {
        for (provider, path) in
            [(Provider::Ses, Some("/v2/email/outbound-emails")), (Provider::Brevo, Some("/v3/smtp/email"))]
                .into_iter()
                .chain([Provider::Vai, Provider::Engagelab, Provider::Twilio].map(|it| (it, None)))
        {
            let stand_in = StandIn::with_answer(Answer::json(200, r#"{"messageId":"<1@r>"}"#));
            let (connection, email) = (fixtures::connection("default"), fixtures::plain_mail(provider));
            let outcome = email_router(stand_in.url()).send_plain(&connection, &fixtures::key(), &email).await;
            match path {
                Some(path) => {
                    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
                    assert_eq!(stand_in.only_request().method_and_target(), format!("POST {path}"));
                }
                None => {
                    assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}")
                }
            }
        }
    }

    #[tokio::test]
    async fn a_provider_without_e_mail_sends_no_e_mail() {
        let email_router = email_router(&stand_in::unused_url());
        for provider in [Provider::Engagelab, Provider::Twilio] {
            let order = fixtures::own_mail(provider, Message::Confirmation);
            let outcome = email_router.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
            assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        }
    }
}
