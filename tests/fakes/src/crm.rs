//! The CRM.

use std::collections::BTreeSet;

use domain::settings::DoubleOptIn;
use domain::{AttributeValue, ConnectionName, ContactUpdate, CrmEventOrder, Outcome, Private};
use engine::Crm;

use crate::call::Call;
use crate::fake::Fake;
use crate::fault::{Fault, FaultPolicy};

fn outcome(result: Result<(), Fault>) -> Outcome {
    match result {
        Ok(()) => Outcome::done(None),
        Err(fault) => fault.into(),
    }
}

impl<P: FaultPolicy> Crm for Fake<P> {
    async fn update_contact(&self, _: &ConnectionName, update: &ContactUpdate) -> Outcome {
        let updated = self.call(Call::UpdateContact, |state| {
            let contact = state.crm.entry(update.email.expose().to_lowercase()).or_default();
            for (name, value) in &update.attributes {
                let text = match value {
                    AttributeValue::Text(text) => text.expose().clone(),
                    AttributeValue::Date(date) => date.to_string(),
                    AttributeValue::Number(number) => number.to_string(),
                };
                contact.attributes.insert(name.clone(), text);
            }
            contact.lists.extend(&update.joins);
            contact.lists.retain(|list| !update.leaves.contains(list));
        });
        outcome(updated.await)
    }

    async fn send_event(&self, _: &ConnectionName, order: &CrmEventOrder, _: Option<&str>) -> Outcome {
        let sent = self.call(Call::SendCrmEvent, |state| {
            state.crm.entry(order.email.expose().to_lowercase()).or_default().events.push(order.event.name());
        });
        outcome(sent.await)
    }

    async fn ask_consent(
        &self,
        _: &ConnectionName,
        email: &Private<String>,
        _: &DoubleOptIn,
        lists: &BTreeSet<u64>,
    ) -> Outcome {
        let asked = self.call(Call::AskConsent, |state| {
            state.crm.entry(email.expose().to_lowercase()).or_default().asked.push(lists.clone());
        });
        outcome(asked.await)
    }
}
