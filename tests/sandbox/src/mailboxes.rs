//! What happens to an e-mail after a provider accepted it.
//!
//! The part of the address before the `@`, up to a `+`, decides it: `bounce`, `softbounce`, `suppressionlist`,
//! `complaint` and `unsubscribe` end as these words say. Any other address receives its mail.

use std::time::Duration;

use crate::{
    callbacks,
    mail::{Email, EmailDelivery},
    receipts::Receipt,
    world::{State, World},
};

/// Returns a provider's receipt for the new delivery state of an e-mail to one address, if one is to be sent.
type ReceiptOf = fn(&mut State, &Email, &str, EmailDelivery) -> Option<Receipt>;

/// Takes an e-mail through its delivery states, separately for each recipient: one state every `receipts_after_ms`,
/// each with a receipt.
pub(crate) fn follow(world: &World, email: &Email, receipt: ReceiptOf) {
    let generation = world.state().generation;
    for address in email.to.split(", ").map(str::to_owned) {
        let (world, id) = (world.clone(), email.message_id.clone());
        tokio::spawn(async move {
            for delivery in steps(&address) {
                let pause = world.state().settings.receipts_after_ms;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let receipt = {
                    let mut state = world.state();
                    if state.generation != generation {
                        return;
                    }
                    let Some(email) = state.advance_email(&id, *delivery) else { return };
                    receipt(&mut state, &email, &address, *delivery)
                };
                if let Some(receipt) = receipt {
                    callbacks::deliver(&world, receipt).await;
                }
            }
        });
    }
}

impl State {
    fn advance_email(&mut self, id: &str, delivery: EmailDelivery) -> Option<Email> {
        let email = self.emails.iter_mut().find(|email| email.message_id == id)?;
        email.delivery = delivery;
        Some(email.clone())
    }
}

/// Returns the delivery states of an e-mail to an address, in order.
fn steps(address: &str) -> &'static [EmailDelivery] {
    let user = address.split(['@', '+']).next().unwrap_or_default().to_lowercase();
    match user.as_str() {
        "bounce" => &[EmailDelivery::Sent, EmailDelivery::Bounced],
        "softbounce" => &[EmailDelivery::Sent, EmailDelivery::SoftBounced],
        "suppressionlist" => &[EmailDelivery::Sent, EmailDelivery::Suppressed],
        "complaint" => &[EmailDelivery::Sent, EmailDelivery::Delivered, EmailDelivery::Complained],
        "unsubscribe" => &[EmailDelivery::Sent, EmailDelivery::Delivered, EmailDelivery::Unsubscribed],
        _ => &[EmailDelivery::Sent, EmailDelivery::Delivered],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::bare;

    #[test]
    fn the_address_decides_the_delivery_states() {
        assert_eq!(steps("bounce+7@example.com"), [EmailDelivery::Sent, EmailDelivery::Bounced]);
        assert_eq!(steps("bouncer@example.com"), [EmailDelivery::Sent, EmailDelivery::Delivered]);
        assert_eq!(bare("VAI <hello@example.com>"), "hello@example.com");
    }
}
