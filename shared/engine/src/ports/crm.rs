//! The customer's CRM.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use std::collections::BTreeSet;

use domain::settings::DoubleOptIn;
use domain::{ConnectionName, ContactUpdate, CrmEventOrder, Outcome, Private};

/// The customer's CRM.
pub trait Crm {
    /// Creates the contact, or updates it. Doing it again changes nothing. A contact's objection to messages is never
    /// changed. Up to three calls.
    async fn update_contact(&self, connection: &ConnectionName, update: &ContactUpdate) -> Outcome;

    /// Sends an event about a contact, with a link for another booking if there is one. Sending it again would trigger
    /// its automations again. One call.
    async fn send_event(
        &self,
        connection: &ConnectionName,
        order: &CrmEventOrder,
        booking_url: Option<&str>,
    ) -> Outcome;

    /// Asks a person by e-mail to join lists. One call.
    async fn ask_consent(
        &self,
        connection: &ConnectionName,
        email: &Private<String>,
        mail: &DoubleOptIn,
        lists: &BTreeSet<u64>,
    ) -> Outcome;
}
