//! Where each provider is to call us: what is to be entered there, once the keys are here.

use domain::ConnectionName;
use runtime::{Providers, Signing};

/// Where callers reach the webhook function, without a path: what Twilio signs.
pub(crate) fn public_url<'a>(given: Option<&'a str>, webhook_url: &'a str) -> &'a str {
    let given = given.filter(|it| !it.is_empty());
    given.unwrap_or_else(|| webhook_url.rsplit_once("/webhooks/").map_or(webhook_url, |it| it.0)).trim_end_matches('/')
}

/// What is to be entered where, for those whose keys are stored; for Amazon SES, which has none, in any case.
pub(crate) fn told(public_url: &str, connection: &ConnectionName, providers: &Providers, signing: &Signing) -> String {
    let at = |provider: &str| format!("{public_url}/webhooks/{provider}/{connection}");
    let mut told =
        vec!["\nSo that we hear what became of messages, and what people reply, set in their consoles:".to_owned()];
    if providers.engagelab.is_some() || signing.engagelab.is_some() {
        let header = match signing.engagelab.as_ref().map(|it| it.authorization.is_some()) {
            Some(true) => "with the user name, secret and Authorization header given here",
            Some(false) => "with the user name and secret given here; it signs by X-CALLBACK-ID",
            None => "with a user name and a secret, which `make connect` is to know before",
        };
        told.push(entry("EngageLab", &[&at("engagelab"), "the callback for message status and replies,", header]));
    }
    if providers.twilio.is_some() {
        let what = "for incoming messages, by POST, of the messaging service or number; it signs by X-Twilio-Signature";
        let status = "nothing for status callbacks: each message says where its own goes";
        told.push(entry("Twilio", &[&at("twilio"), what, status]));
    }
    if providers.brevo_api_key.is_some() || signing.brevo.is_some() {
        let header = match signing.brevo {
            Some(_) => "a transactional webhook with the header \"Authorization: Bearer …\", the token given here;",
            None => "a transactional webhook with a token of yours, which `make connect` is to know before;",
        };
        let events =
            "events: delivered, soft bounce, hard bounce, invalid email, error, complaint, unsubscribed, blocked";
        told.push(entry("Brevo", &[&at("brevo"), header, events]));
    }
    let set = "if it sends: a configuration set, named in the settings (senders.ses_configuration_set), with an";
    let destination = "EventBridge destination, the default bus; events: send, delivery, bounce, complaint, reject,";
    told.push(entry("Amazon SES", &[set, destination, "rendering failure"]));
    told.join("\n")
}

fn entry(who: &str, lines: &[&str]) -> String {
    let label = |number| if number == 0 { who } else { "" };
    let lines = lines.iter().enumerate().map(|(number, line)| format!("      {:<13} {line}", label(number)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(providers: &Value, signing: &Value) -> String {
        let providers = serde_json::from_value(providers.clone()).expect("a secret");
        let signing = serde_json::from_value(signing.clone()).expect("a secret");
        let acme = ConnectionName::parse("acme").expect("a name");
        told("https://vai.example", &acme, &providers, &signing)
    }

    #[test]
    fn each_provider_with_keys_has_its_address() {
        let providers = json!({"engagelab": {"dev_key": "hush", "dev_secret": "hush"}, "brevo_api_key": "hush",
            "twilio": {"account_sid": "AC0", "auth_token": "hush"}});
        let signing = json!({"engagelab": {"username": "hush", "secret": "hush", "authorization": "Basic hush"},
            "twilio": "hush", "brevo": "hush"});
        let all = said(&providers, &signing);
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
        let unheard = said(&providers, &json!({}));
        assert_eq!(unheard.matches("`make connect` is to know before").count(), 2, "{unheard}");
        let none = said(&json!({}), &json!({}));
        assert!(!none.contains("/webhooks/") && none.contains("Amazon SES"), "{none}");
    }

    #[test]
    fn without_a_public_url_it_is_where_calendly_calls() {
        let calendly = "https://abc.example/webhooks/calendly/acme";
        assert_eq!(public_url(None, calendly), "https://abc.example");
        assert_eq!(public_url(Some(""), calendly), "https://abc.example");
        assert_eq!(public_url(Some("https://vai.example/"), calendly), "https://vai.example");
        let local = "http://127.0.0.1:4566/_aws/execute-api/x/$default/webhooks/calendly";
        assert_eq!(public_url(None, local), "http://127.0.0.1:4566/_aws/execute-api/x/$default");
    }
}
