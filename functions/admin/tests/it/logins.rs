//! Logins at a sandbox's Calendly: the link, the pages, and the tokens that other functions get.

use domain::{ConnectionName, ConnectionStatus};
use oauth::fingerprint;
use sandbox::keys;
use serde_json::{Value, json};

use crate::connections::Place;
use crate::world::{read_page, run};

const BASE: &str = "https://hooks.example.com";

/// A browser with the cookie of a login.
struct Begun {
    cookie: String,
    /// Calendly's page.
    page: String,
}

fn make_link(place: &Place, name: &str) -> String {
    place.call("POST", "/api/connections", &json!({ "id": name })).ok();
    let link = place.call("POST", &format!("/api/connections/{name}/calendly-login"), &Value::Null).ok();
    link["url"].as_str().expect("a link").strip_prefix(BASE).expect("our URL").to_owned()
}

fn begin(place: &Place, link: &str) -> Begun {
    let answer = place.instance.open(link, None);
    assert_eq!(answer["statusCode"], 302, "{answer}");
    let header = |name: &str| answer["headers"][name].as_str().expect("a header").to_owned();
    let cookie = header("set-cookie");
    assert!(
        cookie.ends_with("; Path=/oauth/calendly/callback; Max-Age=600; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    Begun { cookie: cookie.split(';').next().expect("a cookie").to_owned(), page: header("location") }
}

/// Answers on Calendly's page. Returns where it sends the person back, without our host.
fn answer_as(place: &Place, begun: &Begun, who: &str) -> String {
    assert!(begun.page.contains("code_challenge_method=S256") && !begun.page.contains("verifier"));
    let location = run(async {
        let client = http_client::client().expect("a client");
        let answer = client.get(format!("{}&allow={who}", begun.page)).send().await.expect("an answer");
        answer.headers()["location"].to_str().expect("a URL").to_owned()
    });
    let _ = place;
    location.strip_prefix(BASE).expect("our URL").to_owned()
}

fn log_in(place: &Place, name: &str, who: &str) -> (u64, String) {
    let begun = begin(place, &make_link(place, name));
    let back = answer_as(place, &begun, who);
    read_page(&place.instance.open(&back, Some(&begun.cookie)))
}

fn token_of(place: &Place, request: Value) -> Value {
    place.instance.ask_for_token(request)
}

#[test]
fn a_customer_logs_in_and_is_connected() {
    let place = Place::new();
    let (status, page) = log_in(&place, "acme", "freja-lund");
    assert!(status == 200 && page.contains("<h1>Calendly is connected</h1>"), "{page}");
    let connection = place.call("GET", "/api/connections/acme", &Value::Null).ok();
    assert_eq!((&connection["status"], &connection["login"]), (&json!("active"), &json!("oauth")));
    // The app's key signs, whatever key was asked for.
    assert_eq!(place.signing_keys("acme"), [keys::CALENDLY_APP_SIGNING]);
    assert_eq!(place.subscriptions().len(), 1);
    let token = token_of(&place, json!({ "connection": "acme" }));
    assert_eq!(token["type"], "token");
    let again = token_of(&place, json!({ "connection": "acme" }));
    assert_eq!(again["access_token"], token["access_token"]);
}

#[test]
fn a_link_works_once_for_ten_minutes_in_one_browser() {
    let place = Place::new();
    let link = make_link(&place, "acme");
    // A preview of the link does not use it up.
    begin(&place, &link);
    let (first, second) = (begin(&place, &link), begin(&place, &link));
    let back = answer_as(&place, &first, "freja-lund");
    for cookie in [None, Some(second.cookie.as_str()), Some("vai_login=")] {
        let (status, page) = read_page(&place.instance.open(&back, cookie));
        assert!(status == 404 && page.contains("another browser"), "{page}");
    }
    assert_eq!(read_page(&place.instance.open(&back, Some(&first.cookie))).0, 200);
    assert_eq!(read_page(&place.instance.open(&back, Some(&first.cookie))).0, 404, "the state was used");
    let late = answer_as(&place, &second, "freja-lund");
    assert_eq!(read_page(&place.instance.open(&late, Some(&second.cookie))).0, 404, "the ticket was used");
    assert_eq!(read_page(&place.instance.open(&link, None)).0, 404);

    let link = make_link(&place, "other-name");
    let begun = begin(&place, &link);
    let back = answer_as(&place, &begun, "maria-popescu");
    place.instance.wait(601);
    assert_eq!(read_page(&place.instance.open(&back, Some(&begun.cookie))).0, 404, "ten minutes have passed");
    assert_eq!(read_page(&place.instance.open(&link, None)).0, 404);
    for link in ["/oauth/calendly/start", "/oauth/calendly/start?ticket=vlt.acme.guessed", "/oauth/calendly/callback"] {
        assert_eq!(read_page(&place.instance.open(link, None)).0, 404, "{link}");
    }
}

#[test]
fn a_person_who_refuses_can_open_the_link_again() {
    let place = Place::new();
    let link = make_link(&place, "acme");
    let begun = begin(&place, &link);
    let back = answer_as(&place, &begun, "nobody");
    let (_, page) = read_page(&place.instance.open(&back, Some(&begun.cookie)));
    assert!(page.contains("You did not allow it"), "{page}");
    let begun = begin(&place, &link);
    let back = answer_as(&place, &begun, "freja-lund");
    assert_eq!(read_page(&place.instance.open(&back, Some(&begun.cookie))).0, 200);
}

#[test]
fn another_organization_is_refused_and_its_login_revoked() {
    let place = Place::new();
    log_in(&place, "acme", "freja-lund");
    let before = place.call("GET", "/api/connections/acme", &Value::Null).ok();
    let (status, page) = log_in(&place, "acme", "maria-popescu");
    assert!(status == 422 && page.contains("another organization"), "{page}");
    assert_eq!(place.call("GET", "/api/connections/acme", &Value::Null).ok(), before);
    let (status, page) = log_in(&place, "second", "freja-lund");
    assert!(status == 422 && page.contains("connected already"), "{page}");
}

#[test]
fn a_login_takes_the_place_of_a_personal_token_and_the_other_way_round() {
    let place = Place::new();
    let credentials = json!({ "id": "acme", "credentials": { "calendly_token": keys::CALENDLY } });
    place.call("POST", "/api/connections", &credentials).ok();
    assert_eq!(log_in(&place, "acme", "maria-popescu").0, 200);
    let name = ConnectionName::parse("acme").expect("a name");
    let has_token = |place: &Place| {
        place.instance.outside.documents.borrow()[&(name.clone(), "providers")].contains_key("calendly_token")
    };
    assert!(!has_token(&place));
    assert_eq!(place.signing_keys("acme")[0], keys::CALENDLY_APP_SIGNING);
    assert_eq!(place.subscriptions().len(), 1);
    place.call("PATCH", "/api/connections/acme", &json!({ "credentials": { "calendly_token": keys::CALENDLY } })).ok();
    assert!(has_token(&place) && place.instance.outside.grants.borrow().is_empty());
    assert_eq!(place.call("GET", "/api/connections/acme", &Value::Null).ok()["login"], "personal_token");
}

#[test]
fn tokens_are_refreshed_and_a_lost_login_is_told() {
    let place = Place::new();
    log_in(&place, "acme", "freja-lund");
    let first = token_of(&place, json!({ "connection": "acme" }));
    let first = first["access_token"].as_str().expect("a token");
    let second = token_of(&place, json!({ "connection": "acme", "rejected": fingerprint(first) }));
    assert_ne!(second["access_token"], first);
    place.instance.wait(7_000);
    let third = token_of(&place, json!({ "connection": "acme" }));
    assert_ne!(third["access_token"], second["access_token"], "refreshed before its end");

    // The person removes the app from their account.
    place.sandbox("POST", "/control/revoke", None);
    place.instance.wait(7_000);
    assert_eq!(token_of(&place, json!({ "connection": "acme" })), json!({ "type": "needs_reconnect" }));
    assert_eq!(place.status("acme"), ConnectionStatus::NeedsReconnect);
    assert!(place.instance.outside.counted.borrow().contains(&"NeedsReconnect".to_owned()));
    assert_eq!(log_in(&place, "acme", "freja-lund").0, 200);
    assert_eq!(place.status("acme"), ConnectionStatus::Active);
    assert_eq!(token_of(&place, json!({ "connection": "acme" }))["type"], "token");
}

#[test]
fn while_calendly_is_down_the_token_is_awaited_and_not_lost() {
    let place = Place::new();
    log_in(&place, "acme", "freja-lund");
    place.sandbox(
        "POST",
        "/control/faults",
        Some(&json!({ "target": "calendly_auth", "mode": "fail", "status": 503 })),
    );
    place.instance.wait(8_000);
    assert_eq!(token_of(&place, json!({ "connection": "acme" }))["type"], "not_before");
    place.sandbox("DELETE", "/control/faults", None);
    place.instance.wait(15);
    assert_eq!(token_of(&place, json!({ "connection": "acme" }))["type"], "token");
    assert_eq!(place.status("acme"), ConnectionStatus::Active);
}

#[test]
fn a_rejected_personal_token_is_looked_at_before_the_connection_is_marked() {
    let place = Place::new();
    let credentials = json!({ "id": "acme", "credentials": { "calendly_token": keys::CALENDLY } });
    place.call("POST", "/api/connections", &credentials).ok();
    let report = |token: &str| token_of(&place, json!({ "connection": "acme", "rejected": fingerprint(token) }));
    assert_eq!(report(keys::CALENDLY), json!({ "type": "accepted" }), "Calendly accepts it after all");
    let name = ConnectionName::parse("acme").expect("a name");
    let revoked = json!({ "calendly_token": "revoked" });
    let document = revoked.as_object().expect("an object").clone();
    place.instance.outside.documents.borrow_mut().insert((name, "providers"), document);
    assert_eq!(report(keys::CALENDLY), json!({ "type": "accepted" }), "another one is stored by now");
    assert_eq!(place.status("acme"), ConnectionStatus::Active);
    assert_eq!(report("revoked"), json!({ "type": "needs_reconnect" }));
    assert_eq!(place.status("acme"), ConnectionStatus::NeedsReconnect);
}

#[test]
fn without_an_app_there_is_no_link() {
    let place = Place::new();
    place.instance.outside.has_app.set(false);
    place.call("POST", "/api/connections", &json!({ "id": "acme" })).ok();
    let refused = place.call("POST", "/api/connections/acme/calendly-login", &Value::Null);
    assert_eq!((refused.status, refused.code()), (409, "login_unavailable"));
    assert_eq!(token_of(&place, json!({ "no": "request" })), Value::Null);
}

#[test]
fn an_interrupted_login_is_completed_by_another_one() {
    for calls in 0.. {
        let place = Place::new();
        let begun = begin(&place, &make_link(&place, "acme"));
        let back = answer_as(&place, &begun, "freja-lund");
        place.instance.outside.fails_after.set(Some(calls));
        let (status, _) = read_page(&place.instance.open(&back, Some(&begun.cookie)));
        let has_failed = place.instance.outside.has_failed.get();
        place.instance.outside.fails_after.set(None);
        if !has_failed {
            assert!(status == 200 && calls > 10, "{calls} calls of ports");
            return;
        }
        assert_eq!(status, 503, "{calls}");
        assert_eq!(log_in(&place, "acme", "freja-lund").0, 200, "{calls}");
        assert_eq!(place.subscriptions().len(), 1, "{calls}");
        assert_eq!(token_of(&place, json!({ "connection": "acme" }))["type"], "token", "{calls}");
    }
}
