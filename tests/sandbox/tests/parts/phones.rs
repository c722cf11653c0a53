//! Text messages: what is refused, the receipts, and what people do with their phones.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, ToSpan};
use sandbox::keys;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

use crate::client::{Client, Received, Receiver};

const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const ANA: &str = "+40712345678";

type Form = BTreeMap<String, String>;

fn messages() -> String {
    format!("/twilio/2010-04-01/Accounts/{}/Messages.json", keys::TWILIO_ACCOUNT)
}

impl Client {
    /// Sends a text by Twilio.
    async fn text(&self, params: &[(&str, &str)]) -> (u16, Value) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let request = self
            .http
            .post(self.url(&messages()))
            .basic_auth(keys::TWILIO_ACCOUNT, Some(keys::TWILIO_TOKEN))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        self.answer(request).await
    }

    async fn texts(&self, query: &str) -> Value {
        let request = self.http.get(self.url(&format!("{}?{query}", messages())));
        self.answer(request.basic_auth(keys::TWILIO_ACCOUNT, Some(keys::TWILIO_TOKEN))).await.1["messages"].clone()
    }

    async fn settings(&self, settings: Value) {
        self.post("/control/settings", settings).await;
    }

    async fn fault(&self, fault: Value) {
        self.post("/control/faults", fault).await;
    }

    /// Waits until every message is delivered or undelivered. Returns the inbox.
    async fn settled(&self) -> Value {
        for _ in 0..500 {
            let inbox = self.inbox().await;
            let messages = inbox["sms"].as_array().unwrap();
            if messages.iter().all(|sms| sms["delivery"] == "delivered" || sms["delivery"] == "undelivered") {
                return inbox;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("messages are still on their way: {}", self.inbox().await["sms"]);
    }
}

fn form((_, body): &Received) -> Form {
    form_urlencoded::parse(body).into_owned().collect()
}

fn field<'a>(forms: &'a [Form], name: &str) -> Vec<&'a str> {
    forms.iter().map(|form| form[name].as_str()).collect()
}

