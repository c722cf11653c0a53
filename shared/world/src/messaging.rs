//! The adapters of SMS, e-mail, VAI, the CRM and the deliveries queue.

use std::sync::Arc;

use aws_config::SdkConfig;
use runtime::config::MessagingConfig;
use runtime::{Queue, Secrets};

use crate::deliveries::DeliveriesQueue;

/// The adapters of SMS, e-mail, VAI, the CRM and the deliveries queue.
#[derive(Debug)]
pub struct AwsMessaging {
    sms: notify::SmsRouter,
    email: notify::EmailRouter,
    vai: notify::VaiClient,
    crm: crm::Brevo,
    deliveries: DeliveriesQueue,
    links: notify::Links,
}

impl AwsMessaging {
    pub(crate) fn new(
        http: &http_client::Client,
        sdk: &SdkConfig,
        secrets: &Arc<Secrets>,
        config: &MessagingConfig,
    ) -> Self {
        let links = notify::Links::new(config.public_url.clone());
        let (client, keys) = (|| http.clone(), || Arc::clone(secrets));
        let vai = notify::VaiClient::new(client(), config.vai_api_url.clone(), keys());
        Self {
            sms: notify::SmsRouter::new(
                notify::Engagelab::new(client(), config.engagelab_api_url.clone(), keys(), links.clone()),
                notify::Twilio::new(client(), config.twilio_api_url.clone(), keys(), links.clone()),
            ),
            email: notify::EmailRouter::new(
                vai.clone(),
                notify::Ses::new(sdk.clone(), config.ses_api_url.clone(), config.stack_name.clone(), links.clone()),
                notify::Brevo::new(client(), config.brevo_api_url.clone(), keys(), links.clone()),
            ),
            vai,
            crm: crm::Brevo::new(client(), config.brevo_api_url.clone(), keys()),
            deliveries: DeliveriesQueue::new(Queue::new(
                aws_sdk_sqs::Client::new(sdk),
                config.deliveries_queue_url.clone(),
            )),
            links,
        }
    }
}

impl engine::Messaging for AwsMessaging {
    type Sms = notify::SmsRouter;
    type Email = notify::EmailRouter;
    type Vai = notify::VaiClient;
    type Publisher = DeliveriesQueue;
    type Crm = crm::Brevo;

    fn sms(&self) -> &Self::Sms {
        &self.sms
    }
    fn email(&self) -> &Self::Email {
        &self.email
    }
    fn vai(&self) -> &Self::Vai {
        &self.vai
    }
    fn publisher(&self) -> &Self::Publisher {
        &self.deliveries
    }
    fn crm(&self) -> &Self::Crm {
        &self.crm
    }
    fn short_links(&self) -> Option<&str> {
        self.links.base_of_short_links()
    }
}
