//! Amazon SES, for `doctor`: whether it sends for the sender of the settings, and tells us what became of a message.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{EventDestination, EventType};
use domain::error_chain;
use domain::settings::Senders;

use crate::report::{Finding, fail, ok, warn};

const TOPIC: &str = "ses";

/// The events that must be told: see `wire::receipts`, which reads more if they are.
static EVENTS: [EventType; 6] = [
    EventType::Send,
    EventType::Delivery,
    EventType::Bounce,
    EventType::Complaint,
    EventType::Reject,
    EventType::RenderingFailure,
];

/// Checks the account, the sender and the configuration set.
pub(crate) async fn check(client: &Client, senders: &Senders) -> Vec<Finding> {
    let mut findings = vec![match client.get_account().send().await {
        Ok(account) => check_account(account.sending_enabled(), account.production_access_enabled()),
        Err(error) => warn(TOPIC, format!("the account can't be read: {}", error_chain(&error))),
    }];
    if let Some(sender) = &senders.email {
        findings.push(check_sender(client, sender).await);
    }
    if let Some(name) = &senders.ses_configuration_set {
        findings.push(
            match client.get_configuration_set_event_destinations().configuration_set_name(name).send().await {
                Ok(found) => check_destinations(name, found.event_destinations()),
                Err(error) if error.as_service_error().is_some_and(|it| it.is_not_found_exception()) => {
                    fail(TOPIC, format!("this region has no configuration set {name}, so no e-mail goes out: make it"))
                }
                Err(error) => {
                    warn(TOPIC, format!("the configuration set {name} can't be read: {}", error_chain(&error)))
                }
            },
        );
    }
    findings
}

fn check_account(is_enabled: bool, is_out_of_sandbox: bool) -> Finding {
    match (is_enabled, is_out_of_sandbox) {
        (false, _) => {
            fail(TOPIC, "sending is paused for this account in this region: see the account dashboard of Amazon SES")
        }
        (true, false) => warn(
            TOPIC,
            "the account is in the sandbox of Amazon SES: it sends to verified addresses only, 200 e-mails a day. \
             Request production access",
        ),
        (true, true) => ok(TOPIC, "the account may send to everybody"),
    }
}

/// An address may send if it is verified, or its domain, or a domain above that. The address is not printed.
async fn check_sender(client: &Client, sender: &str) -> Finding {
    let domain = sender.rsplit('@').next().unwrap_or_default();
    for identity in identities(sender) {
        match client.get_email_identity().email_identity(identity).send().await {
            Ok(found) if found.verified_for_sending_status() => {
                return ok(TOPIC, format!("the sender at {domain} is verified"));
            }
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|it| it.is_not_found_exception()) => {}
            Err(error) => return warn(TOPIC, format!("the sender can't be looked up: {}", error_chain(&error))),
        }
    }
    let advice = "so no e-mail goes out: verify the domain";
    fail(TOPIC, format!("neither the sender nor {domain} is verified in this region, {advice}"))
}

/// Returns the identities that permit an address, the address first.
fn identities(sender: &str) -> Vec<&str> {
    let mut found = vec![sender];
    let mut rest = sender.split_once('@').map(|(_, domain)| domain);
    while let Some(domain) = rest.filter(|it| it.contains('.')) {
        found.push(domain);
        rest = domain.split_once('.').map(|(_, above)| above);
    }
    found
}

fn check_destinations(name: &str, destinations: &[EventDestination]) -> Finding {
    let reaches_us = |it: &&EventDestination| {
        it.enabled()
            && it.event_bridge_destination().is_some_and(|to| to.event_bus_arn().ends_with(":event-bus/default"))
    };
    let ours: Vec<_> = destinations.iter().filter(reaches_us).collect();
    if ours.is_empty() {
        let effect = "so bounces and complaints are not received: add one";
        let text = format!("the configuration set {name} has no enabled EventBridge destination on the default bus");
        return warn(TOPIC, format!("{text}, {effect}"));
    }
    let is_told = |event: &EventType| ours.iter().any(|it| it.matching_event_types().contains(event));
    let missing: Vec<_> = EVENTS.iter().filter(|it| !is_told(it)).map(EventType::as_str).collect();
    if missing.is_empty() {
        ok(TOPIC, format!("events come through the configuration set {name}"))
    } else {
        warn(TOPIC, format!("the configuration set {name} does not publish {}: add them", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::EventBridgeDestination;

    use super::*;
    use crate::report::Level;

    fn destination(bus: &str, is_enabled: bool, events: &[EventType]) -> EventDestination {
        let bus = format!("arn:aws:events:eu-west-1:000000000000:event-bus/{bus}");
        let bridge = EventBridgeDestination::builder().event_bus_arn(bus).build().expect("a destination");
        EventDestination::builder()
            .name("ours")
            .enabled(is_enabled)
            .set_matching_event_types(Some(events.to_vec()))
            .event_bridge_destination(bridge)
            .build()
            .expect("a destination")
    }

    #[test]
    fn events_must_reach_the_default_bus() {
        let level = |destinations: &[EventDestination]| check_destinations("vai", destinations).level;
        assert_eq!(level(&[destination("default", true, &EVENTS)]), Level::Ok);
        assert_eq!(level(&[]), Level::Warn);
        assert_eq!(level(&[destination("default", false, &EVENTS)]), Level::Warn);
        assert_eq!(level(&[destination("other", true, &EVENTS)]), Level::Warn);
        let [first, second] = [&EVENTS[..2], &EVENTS[2..]].map(|it| destination("default", true, it));
        let missing = "BOUNCE, COMPLAINT, REJECT, RENDERING_FAILURE";
        assert_eq!(
            check_destinations("vai", std::slice::from_ref(&first)),
            warn(TOPIC, format!("the configuration set vai does not publish {missing}: add them"))
        );
        assert_eq!(level(&[first, second]), Level::Ok);
    }

    #[test]
    fn an_account_in_the_sandbox_sends_to_verified_addresses_only() {
        let levels = [(true, true), (true, false), (false, true)];
        let levels = levels.map(|(is_enabled, is_out)| check_account(is_enabled, is_out).level);
        assert_eq!(levels, [Level::Ok, Level::Warn, Level::Fail]);
    }

    #[test]
    fn an_address_its_domain_and_those_above_permit_it() {
        assert_eq!(identities("a@mail.example.com"), ["a@mail.example.com", "mail.example.com", "example.com"]);
        assert_eq!(identities("no address"), ["no address"]);
    }
}
