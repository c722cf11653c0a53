//! What there is to say about a token, a subscription and the providers' keys: for connecting, and for the doctor.

use calendly::{Account, Error, Membership, Subscription, User};
use domain::ConnectionName;
use domain::settings::Provider;
use jiff::SignedDuration;
use runtime::{Providers, Signing};

use crate::report::{Finding, fail, ok, warn};

/// After so long of failed deliveries Calendly disables a subscription.
const CALENDLYS_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Looks at a token: is it good, has it the scopes, has its owner the role? The owner, if all three.
pub(crate) async fn examine(account: &Account) -> (Vec<Finding>, Option<User>) {
    let me = match account.me().await {
        Ok(me) => me,
        Err(error) => return (vec![fail("token", useless(&error))], None),
    };
    let mut findings = vec![ok("token", "Calendly takes it")];
    let scopes = match account.missing_scopes(&me).await {
        Ok(missing) => scopes(&missing),
        Err(error) => fail("scopes", error.to_string()),
    };
    let role = match account.memberships(&me.uri).await {
        Ok(all) => role(all.iter().find(|it| it.organization == me.current_organization)),
        Err(error) => fail("role", format!("not known: {error}")),
    };
    findings.extend([scopes, role]);
    let is_fit = findings.iter().all(|it| it.level == crate::report::Level::Ok);
    (findings, is_fit.then_some(me))
}

fn useless(error: &Error) -> String {
    if error.is_unauthenticated() {
        "Calendly doesn't take it: it is mistyped or revoked. Make another (calendly.com, Integrations, API and webhooks), \
         then `make connect`"
            .to_owned()
    } else {
        error.to_string()
    }
}

fn scopes(missing: &[String]) -> Finding {
    match missing {
        [] => {
            ok("scopes", "it may read users, organizations, event types, availability, scheduled events and webhooks")
        }
        _ => fail(
            "scopes",
            format!("the token lacks {}: make one that has them, then `make connect`", missing.join(", ")),
        ),
    }
}

fn role(own: Option<&Membership>) -> Finding {
    match own {
        Some(own) if own.is_admin() => ok("role", format!("{} of the organization", own.role)),
        Some(own) => fail(
            "role",
            format!(
                "{}: only an owner's or admin's token brings the whole organization's bookings. Have one of them make it",
                own.role
            ),
        ),
        None => fail("role", "the token's owner is not a member of its organization"),
    }
}

/// Our URL in its other form. The query means nothing to us; to Calendly it is another URL, and there it must be: one URL
/// can't have two subscriptions, and the new one must be there before the old one goes.
fn rotated(url: &str) -> String {
    format!("{url}?rotated=1")
}

/// The form of our URL that this subscription leaves free.
pub(crate) fn free_form(url: &str, taken_by: &Subscription) -> String {
    if taken_by.callback_url == url { rotated(url) } else { url.to_owned() }
}

/// Our subscription among an organization's, and the one to be deleted that a replacement cut short has left.
pub(crate) fn ours(all: Vec<Subscription>, url: &str) -> (Option<Subscription>, Option<Subscription>) {
    let mut ours: Vec<_> =
        all.into_iter().filter(|it| it.callback_url == url || it.callback_url == rotated(url)).collect();
    // The newer one's key is the first that is stored; but a disabled one brings nothing, however new.
    ours.sort_by_key(|it| (it.is_active(), it.created_at));
    (ours.pop(), ours.pop())
}

/// What there is to say about our subscription.
pub(crate) fn subscription(found: Option<&Subscription>, url: &str) -> Finding {
    const TOPIC: &str = "subscription";
    let Some(found) = found else {
        return fail(TOPIC, format!("there is none for {url}: `make connect` makes it"));
    };
    if !found.is_active() {
        return fail(
            TOPIC,
            format!(
                "it is {}: Calendly gave up after a day of failed deliveries and drops what happens now. Mend the cause (see \
                 the webhook function's log), then `make connect ROTATE=1`",
                found.state
            ),
        );
    }
    if let Some(since) = found.retry_started_at {
        let end = since.saturating_add(CALENDLYS_PATIENCE).unwrap_or(since);
        return fail(
            TOPIC,
            format!(
                "deliveries fail since {since:.0}: see the webhook function's log. If none succeeds until {end:.0}, Calendly \
                 disables it"
            ),
        );
    }
    match found.missing_events()[..] {
        [] => ok(TOPIC, format!("active, for {}", found.callback_url)),
        ref lacks => {
            warn(TOPIC, format!("active, without {}: `make connect ROTATE=1` takes them in", lacks.join(", ")))
        }
    }
}

/// The providers whom keys are stored for. Somebody has to send SMS: without any it is EngageLab's that are missing.
pub(crate) fn provided(providers: &Providers) -> Vec<Provider> {
    let texts = providers.twilio.is_some() && providers.engagelab.is_none();
    let stored = [
        (Provider::Engagelab, !texts),
        (Provider::Twilio, providers.twilio.is_some()),
        (Provider::Vai, true),
        (Provider::Brevo, providers.brevo_api_key.is_some()),
    ];
    stored.into_iter().filter(|(_, is)| *is).map(|(provider, _)| provider).collect()
}

