//! The customer's receiver of our webhooks.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::Client;

const SECRET: &str = "a secret in our own words";

fn hmac(content: &str) -> Vec<u8> {
    let hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.chain_update(content).finalize().into_bytes().to_vec()
}

/// A body in a stream, after another.
fn body(stream: &str, number: u64, before: Option<&str>) -> String {
    let mut sequence = json!({"stream": stream, "number": number});
    if let Some(before) = before {
        sequence["previous"] = json!(format!("sha256:{}", hex::encode(Sha256::digest(before))));
    }
    json!({"type": "booking.created", "sequence": sequence}).to_string()
}

/// The bodies of a booking from its first event on.
fn bodies(stream: &str, count: u64) -> Vec<String> {
    let mut bodies: Vec<String> = Vec::new();
    for number in 1..=count {
        bodies.push(body(stream, number, bodies.last().map(String::as_str)));
    }
    bodies
}

impl Client {
    fn delivery(&self, id: &str, body: &str) -> reqwest::RequestBuilder {
        let seconds = Timestamp::now().as_second();
        let v1 = BASE64_STANDARD.encode(hmac(&format!("{id}.{seconds}.{body}")));
        let request = self.http.post(self.url("/receiver/acme")).body(body.to_owned());
        let request = request.header("webhook-id", id).header("webhook-timestamp", seconds);
        let request = request.header("webhook-signature", format!("v1,AAAA v1,{v1}"));
        request.header("X-VAI-Event", "booking.created").header("X-VAI-Signature", hex::encode(hmac(body)))
    }

    /// Returns the status.
    async fn deliver(&self, id: &str, body: &str) -> u16 {
        self.answer(self.delivery(id, body)).await.0
    }

    async fn set_up(&self, change: Value) -> (u16, Value) {
        self.answer(self.http.put(self.url("/receiver/acme")).json(&change)).await
    }

    async fn receiver(&self) -> Value {
        self.get("/receiver/acme.json").await.1
    }
}

/// Returns a field of each delivery.
fn column(receiver: &Value, field: &str) -> Vec<Value> {
    receiver["deliveries"].as_array().unwrap().iter().map(|it| it[field].clone()).collect()
}

#[tokio::test]
async fn deliveries_are_verified_and_kept_in_order() {
    let client = Client::start().await;
    assert_eq!(client.get("/receiver.json").await.1, json!({}));
    assert_eq!(client.get("/receiver/acme.json").await.0, 404);
    let bodies = bodies("booking/b1", 2);
    assert_eq!(client.deliver("m1", &bodies[0]).await, 200, "without a secret");
    let (status, view) = client.set_up(json!({"secret": SECRET})).await;
    assert_eq!((status, &view["hasSecret"]), (200, &json!(true)));
    assert!(!view.to_string().contains(SECRET));
    assert_eq!(client.deliver("m2", &bodies[1]).await, 200);
    let tampered = client.delivery("m3", &bodies[1]).body("{}");
    assert_eq!(client.answer(tampered).await.0, 401);
    let plain = client.http.post(client.url("/receiver/acme")).body("no JSON");
    assert_eq!(client.answer(plain).await.0, 401);

    let receiver = client.receiver().await;
    assert_eq!(column(&receiver, "v1"), ["not verified", "ok", "wrong", "missing"]);
    assert_eq!(column(&receiver, "xVai"), ["not verified", "ok", "wrong", "missing"]);
    assert_eq!(column(&receiver, "status"), [200, 200, 401, 401]);
    assert_eq!(column(&receiver, "outcome"), ["taken", "taken", "refused", "refused"]);
    assert_eq!(
        column(&receiver, "type"),
        [json!("booking.created"), json!("booking.created"), json!("booking.created"), json!(null)]
    );
    assert_eq!(column(&receiver, "number"), [json!(1), json!(2), json!(null), json!(null)]);
    assert_eq!(column(&receiver, "previousOk"), [json!(true), json!(true), json!(null), json!(null)]);
    assert_eq!(column(&receiver, "body"), [bodies[0].as_str(), &bodies[1], "{}", "no JSON"]);
    assert!(receiver["deliveries"][1]["headers"].as_array().unwrap().contains(&json!(["webhook-id", "m2"])));
    assert_eq!(client.get("/receiver.json").await.1["acme"], receiver);

    for (file, others) in [("/receiver/other", 1), ("/receiver/acme", 0)] {
        assert_eq!(client.answer(client.http.delete(client.url(file))).await.0, 204);
        assert_eq!(client.get("/receiver.json").await.1.as_object().unwrap().len(), others);
    }
    client.deliver("m1", &bodies[0]).await;
    assert_eq!(client.answer(client.http.delete(client.url("/receiver.json"))).await.0, 204);
    assert_eq!(client.get("/receiver/acme.json").await.0, 404);
}

