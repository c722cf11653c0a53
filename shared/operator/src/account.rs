//! Findings about a token, a subscription and the providers' keys, for `connect` and `doctor`.

use calendly::{Account, Error, Membership, Subscription};
use connecting::CheckedAccount;
use domain::settings::Provider;
use domain::time;
use jiff::SignedDuration;
use runtime::{Providers, Signing};

use crate::report::{Finding, Level, fail, ok, warn};

/// Calendly disables a subscription after 24 hours of failed deliveries.
const DISABLED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Checks a token: whether Calendly accepts it, its scopes, and its owner's role. Returns the account if it can be
/// used.
pub(crate) async fn check_token(account: &Account) -> (Vec<Finding>, Option<CheckedAccount>) {
    let checked = match connecting::check_account(account).await {
        Ok(checked) => checked,
        Err(error) => return (vec![fail("token", explain_token_error(&error))], None),
    };
    let (scopes, role) = (check_scopes(&checked.missing_scopes), check_role(checked.membership.as_ref()));
    let findings = vec![ok("token", "Calendly accepts it"), scopes, role];
    let is_usable = findings.iter().all(|it| it.level != Level::Fail);
    (findings, is_usable.then_some(checked))
}

fn explain_token_error(error: &Error) -> String {
    if error.is_unauthenticated() {
        "Calendly does not accept it: it is mistyped or revoked. Make another (calendly.com, Integrations, API and \
         webhooks), then `make connect`"
            .to_owned()
    } else {
        error.to_string()
    }
}

fn check_scopes(missing: &[String]) -> Finding {
    match missing {
        [] => {
            ok("scopes", "it can read users, organizations, event types, availability, scheduled events and webhooks")
        }
        _ => fail(
            "scopes",
            format!("the token lacks {}: make one that has them, then `make connect`", missing.join(", ")),
        ),
    }
}

fn check_role(own: Option<&Membership>) -> Finding {
    match own {
        Some(own) if own.is_admin() => ok("role", format!("{} of the organization", own.role)),
        Some(own) => warn(
            "role",
            format!(
                "{}: only the bookings of the token's owner are seen. The token of an owner or admin of the organization \
                 sees all",
                own.role
            ),
        ),
        None => fail("role", "the token's owner is not a member of its organization"),
    }
}

/// Checks our subscription.
pub(crate) fn check_subscription(found: Option<&Subscription>, url: &str) -> Finding {
    const TOPIC: &str = "subscription";
    let Some(found) = found else {
        return fail(TOPIC, format!("there is none for {url}: `make connect` makes it"));
    };
    if !found.is_active() {
        return fail(
            TOPIC,
            format!(
                "it is {}: Calendly stopped after a day of failed deliveries, and events since then are lost. Find the \
                 cause in the webhook function's log and correct it, then `make connect ROTATE=1`",
                found.state
            ),
        );
    }
    if let Some(since) = found.retry_started_at {
        let end = time::add(since, DISABLED_AFTER);
        return fail(
            TOPIC,
            format!(
                "deliveries have failed since {since:.0}: see the webhook function's log. Calendly disables it at \
                 {end:.0} unless a delivery succeeds before"
            ),
        );
    }
    match found.missing_events()[..] {
        [] => ok(TOPIC, format!("active, for {}", found.callback_url)),
        ref lacks => warn(TOPIC, format!("active, without {}: `make connect ROTATE=1` adds them", lacks.join(", "))),
    }
}

/// Returns the providers that have keys. If none for SMS has, EngageLab counts, so that its keys are reported as
/// missing.
pub(crate) fn providers_with_keys(providers: &Providers) -> Vec<Provider> {
    let only_twilio = providers.twilio.is_some() && providers.engagelab.is_none();
    let counts = [
        (Provider::Engagelab, !only_twilio),
        (Provider::Twilio, providers.twilio.is_some()),
        (Provider::Vai, true),
        (Provider::Brevo, providers.brevo_api_key.is_some()),
    ];
    counts.into_iter().filter(|(_, counts)| *counts).map(|(provider, _)| provider).collect()
}

