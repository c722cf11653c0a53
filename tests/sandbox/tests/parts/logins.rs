//! Logins at Calendly: codes, tokens, and what they open.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sandbox::keys;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, ORGANIZATION};

const BACK: &str = "http://127.0.0.1:1/back";
const OTHER_ORGANIZATION: &str = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c2";

/// Opens the page and follows nothing. Returns what the page sends back.
async fn allow(client: &Client, who: &str, scope: &str) -> Vec<(String, String)> {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest("a-verifier"));
    let query = [
        ("client_id", keys::CALENDLY_APP_ID),
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("state", "s t&"),
        ("scope", scope),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("allow", who),
    ];
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = reqwest::Url::parse_with_params(&client.url("/calendly-auth/oauth/authorize"), query).unwrap();
    let answer = http.get(url).send().await.unwrap();
    let back = reqwest::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert!(back.as_str().starts_with(BACK));
    back.query_pairs().into_owned().collect()
}

async fn token_as(client: &Client, (id, secret): (&str, &str), form: &[(&str, &str)]) -> (u16, Value) {
    let request = client.http.post(client.url("/calendly-auth/oauth/token")).basic_auth(id, Some(secret));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    client.answer(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
}

async fn token(client: &Client, form: &[(&str, &str)]) -> (u16, Value) {
    token_as(client, (keys::CALENDLY_APP_ID, keys::CALENDLY_APP_SECRET), form).await
}

async fn redeem(client: &Client, code: &str, verifier: &str) -> (u16, Value) {
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK), ("code_verifier", verifier)];
    token(client, &form).await
}

async fn log_in(client: &Client) -> Value {
    let back = allow(client, "freja-lund", "").await;
    assert_eq!((back[0].0.as_str(), back[1].1.as_str()), ("code", "s t&"));
    let (status, issued) = redeem(client, &back[0].1, "a-verifier").await;
    assert_eq!(status, 200, "{issued}");
    issued
}

async fn get(client: &Client, token: &str, path: &str) -> (u16, Value) {
    client.answer(client.http.get(client.url(&format!("/calendly{path}"))).bearer_auth(token)).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[tokio::test]
async fn a_login_opens_its_own_organization_only() {
    let client = Client::start().await;
    let issued = log_in(&client).await;
    assert_eq!((&issued["expires_in"], text(&issued, "organization")), (&json!(7200), OTHER_ORGANIZATION));
    let token = text(&issued, "access_token");
    let (_, me) = get(&client, token, "/users/me").await;
    assert_eq!(me["resource"]["name"], "Freja Lund");
    assert_eq!(get(&client, token, &format!("/event_types?organization={ORGANIZATION}")).await.0, 403);
    let (_, event_types) = get(&client, token, &format!("/event_types?organization={OTHER_ORGANIZATION}")).await;
    let names: Vec<_> = event_types["collection"].as_array().unwrap().iter().map(|it| text(it, "name")).collect();
    assert_eq!(names, ["Demo", "Discovery Call"]);
    for path in [
        "/event_types/00000000-0000-4000-8000-0000000000e4".to_owned(),
        format!("/users/{}", "00000000-0000-4000-8000-0000000000a1"),
    ] {
        assert_eq!(get(&client, token, &path).await.0, 404, "{path}");
    }
    assert_eq!(get(&client, keys::CALENDLY, "/event_types/abc123").await.0, 404);
}

#[tokio::test]
async fn a_code_and_a_refresh_token_work_once() {
    let client = Client::start().await;
    let back = allow(&client, "freja-lund", "").await;
    assert_eq!(redeem(&client, &back[0].1, "another").await.1["error"], "invalid_grant");
    assert_eq!(redeem(&client, &back[0].1, "a-verifier").await.0, 400, "the failed try used it up");
    let first = log_in(&client).await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token"))];
    let (status, second) = token(&client, &refresh).await;
    assert_eq!(status, 200);
    assert_eq!(token(&client, &refresh).await.1["error"], "invalid_grant");
    for issued in [&first, &second] {
        assert_eq!(get(&client, text(issued, "access_token"), "/users/me").await.0, 200);
    }
    client.answer(client.http.post(client.url("/control/revoke"))).await;
    assert_eq!(get(&client, text(&second, "access_token"), "/users/me").await.0, 401);
}

#[tokio::test]
async fn what_a_person_or_the_app_lacks_is_refused() {
    let client = Client::start().await;
    assert_eq!(allow(&client, "nobody", "").await[0], ("error".to_owned(), "access_denied".to_owned()));
    let back = allow(&client, "freja-lund", "users:read event_types:read").await;
    let (_, issued) = redeem(&client, &back[0].1, "a-verifier").await;
    assert_eq!(issued["scope"], "users:read event_types:read");
    let path = format!("/scheduled_events?organization={OTHER_ORGANIZATION}");
    let (status, refused) = get(&client, text(&issued, "access_token"), &path).await;
    assert_eq!((status, &refused["required_scopes"]), (403, &json!(["scheduled_events:read"])));

    let form = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
    assert_eq!(token_as(&client, ("x", "y"), &form).await.1["error"], "invalid_client");
    assert_eq!(token(&client, &form).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_user_has_eight_token_requests_a_minute() {
    let client = Client::start().await;
    let mut issued = log_in(&client).await;
    for number in 2..=9 {
        let refresh = text(&issued, "refresh_token").to_owned();
        let (status, answer) = token(&client, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
        assert_eq!(status, if number <= 8 { 200 } else { 429 }, "{number}");
        if status == 200 {
            issued = answer;
        }
    }
}