/// What there is to say about the keys of the providers that are to send, and about VAI's: it is told of bookings.
pub(crate) fn keys(providers: &Providers, signing: &Signing, senders: &[Provider]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for provider in Provider::ALL {
        match provider {
            Provider::Vai => findings.push(of_vai(providers, senders)),
            _ if !senders.contains(&provider) => {}
            Provider::Engagelab => findings.extend(of_engagelab(providers, signing)),
            Provider::Twilio => findings.extend(of_twilio(providers, signing)),
            Provider::Brevo => findings.extend(of_brevo(providers, signing)),
            // It is reached with the functions' own role.
            Provider::Ses => {}
        }
    }
    findings
}

fn add(part: &str) -> String {
    format!("add it: echo '{{{part}}}' | `make connect`")
}

fn of_vai(providers: &Providers, senders: &[Provider]) -> Finding {
    let without =
        if senders.contains(&Provider::Vai) { "it sends no e-mail and hears nothing" } else { "it hears nothing" };
    match providers.vai_api_key {
        Some(_) => ok("vai", "the key is there"),
        None => warn("vai", format!("no key, so {without}; {}", add(r#""vai_api_key":"…""#))),
    }
}

fn of_engagelab(providers: &Providers, signing: &Signing) -> [Finding; 2] {
    const TOPIC: &str = "engagelab";
    let calls = add(r#""engagelab":{"dev_key":"…","dev_secret":"…"}"#);
    let callback = add(r#""engagelab":{"username":"…","secret":"…"}"#);
    [
        match providers.engagelab {
            Some(_) => ok(TOPIC, "the key pair is there"),
            None => warn(TOPIC, format!("no key pair, so it sends no SMS; {calls}")),
        },
        match signing.engagelab {
            Some(_) => ok(TOPIC, "its callback's user name and secret are there"),
            None => warn(
                TOPIC,
                format!(
                    "no user name and secret of its callback, so nobody hears what became of its SMS, nor that somebody \
                     replied STOP; {callback}"
                ),
            ),
        },
    ]
}

fn of_twilio(providers: &Providers, signing: &Signing) -> Vec<Finding> {
    const TOPIC: &str = "twilio";
    let account = add(r#""twilio":{"account_sid":"AC…","auth_token":"…"}"#);
    let Some(keys) = &providers.twilio else {
        return vec![warn(TOPIC, format!("no account, so it sends no SMS; {account}"))];
    };
    let mut findings = vec![ok(TOPIC, "the account is there")];
    if signing.twilio.as_ref() != Some(&keys.auth_token) {
        let what = "its callbacks are not held against the account's token, so all are refused";
        findings.push(warn(TOPIC, format!("{what}: give the account once more; {account}")));
    }
    findings
}

fn of_brevo(providers: &Providers, signing: &Signing) -> [Finding; 2] {
    const TOPIC: &str = "brevo";
    [
        match providers.brevo_api_key {
            Some(_) => ok(TOPIC, "the key is there"),
            None => warn(TOPIC, format!("no key, so it sends no e-mail; {}", add(r#""brevo_api_key":"…""#))),
        },
        match signing.brevo {
            Some(_) => ok(TOPIC, "its webhook's token is there"),
            None => warn(
                TOPIC,
                format!(
                    "no token of its webhook, so nobody hears of bounces and complaints; {}",
                    add(r#""brevo_webhook_token":"…""#)
                ),
            ),
        },
    ]
}

/// A connection's own webhook URL: `default` has the bare one, another has its name at the end.
pub(crate) fn webhook_url(base: &str, connection: &ConnectionName) -> String {
    let base = base.trim_end_matches('/');
    if *connection == ConnectionName::default() || base.ends_with(&format!("/{connection}")) {
        base.to_owned()
    } else {
        format!("{base}/{connection}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::Level;

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
    fn a_subscription_is_well_or_says_what_to_do() {
        let say = |found: Option<Subscription>| {
            let finding = subscription(found.as_ref(), URL);
            (finding.level, finding.to_string())
        };
        assert_eq!(say(Some(active())).0, Level::Ok);
        assert_eq!(say(Some(Subscription { events: vec!["invitee.created".to_owned()], ..active() })).0, Level::Warn);
        let (level, text) = say(Some(Subscription { state: "disabled".to_owned(), ..active() }));
        assert!(level == Level::Fail && text.contains("ROTATE=1"), "{text}");
        let since = "2026-11-20T10:00:00.5Z".parse().ok();
        let (level, text) = say(Some(Subscription { retry_started_at: since, ..active() }));
        assert!(
            level == Level::Fail && text.contains("2026-11-20T10:00:00Z") && text.contains("2026-11-21T10:00:00Z"),
            "{text}"
        );
        assert_eq!(say(None).0, Level::Fail);
    }

    #[test]
    fn ours_are_those_at_either_form_of_our_url_and_the_newest_active_one_is_kept() {
        let at = |callback_url: &str, created_at: &str| Subscription {
            uri: callback_url.to_owned(),
            callback_url: callback_url.to_owned(),
            created_at: created_at.parse().expect("an instant"),
            ..active()
        };
        let rotated_url = rotated(URL);
        let (plain, rotated) = (at(URL, "2026-11-20T09:00:00Z"), at(&rotated_url, "2026-11-21T09:00:00Z"));
        let strangers = [
            at(&format!("{URL}/acme"), "2026-11-22T09:00:00Z"),
            at(&format!("{URL}?rotated=2"), "2026-11-22T09:00:00Z"),
        ];
        let among_strangers =
            |own: &[&Subscription]| ours(strangers.iter().chain(own.iter().copied()).cloned().collect(), URL);
        assert_eq!(among_strangers(&[]), (None, None));
        assert_eq!(among_strangers(&[&plain]), (Some(plain.clone()), None));
        assert_eq!(among_strangers(&[&rotated]), (Some(rotated.clone()), None));
        assert_eq!(among_strangers(&[&rotated, &plain]), (Some(rotated.clone()), Some(plain.clone())));
        let disabled = Subscription { state: "disabled".to_owned(), ..rotated.clone() };
        assert_eq!(among_strangers(&[&plain, &disabled]), (Some(plain.clone()), Some(disabled)));
        assert_eq!((free_form(URL, &plain), free_form(URL, &rotated)), (rotated_url, URL.to_owned()));
    }

    fn secrets(providers: &serde_json::Value, signing: &serde_json::Value) -> (Providers, Signing) {
        let read = "secrets";
        (serde_json::from_value(providers.clone()).expect(read), serde_json::from_value(signing.clone()).expect(read))
    }

    #[test]
    fn keys_are_missed_of_those_who_are_to_send() {
        let lacking = |providers: serde_json::Value, signing: serde_json::Value, senders: &[Provider]| -> Vec<String> {
            let (providers, signing) = secrets(&providers, &signing);
            let findings = keys(&providers, &signing, senders).into_iter().filter(|it| it.level != Level::Ok);
            findings.map(|it| it.to_string()).collect()
        };
        let nothing = || json!({});
        let all = lacking(nothing(), nothing(), &Provider::ALL);
        let topics: Vec<_> = all.iter().map(|it| it.split_whitespace().nth(1).expect("a topic")).collect();
        assert_eq!(topics, ["engagelab", "engagelab", "twilio", "vai", "brevo", "brevo"]);
        assert!(all.iter().all(|it| it.contains("| `make connect`")), "{all:?}");
        assert_eq!(lacking(nothing(), nothing(), &[Provider::Ses]).len(), 1, "VAI is told in any case");

        let held = json!({"vai_api_key": "v", "engagelab": {"dev_key": "hush", "dev_secret": "hush"},
            "twilio": {"account_sid": "AC0", "auth_token": "hush"}, "brevo_api_key": "hush"});
        let heard = json!({"engagelab": {"username": "u", "secret": "hush"}, "twilio": "hush", "brevo": "hush"});
        assert_eq!(lacking(held.clone(), heard.clone(), &Provider::ALL), [""; 0]);
        let (providers, signing) = secrets(&held, &heard);
        assert!(keys(&providers, &signing, &Provider::ALL).iter().all(|it| !it.to_string().contains("hush")));
        assert_eq!(lacking(held.clone(), nothing(), &Provider::ALL).len(), 3, "who hears nothing is told");
        let other = json!({"engagelab": {"username": "u", "secret": "s"}, "twilio": "another", "brevo": "b"});
        assert!(lacking(held, other, &Provider::ALL)[0].contains("give the account once more"));
    }

    #[test]
    fn without_any_keys_for_sms_it_is_engagelabs_that_are_missing() {
        let of = |providers: serde_json::Value| provided(&secrets(&providers, &json!({})).0);
        let twilio = json!({"account_sid": "AC0", "auth_token": "t"});
        assert_eq!(of(json!({})), [Provider::Engagelab, Provider::Vai]);
        assert_eq!(of(json!({"twilio": twilio})), [Provider::Twilio, Provider::Vai]);
        let both = json!({"twilio": twilio, "engagelab": {"dev_key": "k", "dev_secret": "s"}, "brevo_api_key": "b"});
        assert_eq!(of(both), [Provider::Engagelab, Provider::Twilio, Provider::Vai, Provider::Brevo]);
    }

    #[test]
    fn only_owners_and_admins_will_do() {
        let level = |name: &str| role(Some(&Membership { organization: "O1".to_owned(), role: name.to_owned() })).level;
        assert_eq!(["owner", "admin", "user"].map(level), [Level::Ok, Level::Ok, Level::Fail]);
        assert_eq!(role(None).level, Level::Fail);
    }

    #[test]
    fn each_connection_has_its_own_url() {
        let url = |name: &str| webhook_url(&format!("{URL}/"), &ConnectionName::parse(name).expect("a name"));
        assert_eq!((url("default"), url("acme")), (URL.to_owned(), format!("{URL}/acme")));
        let acme = ConnectionName::parse("acme").expect("a name");
        assert_eq!(webhook_url(&format!("{URL}/acme"), &acme), format!("{URL}/acme"));
    }
}
