//! E-mails: what Brevo and SES refuse, their events, and what the inbox shows.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use sandbox::keys;
use serde_json::{Value, json};

use crate::client::{Client, Receiver};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/ses/aws4_request, Signature=none";

impl Client {
    async fn brevo(&self, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url("/brevo/v3/smtp/email")).header("api-key", keys::BREVO);
        self.answer(request.json(body)).await
    }

    /// Returns the status, the error's name, and the body.
    async fn ses(&self, body: &Value) -> (u16, String, Value) {
        let request = self.http.post(self.url("/ses/v2/email/outbound-emails"));
        let answer = request.header("Authorization", AUTHORIZATION).json(body).send().await.unwrap();
        let name = answer.headers().get("x-amzn-errortype").map(|name| name.to_str().unwrap().to_owned());
        (answer.status().as_u16(), name.unwrap_or_default(), answer.json().await.unwrap_or_default())
    }

    /// Waits until the only e-mail of the inbox has a delivery state.
    async fn email_in_state(&self, delivery: &str) -> Value {
        for _ in 0..500 {
            let emails = self.inbox().await["emails"].clone();
            if emails[0]["delivery"] == delivery {
                assert_eq!(emails.as_array().unwrap().len(), 1);
                return emails[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is not {delivery}: {}", self.inbox().await["emails"]);
    }
}

fn confirmation(to: &str) -> Value {
    json!({
        "sender": {"name": "VAI", "email": "hello@example.com"},
        "to": [{"email": to, "name": "Ana"}],
        "subject": "Confirmare: Sales Demo",
        "htmlContent": "<p>Bună, <b>Ana</b>!</p>",
        "textContent": "Bună, Ana!",
        "headers": {"idempotencyKey": "k1", "X-Mailin-custom": "b1/c1", "List-Unsubscribe": "<https://example.com/u>"},
        "attachment": [{"name": "invite.ics", "content": BASE64_STANDARD.encode("BEGIN:VCALENDAR")}],
        "tags": ["confirmation"],
    })
}

fn mime(to: &str) -> String {
    let mime = format!(
        "From: VAI <hello@example.com>\r\nTo: {to}\r\nSubject: =?utf-8?Q?Bun=C4=83?=\r\n\
         List-Unsubscribe: <https://example.com/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBună, Ana!\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Bună, Ana!</p>\r\n\
         --b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n"
    );
    BASE64_STANDARD.encode(mime)
}

fn raw(to: &str) -> Value {
    json!({
        "FromEmailAddress": "VAI <hello@example.com>",
        "Destination": {"ToAddresses": [to]},
        "Content": {"Raw": {"Data": mime(to)}},
        "EmailTags": [{"Name": "booking", "Value": "b1"}, {"Name": "command", "Value": "c-1"}],
        "ConfigurationSetName": "vai-calendly",
    })
}

#[tokio::test]
async fn brevo_refuses_invalid_requests() {
    let client = Client::start().await;
    let file = |name: &str, content: &str| json!([{"name": name, "content": content}]);
    for (pointer, value, code, message) in [
        ("/sender", Value::Null, "missing_parameter", "sender is missing"),
        ("/sender/email", json!("hello"), "invalid_parameter", "sender.email is not an e-mail address"),
        ("/to", Value::Null, "missing_parameter", "to is missing"),
        ("/to", json!([]), "invalid_parameter", "to must be a list of 1 to 99 recipients"),
        ("/to/0/email", json!("ana"), "invalid_parameter", "to.0.email is not valid"),
        ("/to/0/name", json!("a".repeat(71)), "invalid_parameter", "to.0.name must be a string of 1 to 70 characters"),
        ("/subject", json!(" "), "invalid_parameter", "subject can't be blank"),
        ("/htmlContent", json!(7), "invalid_parameter", "htmlContent must be a string"),
        ("/headers", json!([]), "invalid_parameter", "headers must be an object"),
        ("/headers/X-Number", json!(7), "invalid_parameter", "headers.X-Number must be a string"),
        ("/attachment", file("a.ics", "%%"), "invalid_parameter", "attachment.0.content is not base64"),
        (
            "/attachment",
            file("a.exe", "eA=="),
            "invalid_parameter",
            "attachment.0.name has an extension that is not supported",
        ),
        ("/tags", json!("confirmation"), "invalid_parameter", "tags must be a list of strings"),
    ] {
        let mut body = confirmation("ana@example.com");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match (value, parent) {
            (Value::Null, Value::Object(object)) => _ = object.remove(key),
            (value, parent) => parent[key] = value,
        }
        assert_eq!(client.brevo(&body).await, (400, json!({"code": code, "message": message})), "{pointer}");
    }
    let mut empty = confirmation("ana@example.com");
    for key in ["htmlContent", "textContent"] {
        empty.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(client.brevo(&empty).await.1["code"], "missing_parameter");
    let stranger = client.http.post(client.url("/brevo/v3/smtp/email")).json(&confirmation("ana@example.com"));
    let (status, error) = client.answer(stranger).await;
    assert_eq!((status, &error["code"]), (401, &json!("unauthorized")));

    for (fault, status, code) in [
        (json!({"status": 402}), 402, "not_enough_credits"),
        (json!({"code": "not_enough_credits"}), 402, "not_enough_credits"),
        (json!({"status": 429}), 429, "too_many_requests"),
        (json!({"status": 403, "code": "account_under_validation"}), 403, "account_under_validation"),
        (json!({}), 500, "internal_error"),
    ] {
        let mut whole = json!({"target": "brevo", "mode": "fail", "times": 1});
        whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        client.post("/control/faults", whole).await;
        let (answered, error) = client.brevo(&confirmation("ana@example.com")).await;
        assert_eq!((answered, &error["code"]), (status, &json!(code)));
    }
    assert_eq!(client.inbox().await["emails"], json!([]));
}

#[tokio::test]
async fn brevo_accepts_an_idempotency_key_once() {
    let client = Client::start().await;
    client.post("/control/faults", json!({"target": "brevo", "mode": "drop", "times": 1})).await;
    let request = client.http.post(client.url("/brevo/v3/smtp/email")).header("api-key", keys::BREVO);
    assert!(request.json(&confirmation("ana@example.com")).send().await.is_err(), "sent, and the answer is lost");
    let (status, error) = client.brevo(&confirmation("ana@example.com")).await;
    assert_eq!((status, &error["code"]), (400, &json!("duplicate_parameter")));
    assert_eq!(client.inbox().await["emails"].as_array().unwrap().len(), 1);

    client.post("/control/settings", json!({"brevo_key_ms": 0})).await;
    assert_eq!(client.brevo(&confirmation("ana@example.com")).await.0, 201, "the key is forgotten");
    let mut unsent = confirmation("ana@example.com");
    unsent["headers"]["X-Sib-Sandbox"] = json!("drop");
    assert_eq!(client.brevo(&unsent).await.0, 201);
    assert_eq!(client.inbox().await["emails"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn brevo_posts_the_events_of_an_email() {
    for (address, events, delivery) in [
        ("ana@example.com", vec!["request", "delivered"], "delivered"),
        ("bounce@example.com", vec!["request", "hard_bounce"], "bounced"),
        ("complaint+1@example.com", vec!["request", "delivered", "spam"], "complained"),
        ("unsubscribe@example.com", vec!["request", "delivered", "unsubscribed"], "unsubscribed"),
    ] {
        let client = Client::start().await;
        let receiver = Receiver::start(vec![]).await;
        client.post("/control/settings", json!({"receipts_after_ms": 5, "brevo_webhook_url": receiver.url})).await;
        let (status, answer) = client.brevo(&confirmation(address)).await;
        assert_eq!(status, 201, "{answer}");
        let id = &answer["messageId"];
        assert!(id.as_str().unwrap().starts_with('<') && id.as_str().unwrap().ends_with("@relay.domain.com>"));
        let email = client.email_in_state(delivery).await;
        let received = receiver.wait_for(events.len()).await;
        assert!(
            received.iter().all(|(headers, _)| headers["Authorization"] == format!("Bearer {}", keys::BREVO_BEARER))
        );
        let bodies = receiver.bodies(events.len()).await;
        assert_eq!(bodies.iter().map(|one| one["event"].as_str().unwrap()).collect::<Vec<_>>(), events);
        for one in &bodies {
            assert_eq!(
                (&one["message-id"], &one["email"], &one["X-Mailin-custom"]),
                (id, &json!(address), &json!("b1/c1"))
            );
            assert!(one["ts_event"].as_i64().unwrap() < 10_000_000_000, "seconds");
        }
        let expected = json!({
            "provider": "brevo", "from": "VAI <hello@example.com>", "to": address, "text": "Bună, Ana!",
            "html": "<p>Bună, <b>Ana</b>!</p>", "tags": ["confirmation"],
            "attachments": [{"name": "invite.ics", "content_type": "text/calendar", "text": "BEGIN:VCALENDAR"}],
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&email[key], value, "{key}");
        }
        assert_eq!(email["headers"]["List-Unsubscribe"], "<https://example.com/u>");
    }
}

#[tokio::test]
async fn ses_refuses_in_the_form_that_the_sdks_read() {
    let client = Client::start().await;
    for (pointer, value, name) in [
        ("/Destination", json!({}), "BadRequestException"),
        ("/Destination/ToAddresses", json!(["ana"]), "BadRequestException"),
        ("/Content/Raw/Data", json!("%%%"), "BadRequestException"),
        ("/Content/Simple", json!({}), "BadRequestException"),
        ("/Content", json!({"Template": {"TemplateName": "x"}}), "BadRequestException"),
        ("/FromEmailAddress", json!("hello"), "BadRequestException"),
        ("/FromEmailAddress", json!("hello@unverified.example.com"), "MessageRejected"),
        ("/EmailTags", json!([{"Name": "booking", "Value": "b 1"}]), "BadRequestException"),
    ] {
        let mut body = raw("ana@example.com");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        if pointer == "/Destination" {
            body["Content"] = json!({"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}});
        }
        let (status, error, answer) = client.ses(&body).await;
        assert_eq!((status, error.as_str()), (400, name), "{pointer}: {answer}");
        assert!(answer["message"].is_string());
    }
    let unsigned = client.http.post(client.url("/ses/v2/email/outbound-emails")).json(&raw("ana@example.com"));
    assert_eq!(client.answer(unsigned).await.0, 403);
    for (fault, status, name) in [
        (json!({"code": "MessageRejected"}), 400, "MessageRejected"),
        (json!({"code": "SendingPausedException"}), 400, "SendingPausedException"),
        (json!({"status": 429}), 429, "TooManyRequestsException"),
    ] {
        let mut whole = json!({"target": "ses", "mode": "fail", "times": 1});
        whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        client.post("/control/faults", whole).await;
        let (answered, error, _) = client.ses(&raw("ana@example.com")).await;
        assert_eq!((answered, error.as_str()), (status, name));
    }
    assert_eq!(client.inbox().await["emails"], json!([]));
}

#[tokio::test]
async fn ses_emails_are_shown_in_full() {
    let client = Client::start().await;
    let (status, _, answer) = client.ses(&raw("ana@example.com")).await;
    assert_eq!(status, 200, "{answer}");
    let email = client.inbox().await["emails"][0].clone();
    assert_eq!((&email["message_id"], &email["provider"]), (&answer["MessageId"], &json!("ses")));
    assert_eq!((&email["subject"], &email["from"]), (&json!("Bună"), &json!("VAI <hello@example.com>")));
    assert_eq!(
        (email["text"].as_str().unwrap().trim(), email["html"].as_str().unwrap().trim()),
        ("Bună, Ana!", "<p>Bună, Ana!</p>")
    );
    assert_eq!(email["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    assert_eq!(email["attachments"][0]["content_type"], "text/calendar; method=REQUEST");

    let simple = json!({
        "FromEmailAddress": "hello@example.com", "Destination": {"ToAddresses": ["Ana <ana@example.com>"]},
        "Content": {"Simple": {
            "Subject": {"Data": "Bună"}, "Body": {"Text": {"Data": "t"}, "Html": {"Data": "<p>t</p>"}},
            "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
            "Attachments": [{"FileName": "invite.ics", "ContentType": "text/calendar", "RawContent": BASE64_STANDARD.encode("x")}],
        }},
    });
    assert_eq!(client.ses(&simple).await.0, 200);
    let email = client.inbox().await["emails"][1].clone();
    assert_eq!((&email["to"], &email["html"]), (&json!("ana@example.com"), &json!("<p>t</p>")));
    assert_eq!(email["attachments"], json!([{"name": "invite.ics", "content_type": "text/calendar", "text": "x"}]));
}

#[tokio::test]
async fn ses_events_arrive_in_the_queue() {
    for (address, events, detail_type) in [
        ("ana@example.com", vec!["Send", "Delivery"], "Email Delivered"),
        ("bounce@example.com", vec!["Send", "Bounce"], "Email Bounced"),
        ("complaint@example.com", vec!["Send", "Delivery", "Complaint"], "Email Complaint Received"),
    ] {
        let client = Client::start().await;
        let receiver = Receiver::start(vec![]).await;
        let queue = receiver.url.replace("/webhooks/calendly", "/000000000000/ses-events");
        client.post("/control/settings", json!({"receipts_after_ms": 5, "ses_events_queue_url": queue})).await;
        let (_, _, answer) = client.ses(&raw(address)).await;
        let received = receiver.wait_for(events.len()).await;
        let mut messages = Vec::new();
        for (headers, body) in &received {
            assert!(headers["Authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=test/"));
            let form: std::collections::HashMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
            assert_eq!((form["Action"].as_str(), form["QueueUrl"].as_str()), ("SendMessage", queue.as_str()));
            messages.push(serde_json::from_str::<Value>(&form["MessageBody"]).unwrap());
        }
        assert_eq!(messages.iter().map(|one| one["detail"]["eventType"].as_str().unwrap()).collect::<Vec<_>>(), events);
        let last = messages.last().unwrap();
        assert_eq!((&last["detail-type"], &last["source"]), (&json!(detail_type), &json!("aws.ses")));
        let mail = &last["detail"]["mail"];
        assert_eq!((&mail["messageId"], &mail["tags"]["command"]), (&answer["MessageId"], &json!(["c-1"])));
        assert_eq!(mail["tags"]["ses:configuration-set"], json!(["vai-calendly"]));
        let listed = client.inbox().await["ses_events"].clone();
        assert_eq!(listed.as_array().unwrap().last(), Some(&last["detail"]));
    }
}
