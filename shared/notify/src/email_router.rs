//! Everybody who sends e-mail.

use domain::settings::Provider;
use domain::{CommandId, ConnectionName, EmailOrder, Outcome};

use crate::{Brevo, Ses, VaiClient, http};

/// Sends by the provider that an order names.
#[derive(Debug)]
pub struct EmailRouter {
    vai: VaiClient,
    ses: Ses,
    brevo: Brevo,
}

impl EmailRouter {
    /// Puts them together.
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
            // The settings are checked for this.
            Provider::Engagelab | Provider::Twilio => {
                http::misconfigured(format!("{} sends no e-mail", order.provider.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Message, Reason};
    use engine::Email;

    use super::*;
    use crate::fake;

    fn email_router(base_url: &str) -> EmailRouter {
        let (client, secrets) = (fake::client(), fake::secrets());
        EmailRouter::new(
            VaiClient::new(client.clone(), base_url, secrets.clone()),
            fake::ses(base_url.to_owned()),
            Brevo::new(client, base_url, secrets, fake::links()),
        )
    }

    #[tokio::test]
    async fn each_order_goes_to_its_provider() {
        for (provider, path) in [
            (Provider::Vai, "/email/send"),
            (Provider::Ses, "/v2/email/outbound-emails"),
            (Provider::Brevo, "/v3/smtp/email"),
        ] {
            let (base_url, seen) = fake::provider(fake::json("200 OK", "{}")).await;
            let template = Some("calendly_confirmation".to_owned());
            let order = EmailOrder { template, ..fake::own_mail(provider, Message::Confirmation) };
            let outcome = email_router(&base_url).send(&fake::connection("default"), &fake::key(), &order).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            let seen = seen.await.expect("it was called");
            assert!(seen.head.starts_with(&format!("POST {path} ")), "{}", seen.head);
        }
    }

    #[tokio::test]
    async fn whoever_sends_no_e_mail_sends_none() {
        let email_router = email_router(&fake::nobody().await);
        for provider in [Provider::Engagelab, Provider::Twilio] {
            let order = fake::own_mail(provider, Message::Confirmation);
            let outcome = email_router.send(&fake::connection("default"), &fake::key(), &order).await;
            assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        }
    }
}
