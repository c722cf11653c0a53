//! What happens to a text message after a provider accepted it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    callbacks,
    receipts::Receipt,
    settings::Settings,
    sms::{Carrier, Delivery, Handset, Sms, digits},
    world::{State, World},
};

/// Takes a message through its delivery states: sent, then delivered or not, one every `receipts_after_ms`, each with a
/// receipt. The phone's state at that time decides.
pub(crate) fn follow(world: &World, sms: &Sms, receipt: fn(&Sms, &Settings) -> Option<Receipt>) {
    let (world, id, to) = (world.clone(), sms.message_id.clone(), sms.to.clone());
    let wait = sms.schedule_time.map_or(0, |at| at - Timestamp::now().as_second());
    let generation = world.state().generation;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(u64::try_from(wait).unwrap_or_default())).await;
        loop {
            let pause = world.state().settings.receipts_after_ms;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let (receipt, is_over) = {
                let mut state = world.state();
                if state.generation != generation {
                    return;
                }
                let Some(sms) = state.advance(&id, &to) else { return };
                (receipt(&sms, &state.settings), sms.delivery != Delivery::Sent)
            };
            if let Some(receipt) = receipt {
                callbacks::deliver(&world, receipt).await;
            }
            if is_over {
                return;
            }
        }
    });
}

impl State {
    /// Takes a message to its next delivery state.
    fn advance(&mut self, id: &str, to: &str) -> Option<Sms> {
        let handset = self.handsets.get(&digits(to)).copied().unwrap_or(Handset::On);
        let sms = self.sms.iter_mut().find(|sms| sms.message_id == id && sms.to == to)?;
        sms.delivery = match (handset, sms.delivery) {
            (Handset::Landline, _) => Delivery::Undelivered,
            (_, Delivery::Accepted) => Delivery::Sent,
            (Handset::Off, _) => Delivery::Undelivered,
            (Handset::On, _) => Delivery::Delivered,
        };
        sms.has_left |= sms.delivery == Delivery::Sent;
        if sms.delivery == Delivery::Undelivered {
            sms.error_code = Some(match (sms.provider, handset) {
                (Carrier::Twilio, Handset::Landline) => 30006,
                (Carrier::Twilio, _) => 30003,
                // EngageLab does not publish its codes.
                (Carrier::EngageLab, _) => 5001,
            });
        }
        Some(sms.clone())
    }
}