/// Returns the signature that Twilio's documents describe, implemented independently of the sandbox.
fn twilio_signature(url: &str, form: &Form) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(keys::TWILIO_TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in form {
        mac.update(format!("{name}{value}").as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn template(id: &str, to: &str) -> Value {
    json!({"to": [to], "template": {"id": id, "params": {"name": "Ana"}}, "custom_args": {"command_id": "c1"}})
}

#[tokio::test]
async fn twilio_refuses_invalid_requests() {
    let client = Client::start().await;
    let long = "a".repeat(1_601);
    for (params, status, code) in [
        (vec![("From", "VAI"), ("Body", "x")], 400, 21604),
        (vec![("To", "0712345678"), ("From", "VAI"), ("Body", "x")], 400, 21211),
        (vec![("To", "+15005550001"), ("From", "VAI"), ("Body", "x")], 400, 21211),
        (vec![("To", "+15005550002"), ("From", "VAI"), ("Body", "x")], 400, 21612),
        (vec![("To", "+15005550003"), ("From", "VAI"), ("Body", "x")], 400, 21408),
        (vec![("To", "+15005550004"), ("From", "VAI"), ("Body", "x")], 400, 21610),
        (vec![("To", "+15005550009"), ("From", "VAI"), ("Body", "x")], 400, 21614),
        (vec![("To", "+40212340009"), ("From", "VAI"), ("Body", "x")], 400, 21614),
        (vec![("To", ANA), ("Body", "x")], 400, 21603),
        (vec![("To", ANA), ("From", "+15005550001"), ("Body", "x")], 400, 21212),
        (vec![("To", ANA), ("From", "a name too long"), ("Body", "x")], 400, 21212),
        (vec![("To", ANA), ("From", "+15005550007"), ("Body", "x")], 400, 21606),
        (vec![("To", ANA), ("From", "+15005550008"), ("Body", "x")], 429, 21611),
        (vec![("To", ANA), ("MessagingServiceSid", "MG1"), ("Body", "x")], 400, 21705),
        (vec![("To", ANA), ("From", "VAI")], 400, 21602),
        (vec![("To", ANA), ("From", "VAI"), ("Body", &long)], 400, 21617),
        (vec![("To", ANA), ("From", "VAI"), ("Body", "x"), ("StatusCallback", "ftp://x")], 400, 21609),
    ] {
        let (answered, error) = client.text(&params).await;
        assert_eq!((answered, &error["code"], &error["status"]), (status, &json!(code), &json!(status)), "{params:?}");
        assert_eq!(error["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
        assert!(error["message"].is_string());
    }
    let stranger = client.http.post(client.url(&messages())).basic_auth(keys::TWILIO_ACCOUNT, Some("other"));
    let (status, error) = client.answer(stranger).await;
    assert_eq!((status, &error["code"]), (401, &json!(20003)));
    let other = messages().replace(keys::TWILIO_ACCOUNT, &keys::TWILIO_ACCOUNT.replace('1', "2"));
    let other = client.http.post(client.url(&other)).basic_auth(keys::TWILIO_ACCOUNT, Some(keys::TWILIO_TOKEN));
    assert_eq!(client.answer(other).await.1["code"], 20404);

    client.fault(json!({"target": "twilio", "mode": "fail", "status": 429, "times": 1})).await;
    let good = [("To", ANA), ("From", "VAI"), ("Body", "x")];
    let (status, error) = client.text(&good).await;
    assert_eq!((status, &error["code"]), (429, &json!(20429)));
    client.fault(json!({"target": "twilio", "mode": "fail", "code": 21610, "times": 1})).await;
    let (status, error) = client.text(&good).await;
    assert_eq!((status, &error["code"]), (400, &json!(21610)));
    assert_eq!(client.inbox().await["sms"], json!([]));
}

#[tokio::test]
async fn twilio_posts_the_delivery_states_of_a_message() {
    let client = Client::start().await;
    client.settings(json!({"receipts_after_ms": 20})).await;
    let receiver = Receiver::start(vec![]).await;
    let url = format!("{}?connection=main&command=c+1", receiver.url);
    let text = "Bună, Ana! Ne vedem la 10:00.";
    let params = [
        ("To", ANA),
        ("MessagingServiceSid", SERVICE),
        ("Body", text),
        ("StatusCallback", &url),
        ("SmartEncoded", "true"),
    ];
    let (status, message) = client.text(&params).await;
    assert_eq!(status, 201, "{message}");
    assert!(message["sid"].as_str().unwrap().starts_with("SM"));
    let expected = json!({
        "status": "queued", "num_segments": "1", "to": ANA, "messaging_service_sid": SERVICE, "error_code": null,
        "direction": "outbound-api", "body": text, "date_sent": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&message[key], value, "{key}");
    }

    let received = receiver.wait_for(2).await;
    let forms: Vec<Form> = received.iter().map(form).collect();
    assert_eq!(field(&forms, "MessageStatus"), ["sent", "delivered"]);
    for ((headers, _), form) in received.iter().zip(&forms) {
        assert_eq!(headers["X-Twilio-Signature"], twilio_signature(&url, form));
        assert_eq!(form["MessageSid"], message["sid"].as_str().unwrap());
        assert_eq!((&form["SmsSid"], &form["SmsStatus"]), (&form["MessageSid"], &form["MessageStatus"]));
        assert_eq!((form["To"].as_str(), form["AccountSid"].as_str()), (ANA, keys::TWILIO_ACCOUNT));
    }
    let inbox = client.settled().await;
    assert_eq!((&inbox["sms"][0]["provider"], &inbox["sms"][0]["delivery"]), (&json!("twilio"), &json!("delivered")));
    assert_eq!(
        inbox["sms"][0]["measure"],
        json!({"encoding": "UCS-2", "units": 29, "segments": 1, "breaks": [], "culprits": ["ă"]})
    );
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_number_and_day() {
    let client = Client::start().await;
    client.fault(json!({"target": "twilio", "mode": "drop", "times": 1})).await;
    let request = client
        .http
        .post(client.url(&messages()))
        .basic_auth(keys::TWILIO_ACCOUNT, Some(keys::TWILIO_TOKEN))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("To=%2B{}&From=VAI&Body=lost", &ANA[1..]));
    assert!(request.send().await.is_err());
    client.text(&[("To", "+4520123456"), ("From", "VAI"), ("Body", "another's")]).await;

    let to = format!("To=%2B{}", &ANA[1..]);
    let now = Timestamp::now();
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let found = client.texts(&format!("{to}&DateSent%3E={}", day(now))).await;
    assert_eq!((found.as_array().unwrap().len(), &found[0]["body"]), (1, &json!("lost")));
    assert_eq!(client.texts(&format!("{to}&DateSent%3E={}", now - 1.minute())).await, found);
    assert_eq!(client.texts(&format!("{to}&DateSent%3E={}", day(now + 48.hours()))).await, json!([]));
    assert_eq!(client.texts(&format!("{to}&DateSent%3C={}", now - 1.minute())).await, json!([]));
    let one = format!("/twilio{}", found[0]["uri"].as_str().unwrap());
    let one = client.http.get(client.url(&one)).basic_auth(keys::TWILIO_ACCOUNT, Some(keys::TWILIO_TOKEN));
    assert_eq!(client.answer(one).await.1["sid"], found[0]["sid"]);
}

#[tokio::test]
async fn a_phone_that_is_off_or_a_landline_receives_nothing() {
    let client = Client::start().await;
    client.settings(json!({"receipts_after_ms": 10})).await;
    let receiver = Receiver::start(vec![]).await;
    let params = [("To", ANA), ("From", "+447700900200"), ("Body", "x"), ("StatusCallback", &*receiver.url)];
    client.post("/people/handset", json!({"number": ANA, "state": "off"})).await;
    client.text(&params).await;
    let forms: Vec<Form> = receiver.wait_for(2).await.iter().map(form).collect();
    assert_eq!(field(&forms, "MessageStatus"), ["sent", "undelivered"]);
    assert_eq!(forms[1]["ErrorCode"], "30003");

    client.post("/people/handset", json!({"number": ANA, "state": "landline"})).await;
    client.text(&params).await;
    let forms: Vec<Form> = receiver.wait_for(3).await.iter().map(form).collect();
    assert_eq!((forms[2]["MessageStatus"].as_str(), forms[2]["ErrorCode"].as_str()), ("failed", "30006"));

    client.post("/people/handset", json!({"number": ANA, "state": "on"})).await;
    client.text(&params).await;
    let forms: Vec<Form> = receiver.wait_for(5).await.iter().map(form).collect();
    assert_eq!(forms[4]["MessageStatus"], "delivered");
    let inbox = client.settled().await;
    assert_eq!(inbox["handsets"], json!({ANA: "on"}));
    let seen: Vec<_> = inbox["sms"].as_array().unwrap().iter().map(|it| (&it["delivery"], &it["error_code"])).collect();
    assert_eq!(json!(seen), json!([["undelivered", 30003], ["undelivered", 30006], ["delivered", null]]));
}

#[tokio::test]
async fn after_stop_a_number_is_not_texted_until_start() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    let url = format!("{}/twilio?connection=main", receiver.url);
    client.settings(json!({"twilio_inbound_url": url})).await;
    let nobody = client.http.post(client.url("/people/reply")).json(&json!({"from": ANA, "text": "STOP"}));
    assert_eq!(client.answer(nobody).await.0, 400, "nobody has texted her yet");

    let params = [("To", ANA), ("MessagingServiceSid", SERVICE), ("Body", "x")];
    assert_eq!(client.text(&params).await.0, 201);
    client.post("/people/reply", json!({"from": ANA, "text": " Stop "})).await;
    let received = receiver.wait_for(1).await.remove(0);
    let webhook = form(&received);
    assert_eq!(received.0["X-Twilio-Signature"], twilio_signature(&url, &webhook));
    assert_eq!(
        (webhook["From"].as_str(), webhook["Body"].as_str(), webhook["NumMedia"].as_str()),
        (ANA, " Stop ", "0")
    );
    assert_eq!(webhook["MessageSid"], webhook["SmsSid"]);
    assert!(webhook["To"].starts_with('+'));

    let (status, error) = client.text(&params).await;
    assert_eq!((status, &error["code"]), (400, &json!(21610)));
    assert_eq!(client.text(&[("To", ANA), ("From", "+447700900201"), ("Body", "x")]).await.0, 201, "another sender");
    // The reply goes to the sender of the last message.
    client.post("/people/reply", json!({"from": ANA, "text": "Thank you, I'll stop by"})).await;
    assert_eq!(form(&receiver.wait_for(2).await[1])["To"], "+447700900201");
    assert_eq!(client.text(&params).await.0, 400);
    let inbox = client.inbox().await;
    assert_eq!(inbox["replies"].as_array().unwrap().len(), 2);
    assert_eq!((&inbox["replies"][0]["provider"], &inbox["replies"][0]["from"]), (&json!("twilio"), &json!(ANA)));
    assert_eq!(inbox["opted_out"], json!([{"number": ANA, "sender": SERVICE}]));

    // START applies only to the sender that is replied to.
    client.post("/people/reply", json!({"from": ANA, "text": "START"})).await;
    assert_eq!(client.text(&params).await.0, 400);
    assert_eq!(client.text(&[("To", ANA), ("From", "VAI"), ("Body", "x")]).await.0, 201);
    let name = client.http.post(client.url("/people/reply")).json(&json!({"from": ANA, "text": "STOP"}));
    assert_eq!(client.answer(name).await.0, 400, "a name can't be answered");
}

#[tokio::test]
async fn start_revokes_stop() {
    let client = Client::start().await;
    let params = [("To", ANA), ("From", "+447700900200"), ("Body", "x")];
    for (word, status) in [("STOP", 400), ("start", 201), ("REVOKE", 400), ("Unstop", 201), ("please stop", 201)] {
        if client.inbox().await["sms"] == json!([]) {
            client.text(&params).await;
        }
        client.post("/people/reply", json!({"from": ANA, "text": word})).await;
        assert_eq!(client.text(&params).await.0, status, "{word}");
    }
}

#[tokio::test]
async fn engagelab_callbacks_are_signed() {
    let client = Client::start().await;
    let receiver = Receiver::start(vec![]).await;
    client.settings(json!({"receipts_after_ms": 10, "engagelab_callback_url": receiver.url})).await;
    let (headers, body) = receiver.wait_for(1).await.remove(0);
    assert_eq!((&body[..], headers.get("X-CALLBACK-ID")), (&b"{}"[..], None), "the probe comes first");

    let (_, answer) = client.sms(&template("not_booked-en", ANA)).await;
    let received = receiver.wait_for(3).await;
    let mut rows = Vec::new();
    for (headers, body) in &received[1..] {
        assert_eq!(headers["Authorization"], keys::ENGAGELAB_CALLBACK_AUTHORIZATION);
        let parts: BTreeMap<_, _> =
            headers["X-CALLBACK-ID"].to_str().unwrap().split(';').map(|part| part.split_once('=').unwrap()).collect();
        let (user, secret) = keys::ENGAGELAB_CALLBACK.split_once(':').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{}{}{user}", parts["timestamp"], parts["nonce"]).as_bytes());
        assert_eq!(parts["signature"], hex::encode(mac.finalize().into_bytes()));
        assert_eq!(parts["username"], user);
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["total"], 1);
        rows.push(body["rows"][0].clone());
    }
    let stages: Vec<_> = rows.iter().map(|row| &row["status"]["message_status"]).collect();
    assert_eq!(stages, ["sent", "delivered"]);
    assert_eq!((&rows[0]["message_id"], &rows[0]["to"]), (&answer["message_id"], &json!(ANA)));
    assert_eq!(rows[0]["custom_args"], json!({"command_id": "c1"}));
    assert_eq!(rows[1]["status"]["status_data"]["template_key"], "not_booked-en");
    assert_ne!(received[1].0["X-CALLBACK-ID"], received[2].0["X-CALLBACK-ID"], "a nonce is used once");

    client.post("/people/handset", json!({"number": ANA, "state": "off"})).await;
    client.sms(&template("reminder-en", ANA)).await;
    let row = receiver.bodies(5).await[4]["rows"][0].clone();
    assert_eq!(row["status"]["message_status"], "delivered_failed");
    assert!(row["status"]["error_code"] != 0 && row["status"]["error_detail"]["message"].is_string());
    client.post("/people/handset", json!({"number": ANA, "state": "landline"})).await;
    client.sms(&template("reminder-en", ANA)).await;
    assert_eq!(receiver.bodies(6).await[5]["rows"][0]["status"]["message_status"], "sent_failed");

    client.post("/people/reply", json!({"from": ANA, "text": "STOP"})).await;
    let row = receiver.bodies(7).await[6]["rows"][0].clone();
    assert_eq!(row["response"]["event"], "uplink_message");
    let said = &row["response"]["response_data"];
    assert_eq!((&said["from"], &said["body"]), (&json!(ANA), &json!("STOP")));
    assert_eq!(client.sms(&template("reminder-en", ANA)).await.0, 200, "the provider keeps no list of its own");
}

#[tokio::test]
async fn receipts_can_be_lost_duplicated_late_and_reordered() {
    let client = Client::start().await;
    client.settings(json!({"receipts_after_ms": 20, "retry_first_ms": 10})).await;
    let receiver = Receiver::start(vec![]).await;
    let params = [("To", ANA), ("From", "+447700900200"), ("Body", "x"), ("StatusCallback", &*receiver.url)];
    let mut before = 0;
    for (fault, expected) in [
        (json!({"mode": "reorder", "path_prefix": "twilio.sent", "delay_ms": 5_000}), vec!["delivered", "sent"]),
        (json!({"mode": "drop", "path_prefix": "twilio.sent"}), vec!["delivered"]),
        (json!({"mode": "duplicate", "path_prefix": "twilio.delivered"}), vec!["sent", "delivered", "delivered"]),
        (json!({"mode": "delay", "path_prefix": "twilio.sent", "delay_ms": 100}), vec!["delivered", "sent"]),
        (json!({"mode": "fail", "path_prefix": "twilio.delivered"}), vec!["sent", "delivered"]),
    ] {
        let mut whole = fault.clone();
        whole["target"] = json!("receipts");
        whole["times"] = json!(1);
        client.fault(whole).await;
        client.text(&params).await;
        let received = receiver.wait_for(before + expected.len()).await;
        let forms: Vec<Form> = received[before..].iter().map(form).collect();
        assert_eq!(field(&forms, "MessageStatus"), expected, "{fault}");
        before += expected.len();
    }
    let inbox = client.settled().await;
    let last: Vec<_> = inbox["receipts"].as_array().unwrap().iter().rev().take(2).collect();
    assert_eq!((&last[1]["event"], &last[1]["status"]), (&json!("twilio.delivered"), &Value::Null), "it was lost");
    assert_eq!(
        (&last[0]["attempt"], &last[0]["status"]),
        (&json!(2), &json!(200)),
        "and arrived at the second attempt"
    );
}

#[tokio::test]
async fn the_inbox_shows_the_segments_of_a_rendered_template() {
    let client = Client::start().await;
    client.sms(&template("reconfirmation-da", "+4520123456")).await;
    client.sms(&template("reconfirmation-ro", ANA)).await;
    let inbox = client.inbox().await;
    let danish = &inbox["sms"][0]["measure"];
    assert_eq!((&danish["encoding"], &danish["culprits"]), (&json!("GSM-7"), &json!([])));
    let romanian = &inbox["sms"][1];
    assert_eq!(romanian["measure"]["encoding"], "UCS-2");
    let segments = romanian["measure"]["segments"].as_u64().unwrap();
    assert!(segments > 1 && romanian["measure"]["breaks"].as_array().unwrap().len() as u64 == segments - 1);
    assert_eq!(romanian["measure"]["breaks"][0], 67);
    assert_eq!((&romanian["message"], &romanian["provider"]), (&json!("reconfirmation"), &json!("engagelab")));
}

#[tokio::test]
async fn messages_can_be_shown_without_being_sent() {
    let client = Client::start().await;
    client
        .post(
            "/control/show",
            json!({
                "sms": [{"from": "reminder", "to": ANA, "text": "Bună"}],
                "emails": [{"from": "reminder <a@b.example>", "to": "ro@example.com", "subject": "s", "text": "t", "html": null}],
            }),
        )
        .await;
    let inbox = client.inbox().await;
    let (sms, email) = (&inbox["sms"][0], &inbox["emails"][0]);
    assert_eq!(
        (&sms["to"], &sms["measure"]["encoding"], &sms["delivery"]),
        (&json!(ANA), &json!("UCS-2"), &json!("delivered"))
    );
    assert_eq!(
        (&email["subject"], &email["html"], &email["delivery"]),
        (&json!("s"), &Value::Null, &json!("delivered"))
    );
    assert_eq!(inbox["receipts"], json!([]));
}
