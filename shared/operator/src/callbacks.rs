//! What to set in the providers' consoles, so that their receipts and replies reach us.

use domain::ConnectionName;
use runtime::{Providers, Signing};

/// Returns the public URL of the webhook function, without a path. Twilio signs it.
pub(crate) fn public_url<'a>(option: Option<&'a str>, webhook_url: &'a str) -> &'a str {
    let option = option.filter(|it| !it.is_empty());
    option.unwrap_or_else(|| webhook_url.rsplit_once("/webhooks/").map_or(webhook_url, |it| it.0)).trim_end_matches('/')
}

/// Lists what to set for each provider that has keys, and for Amazon SES, which has none.
pub(crate) fn describe_callbacks(
    public_url: &str,
    connection: &ConnectionName,
    providers: &Providers,
    signing: &Signing,
) -> String {
    let url = |provider: &str| format!("{public_url}/webhooks/{provider}/{connection}");
    let mut text = vec!["\nTo receive receipts and replies, set this in the providers' consoles:".to_owned()];
    if providers.engagelab.is_some() || signing.engagelab.is_some() {
        let header = match signing.engagelab.as_ref().map(|it| it.authorization.is_some()) {
            Some(true) => "with the user name, secret and Authorization header given here",
            Some(false) => "with the user name and secret given here; it signs by X-CALLBACK-ID",
            None => "with a user name and a secret: give them to `make connect` first",
        };
        text.push(format_entry(
            "EngageLab",
            &[&url("engagelab"), "the callback for message status and replies,", header],
        ));
    }
    if providers.twilio.is_some() {
        let incoming =
            "for incoming messages, by POST, of the messaging service or number; it signs by X-Twilio-Signature";
        let status = "no URL for status callbacks: each message names its own";
        text.push(format_entry("Twilio", &[&url("twilio"), incoming, status]));
    }
    if providers.brevo_api_key.is_some() || signing.brevo.is_some() {
        let header = match signing.brevo {
            Some(_) => "a transactional webhook with the header \"Authorization: Bearer …\", the token given here;",
            None => "a transactional webhook with a token of yours: give it to `make connect` first;",
        };
        let events =
            "events: delivered, soft bounce, hard bounce, invalid email, error, complaint, unsubscribed, blocked";
        text.push(format_entry("Brevo", &[&url("brevo"), header, events]));
    }
    let set = "if it sends: a configuration set, named in the settings (senders.ses_configuration_set), with an";
    let destination = "EventBridge destination, the default bus; events: send, delivery, bounce, complaint, reject,";
    text.push(format_entry("Amazon SES", &[set, destination, "rendering failure"]));
    text.join("\n")
}

fn format_entry(provider: &str, lines: &[&str]) -> String {
    let label = |number| if number == 0 { provider } else { "" };
    let lines = lines.iter().enumerate().map(|(number, line)| format!("      {:<13} {line}", label(number)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn describe(providers: &Value, signing: &Value) -> String {
        let providers = serde_json::from_value(providers.clone()).expect("a secret");
        let signing = serde_json::from_value(signing.clone()).expect("a secret");
        let acme = ConnectionName::parse("acme").expect("a name");
        describe_callbacks("https://vai.example", &acme, &providers, &signing)
    }

    #[test]
    fn each_provider_with_keys_has_its_url() {
        let providers = json!({"engagelab": {"dev_key": "hush", "dev_secret": "hush"}, "brevo_api_key": "hush",
            "twilio": {"account_sid": "AC0", "auth_token": "hush"}});
        let signing = json!({"engagelab": {"username": "hush", "secret": "hush", "authorization": "Basic hush"},
            "twilio": "hush", "brevo": "hush"});
        let all = describe(&providers, &signing);
        for part in [
            "EngageLab     https://vai.example/webhooks/engagelab/acme\n",
            "Twilio        https://vai.example/webhooks/twilio/acme\n",
            "Brevo         https://vai.example/webhooks/brevo/acme\n",
            "Amazon SES    if it sends: a configuration set",
            "Authorization header given here",
        ] {
            assert!(all.contains(part), "{part:?} is not in:\n{all}");
        }
        assert!(!all.contains("hush"), "{all}");
        let unsigned = describe(&providers, &json!({}));
        assert_eq!(unsigned.matches("to `make connect` first").count(), 2, "{unsigned}");
        let none = describe(&json!({}), &json!({}));
        assert!(!none.contains("/webhooks/") && none.contains("Amazon SES"), "{none}");
    }

    #[test]
    fn the_public_url_defaults_to_that_of_calendlys_webhook() {
        let calendly = "https://abc.example/webhooks/calendly/acme";
        assert_eq!(public_url(None, calendly), "https://abc.example");
        assert_eq!(public_url(Some(""), calendly), "https://abc.example");
        assert_eq!(public_url(Some("https://vai.example/"), calendly), "https://vai.example");
        let local = "http://127.0.0.1:4566/_aws/execute-api/x/$default/webhooks/calendly";
        assert_eq!(public_url(None, local), "http://127.0.0.1:4566/_aws/execute-api/x/$default");
    }
}