#[tokio::test]
async fn gaps_duplicates_and_wrong_digests_are_found() {
    let client = Client::start().await;
    let one = bodies("booking/b1", 6);
    let other = body("conversation/c1", 1, Some("it has none before it"));
    for (id, body) in [
        ("m1", &one[0]),
        ("m1", &one[0]),
        ("m4", &one[3]),
        ("other", &other),
        ("m2", &one[1]),
        ("again", &one[1]),
        ("m6", &body("booking/b1", 6, Some("another"))),
        ("m5", &body("booking/b1", 5, Some("another"))),
    ] {
        assert_eq!(client.deliver(id, body).await, 200);
    }
    let receiver = client.receiver().await;
    assert_eq!(receiver["gaps"], json!([{"stream": "booking/b1", "from": 3, "through": 3}]));
    assert_eq!(
        receiver["counts"],
        json!({
            "received": 8, "taken": 6, "duplicates": 2, "lost": 0, "refused": 0, "unanswered": 0, "late": 2,
            "previousWrong": 2, "missing": 1,
        })
    );
    assert_eq!(column(&receiver, "attempt"), [1, 2, 1, 1, 1, 1, 1, 1]);
    assert_eq!(column(&receiver, "gap"), [0, 0, 2, 0, 0, 0, 1, 0]);
    let previous_ok = [Some(true), Some(true), None, Some(false), Some(true), Some(true), None, Some(false)];
    assert_eq!(column(&receiver, "previousOk"), previous_ok.map(|it| json!(it)));
    for number in 0..60 {
        client.deliver(&format!("n{number}"), "{}").await;
    }
    let shown = client.get("/receiver.json").await.1["acme"].clone();
    assert_eq!((column(&shown, "webhookId").len(), &shown["counts"]["received"]), (50, &json!(68)));
    assert_eq!(column(&client.receiver().await, "webhookId").len(), 68);
}

#[tokio::test]
async fn a_receiver_misbehaves_as_it_is_told_and_recovers() {
    let client = Client::start().await;
    let bodies = bodies("booking/b1", 9);
    assert_eq!(client.set_up(json!({"secret": SECRET, "behavior": {"status": 500, "times": 2}})).await.0, 200);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.deliver("m1", &bodies[0]).await);
    }
    client.set_up(json!({"behavior": {"status": 410}})).await;
    statuses.push(client.deliver("m2", &bodies[1]).await);
    client.set_up(json!({"behavior": {"status": 204}})).await;
    statuses.push(client.deliver("m2", &bodies[1]).await);
    statuses.push(client.answer(client.delivery("m3", &bodies[2]).body("{}")).await.0);
    assert_eq!(statuses, [500, 500, 200, 410, 204, 401]);

    client.set_up(json!({"behavior": {"hang": true}})).await;
    let hung = client.delivery("m3", &bodies[2]).timeout(Duration::from_millis(100)).send().await;
    assert!(hung.unwrap_err().is_timeout());
    client.set_up(json!({"behavior": {"delayMs": 300}})).await;
    let late = client.delivery("m3", &bodies[2]).timeout(Duration::from_millis(100)).send().await;
    assert!(late.unwrap_err().is_timeout());
    client.set_up(json!({"behavior": {}})).await;
    assert_eq!(client.deliver("m3", &bodies[2]).await, 200);

    // It is the tenth delivery.
    client.set_up(json!({"behavior": {"loseEvery": 5}})).await;
    assert_eq!(client.deliver("m4", &bodies[3]).await, 200);
    assert_eq!(client.deliver("m5", &bodies[4]).await, 200);
    let receiver = client.receiver().await;
    let outcomes = [
        "refused",
        "refused",
        "taken",
        "refused",
        "taken",
        "refused",
        "unanswered",
        "taken",
        "duplicate",
        "lost",
        "taken",
    ];
    assert_eq!(column(&receiver, "outcome"), outcomes);
    assert_eq!(column(&receiver, "attempt"), [1, 2, 3, 1, 2, 1, 2, 3, 4, 1, 1]);
    assert_eq!(receiver["deliveries"][6]["status"], json!(null));
    assert_eq!(receiver["gaps"], json!([{"stream": "booking/b1", "from": 4, "through": 4}]));
    assert_eq!(receiver["behavior"]["loseEvery"], 5);
    client.post("/control/reset", json!({})).await;
    assert_eq!(client.get("/receiver/acme.json").await.0, 404);
}

#[tokio::test]
async fn a_wrong_change_of_a_receiver_is_refused_as_a_whole() {
    let client = Client::start().await;
    client.set_up(json!({"secret": SECRET})).await;
    for (change, problem) in [
        (json!({"secret": "whsec_AAAA", "behavior": {"status": 500}}), "goes on after whsec_ with base64"),
        (json!({"secret": ""}), "must not be empty"),
        (json!({"behavior": {"status": 100}}), "a status is from 200 to 599"),
        (json!({"behavior": {"loseEvery": 0}}), "nonzero"),
        (json!({"behavior": {"slow": true}}), "unknown field `slow`"),
        (json!({"url": "http://127.0.0.1"}), "unknown field `url`"),
    ] {
        let (status, answer) = client.set_up(change).await;
        assert_eq!(status, 400, "{problem}");
        assert!(answer.to_string().contains(problem), "{answer}");
    }
    assert_eq!(client.deliver("m1", "{}").await, 200);
    client.set_up(json!({"secret": null})).await;
    client.deliver("m2", "{}").await;
    assert_eq!(column(&client.receiver().await, "v1"), ["ok", "not verified"]);
}