/// Checks the keys of the providers that send, and VAI's in any case: it gets news of bookings.
pub(crate) fn check_keys(providers: &Providers, signing: &Signing, senders: &[Provider]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for provider in Provider::ALL {
        match provider {
            Provider::Vai => findings.push(check_vai(providers, senders)),
            _ if !senders.contains(&provider) => {}
            Provider::Engagelab => findings.extend(check_engagelab(providers, signing)),
            Provider::Twilio => findings.extend(check_twilio(providers, signing)),
            Provider::Brevo => findings.extend(check_brevo(providers, signing)),
            // The functions' own role gives access to it.
            Provider::Ses => {}
        }
    }
    findings
}

/// Returns the command that adds a key.
fn add_command(key: &str) -> String {
    format!("add it: echo '{{{key}}}' | `make connect`")
}

fn check_vai(providers: &Providers, senders: &[Provider]) -> Finding {
    let effect = if senders.contains(&Provider::Vai) {
        "it sends no e-mail and gets no news of bookings"
    } else {
        "it gets no news of bookings"
    };
    match providers.vai_api_key {
        Some(_) => ok("vai", "the key is stored"),
        None => warn("vai", format!("no key, so {effect}; {}", add_command(r#""vai_api_key":"…""#))),
    }
}

fn check_engagelab(providers: &Providers, signing: &Signing) -> [Finding; 2] {
    const TOPIC: &str = "engagelab";
    let add_keys = add_command(r#""engagelab":{"dev_key":"…","dev_secret":"…"}"#);
    let add_callback = add_command(r#""engagelab":{"username":"…","secret":"…"}"#);
    [
        match providers.engagelab {
            Some(_) => ok(TOPIC, "the key pair is stored"),
            None => warn(TOPIC, format!("no key pair, so it sends no SMS; {add_keys}")),
        },
        match signing.engagelab {
            Some(_) => ok(TOPIC, "user name and secret of its callback are stored"),
            None => warn(
                TOPIC,
                format!(
                    "no user name and secret of its callback, so its receipts and replies such as STOP are refused; \
                     {add_callback}"
                ),
            ),
        },
    ]
}

fn check_twilio(providers: &Providers, signing: &Signing) -> Vec<Finding> {
    const TOPIC: &str = "twilio";
    let add_account =
        add_command(r#""twilio":{"account_sid":"AC…","auth_token":"…","api_key":"SK…","api_secret":"…"}"#);
    let Some(keys) = &providers.twilio else {
        return vec![warn(TOPIC, format!("no account, so it sends no SMS; {add_account}"))];
    };
    let mut findings = vec![ok(
        TOPIC,
        match keys.api_key {
            Some(_) => "the account is stored, and an API key that sends",
            None => "the account is stored; an API key for sending would keep its token out of the other functions",
        },
    )];
    let is_another = keys.auth_token.is_some() && signing.twilio != keys.auth_token;
    if is_another || signing.twilio.is_none() {
        let problem = "its callbacks are verified with another token than the account's, so they are refused";
        findings.push(warn(TOPIC, format!("{problem}: give the account once more; {add_account}")));
    }
    findings
}

fn check_brevo(providers: &Providers, signing: &Signing) -> [Finding; 2] {
    const TOPIC: &str = "brevo";
    [
        match providers.brevo_api_key {
            Some(_) => ok(TOPIC, "the key is stored"),
            None => warn(TOPIC, format!("no key, so it sends no e-mail; {}", add_command(r#""brevo_api_key":"…""#))),
        },
        match signing.brevo {
            Some(_) => ok(TOPIC, "the token of its webhook is stored"),
            None => warn(
                TOPIC,
                format!(
                    "no token of its webhook, so its reports of bounces and complaints are refused; {}",
                    add_command(r#""brevo_webhook_token":"…""#)
                ),
            ),
        },
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://hooks.example.com/webhooks/calendly";

    fn active() -> Subscription {
        Subscription {
            uri: "https://api.calendly.com/webhook_subscriptions/S1".to_owned(),
            callback_url: URL.to_owned(),
            state: "active".to_owned(),
            created_at: "2026-11-20T09:00:00Z".parse().expect("an instant"),
            retry_started_at: None,
            events: calendly::EVENTS.map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_problem_of_a_subscription_says_what_to_do() {
        let check = |found: Option<Subscription>| {
            let finding = check_subscription(found.as_ref(), URL);
            (finding.level, finding.to_string())
        };
        assert_eq!(check(Some(active())).0, Level::Ok);
        assert_eq!(check(Some(Subscription { events: vec!["invitee.created".to_owned()], ..active() })).0, Level::Warn);
        let (level, text) = check(Some(Subscription { state: "disabled".to_owned(), ..active() }));
        assert!(level == Level::Fail && text.contains("ROTATE=1"), "{text}");
        let since = "2026-11-20T10:00:00.5Z".parse().ok();
        let (level, text) = check(Some(Subscription { retry_started_at: since, ..active() }));
        assert!(
            level == Level::Fail && text.contains("2026-11-20T10:00:00Z") && text.contains("2026-11-21T10:00:00Z"),
            "{text}"
        );
        assert_eq!(check(None).0, Level::Fail);
    }

    fn secrets(providers: &serde_json::Value, signing: &serde_json::Value) -> (Providers, Signing) {
        let expected = "secrets";
        (
            serde_json::from_value(providers.clone()).expect(expected),
            serde_json::from_value(signing.clone()).expect(expected),
        )
    }

    #[test]
    fn missing_keys_of_senders_are_reported() {
        let warnings =
            |providers: serde_json::Value, signing: serde_json::Value, senders: &[Provider]| -> Vec<String> {
                let (providers, signing) = secrets(&providers, &signing);
                let findings = check_keys(&providers, &signing, senders).into_iter().filter(|it| it.level != Level::Ok);
                findings.map(|it| it.to_string()).collect()
            };
        let nothing = || json!({});
        let all = warnings(nothing(), nothing(), &Provider::ALL);
        let topics: Vec<_> = all.iter().map(|it| it.split_whitespace().nth(1).expect("a topic")).collect();
        assert_eq!(topics, ["engagelab", "engagelab", "twilio", "vai", "brevo", "brevo"]);
        assert!(all.iter().all(|it| it.contains("| `make connect`")), "{all:?}");
        assert_eq!(warnings(nothing(), nothing(), &[Provider::Ses]).len(), 1, "VAI needs its key in any case");

        let all_keys = json!({"vai_api_key": "v", "engagelab": {"dev_key": "hush", "dev_secret": "hush"},
            "twilio": {"account_sid": "AC0", "auth_token": "hush"}, "brevo_api_key": "hush"});
        let all_signing = json!({"engagelab": {"username": "u", "secret": "hush"}, "twilio": "hush", "brevo": "hush"});
        assert_eq!(warnings(all_keys.clone(), all_signing.clone(), &Provider::ALL), [""; 0]);
        let (providers, signing) = secrets(&all_keys, &all_signing);
        assert!(check_keys(&providers, &signing, &Provider::ALL).iter().all(|it| !it.to_string().contains("hush")));
        assert_eq!(warnings(all_keys.clone(), nothing(), &Provider::ALL).len(), 3, "callbacks are refused");
        let other = json!({"engagelab": {"username": "u", "secret": "s"}, "twilio": "another", "brevo": "b"});
        assert!(warnings(all_keys, other, &Provider::ALL)[0].contains("give the account once more"));
    }

    #[test]
    fn without_keys_for_sms_those_of_engagelab_are_missing() {
        let listed = |providers: serde_json::Value| providers_with_keys(&secrets(&providers, &json!({})).0);
        let twilio = json!({"account_sid": "AC0", "auth_token": "t"});
        assert_eq!(listed(json!({})), [Provider::Engagelab, Provider::Vai]);
        assert_eq!(listed(json!({"twilio": twilio})), [Provider::Twilio, Provider::Vai]);
        let both = json!({"twilio": twilio, "engagelab": {"dev_key": "k", "dev_secret": "s"}, "brevo_api_key": "b"});
        assert_eq!(listed(both), [Provider::Engagelab, Provider::Twilio, Provider::Vai, Provider::Brevo]);
    }

    #[test]
    fn owners_and_admins_pass_and_others_are_told_what_they_see() {
        let level =
            |name: &str| check_role(Some(&Membership { organization: "O1".to_owned(), role: name.to_owned() })).level;
        assert_eq!(["owner", "admin", "user"].map(level), [Level::Ok, Level::Ok, Level::Warn]);
        assert_eq!(check_role(None).level, Level::Fail);
    }
}
