//! Parses every documented body of `events/receipts/` and prints the feedback. Personal values print masked.

use std::fs;
use std::path::Path;

use domain::{BookingId, ConnectionName, ContactKey, Feedback, Pepper, Unchanged};
use events::ReplyMeaning;
use jiff::Timestamp;
use serde_json::{Value, json};
use wire::intake::{Envelope, Source};
use wire::receipts::{self, brevo, engagelab, ses, twilio, unsubscribe};

/// The query of a status callback's URL.
const QUERY: &str =
    "booking=bk-0f9d2c6be1a54c7f8e3d5a6b7c8d9e0f&command=sms-confirmation-1a2b3c4d5e6f708192a3b4c5d6e7f809";

fn now() -> Timestamp {
    "2026-11-20T15:00:10Z".parse().expect("an instant")
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/receipts").join(name);
    fs::read_to_string(path).expect("an example").trim_end().to_owned()
}

/// An example, as it is queued.
fn envelope(name: &str) -> Envelope {
    let of = |source| Envelope::new(source, ConnectionName::default(), now(), example(name).into_bytes());
    match name.split(['_', '.']).next() {
        Some("engagelab") => of(Source::Engagelab),
        Some("twilio") => Envelope { query: Some(QUERY.to_owned()), ..of(Source::Twilio) },
        Some("brevo") => of(Source::Brevo),
        Some("ses") => Envelope::parse(&example(name)).expect("an event"),
        _ => of(Source::Unsubscribe),
    }
}

#[test]
fn documented_bodies_are_parsed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/receipts");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("events/receipts/") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|it| it.to_str()).expect("a name");
        let feedback = receipts::parse(&envelope(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        insta::assert_debug_snapshot!(path.file_stem().and_then(|it| it.to_str()).expect("a name"), feedback);
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} examples");
}

#[test]
fn the_free_text_of_a_provider_is_not_kept() {
    for name in ["engagelab_many.json", "brevo_hard_bounce.json", "ses_bounce.json", "ses_rendering_failure.json"] {
        let feedback = format!("{:?}", receipts::parse(&envelope(name)).expect("receipts"));
        for personal in ["Ana", "ana.ionescu", "40712345678", "unknown", "Attribute"] {
            assert!(!feedback.contains(personal), "{name}: {feedback}");
        }
    }
}

#[test]
fn the_number_of_a_reply_may_lack_its_plus() {
    let replies = receipts::parse(&envelope("engagelab_reply.json")).expect("replies");
    let texts: Vec<_> = replies
        .iter()
        .map(|it| match it {
            Feedback::Reply(reply) => (reply.from.expose(), reply.text.unchanged(Unchanged::Comparison)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, [("+40712345678", "STOP"), ("+40712345678", "Da, mulțumesc")]);
    let feedback = receipts::parse(&envelope("twilio_reply.txt")).expect("a reply");
    let [Feedback::Reply(reply)] = feedback.as_slice() else { panic!("{feedback:?}") };
    assert_eq!((reply.from.expose(), reply.text.unchanged(Unchanged::Comparison)), ("+40712345678", "Stop"));
}

/// Prints feedback in short.
fn print(feedback: &Feedback) -> String {
    match feedback {
        Feedback::Receipt(it) => {
            let delivery = it.delivery.map_or("-", |it| it.name());
            let objection = it.objection.map_or_else(String::new, |it| format!(" {it:?}"));
            format!("{delivery} {}{objection}", it.code.as_deref().unwrap_or("-"))
        }
        Feedback::Reply(_) => "a reply".to_owned(),
        Feedback::Unsubscribed { .. } => "unsubscribed".to_owned(),
        Feedback::AskedToStop { .. } => "asked to stop".to_owned(),
        Feedback::Objected { objection, source, .. } => format!("an address objects ({objection:?}, {source:?})"),
        Feedback::Other(name) => format!("other {name}"),
    }
}

fn print_only(feedback: &[Feedback]) -> String {
    let [feedback] = feedback else { panic!("not one: {feedback:?}") };
    print(feedback)
}

#[test]
fn every_status_of_engagelab_has_its_effect() {
    let mut row: Value = serde_json::from_str(&example("engagelab_delivered.json")).expect("JSON");
    for (status, effect) in [
        ("plan", "other plan"),
        ("target_valid", "other target_valid"),
        ("target_invalid", "undelivered 4001"),
        ("sent", "sent -"),
        ("sent_failed", "undelivered 4001"),
        ("sent_fail", "undelivered 4001"),
        ("delivered", "delivered -"),
        ("delivered_failed", "undelivered 4001"),
        ("verified", "other verified"),
        ("a new one!", "other a_new_one_"),
    ] {
        row["rows"][0]["status"]["message_status"] = status.into();
        row["rows"][0]["status"]["error_code"] = 4001.into();
        let feedback = engagelab::parse(row.to_string().as_bytes(), now()).expect("a receipt");
        assert_eq!(print_only(&feedback), effect, "{status}");
    }
}

#[test]
fn every_status_of_twilio_has_its_effect() {
    for (status, code, effect) in [
        ("accepted", "", "other accepted"),
        ("scheduled", "", "other scheduled"),
        ("queued", "", "other queued"),
        ("sending", "", "other sending"),
        ("partially_delivered", "", "other partially_delivered"),
        ("sent", "", "sent -"),
        ("delivered", "", "delivered -"),
        ("read", "", "delivered -"),
        ("Delivered", "", "delivered -"),
        ("undelivered", "30006", "undelivered 30006"),
        ("failed", "", "undelivered -"),
        ("canceled", "", "undelivered -"),
        ("failed", "21610", "undelivered 21610 (Everything, Provider)"),
        ("undelivered", "21610", "undelivered 21610 (Everything, Provider)"),
    ] {
        let form = format!("MessageSid=SM1&MessageStatus={status}&ErrorCode={code}&Body=&From=%2B15005550006");
        let feedback = twilio::parse(form.as_bytes(), Some(QUERY), now()).expect("a receipt");
        assert_eq!(print_only(&feedback), effect, "{status}");
    }
}

#[test]
fn every_event_of_brevo_has_its_effect() {
    let mut event: Value = serde_json::from_str(&example("brevo_delivered.json")).expect("JSON");
    for (name, effect) in [
        ("request", "other request"),
        ("deferred", "other deferred"),
        ("opened", "delivered -"),
        ("unique_opened", "delivered -"),
        ("uniqueOpened", "delivered -"),
        ("click", "delivered -"),
        ("delivered", "delivered -"),
        ("hard_bounce", "undelivered hard_bounce (Everything, Bounce)"),
        ("invalid_email", "undelivered invalid_email (Everything, Bounce)"),
        ("soft_bounce", "undelivered soft_bounce"),
        ("blocked", "undelivered blocked"),
        ("error", "undelivered error"),
        ("hardBounce", "undelivered hardBounce (Everything, Bounce)"),
        ("softBounce", "undelivered softBounce"),
        ("spam", "- - (Everything, Complaint)"),
        ("complaint", "- - (Everything, Complaint)"),
        ("unsubscribe", "- - (FollowUps, Link)"),
        ("unsubscribed", "- - (FollowUps, Link)"),
    ] {
        event["event"] = name.into();
        let feedback = brevo::parse(event.to_string().as_bytes(), now()).expect("a receipt");
        assert_eq!(print_only(&feedback), effect, "{name}");
    }
}

#[test]
fn every_event_of_amazon_ses_has_its_effect() {
    let bounce = |kind: &str| json!({"bounceType": kind, "bounceSubType": "General"});
    let complaint = |kind: &str| json!({"complaintFeedbackType": kind});
    for (kind, more, effect) in [
        ("Send", ("send", json!({})), "sent -"),
        ("Delivery", ("delivery", json!({})), "delivered -"),
        ("Bounce", ("bounce", bounce("Permanent")), "undelivered General (Everything, Bounce)"),
        ("Bounce", ("bounce", bounce("Transient")), "undelivered General"),
        ("Bounce", ("bounce", bounce("Undetermined")), "undelivered General"),
        ("Bounce", ("bounce", json!(null)), "undelivered -"),
        ("Complaint", ("complaint", complaint("abuse")), "- abuse (Everything, Complaint)"),
        ("Complaint", ("complaint", json!({})), "- - (Everything, Complaint)"),
        ("Complaint", ("complaint", complaint("not-spam")), "other Complaint"),
        ("Reject", ("reject", json!({"reason": "Bad content"})), "undelivered reject"),
        ("Rendering Failure", ("failure", json!({"errorMessage": "…"})), "undelivered rendering_failure"),
        ("RenderingFailure", ("failure", json!({"errorMessage": "…"})), "undelivered renderingfailure"),
        ("DeliveryDelay", ("deliveryDelay", json!({})), "other DeliveryDelay"),
        ("Open", ("open", json!({})), "delivered -"),
        ("Click", ("click", json!({})), "delivered -"),
        ("Subscription", ("subscription", json!({})), "other Subscription"),
        (
            "Subscription",
            ("subscription", json!({"newTopicPreferences": {"unsubscribeAll": true}})),
            "- - (FollowUps, Link)",
        ),
    ] {
        let tags = json!({"booking": ["bk-1"], "command": ["mail-1"]});
        let mut detail = json!({"eventType": kind, "mail": {"messageId": "m", "tags": tags}});
        detail[more.0] = more.1;
        let feedback = ses::parse(detail.to_string().as_bytes(), now()).expect("a receipt");
        assert_eq!(print_only(&feedback), effect, "{detail}");
    }
}

#[test]
fn an_objection_without_our_ids_counts_for_the_address() {
    let brevo = json!({"event": "complaint", "email": "ana@example.com", "ts_event": 1_796_000_000});
    assert_eq!(
        print_only(&brevo::parse(brevo.to_string().as_bytes(), now()).expect("feedback")),
        "an address objects (Everything, Complaint)"
    );
    let ses = json!({"notificationType": "Bounce", "bounce": {"bounceType": "Permanent"}, "mail": {"destination": ["ana@example.com"]}});
    assert_eq!(
        print_only(&ses::parse(ses.to_string().as_bytes(), now()).expect("feedback")),
        "an address objects (Everything, Bounce)"
    );
}

#[test]
fn twilio_says_what_a_reply_means() {
    for (kind, meaning) in [
        ("STOP", Some(ReplyMeaning::Stop)),
        ("Start", Some(ReplyMeaning::Start)),
        ("HELP", Some(ReplyMeaning::Other)),
        ("", None),
        ("NEW", None),
    ] {
        let form = format!("MessageSid=SM1&From=%2B40712345678&To=%2B15005550006&Body=No&OptOutType={kind}");
        let feedback = twilio::parse(form.as_bytes(), None, now()).expect("a reply");
        let [Feedback::Reply(reply)] = feedback.as_slice() else { panic!("{feedback:?}") };
        assert_eq!(reply.meaning, meaning, "{kind}");
    }
}

#[test]
fn a_receipt_without_our_ids_is_only_counted() {
    let print_engagelab = |custom: &Value| {
        let row = json!({"rows": [{"custom_args": custom, "status": {"message_status": "delivered"}}]});
        print_only(&engagelab::parse(row.to_string().as_bytes(), now()).expect("a receipt"))
    };
    let foreign = [json!(null), json!({}), json!({"booking_id": "bk-1"}), json!("text"), json!([1])];
    let invalid = ["", "bk#1", "bk 1", &"x".repeat(65)].map(|id| json!({"booking_id": id, "command_id": "sms-1"}));
    for custom in foreign.iter().chain(&invalid) {
        assert_eq!(print_engagelab(custom), "other delivered_without_our_ids", "{custom}");
    }
    for query in [None, Some(""), Some("booking=bk-1"), Some("booking=&command=sms-1"), Some("booking=a%23b&command=c")]
    {
        let feedback = twilio::parse(b"MessageStatus=failed", query, now()).expect("a receipt");
        assert_eq!(print_only(&feedback), "other failed_without_our_ids", "{query:?}");
    }
    for custom in ["", "bk-1", "bk-1/", "/mail-1", "bk-1/mail-1/x"] {
        let event = json!({"event": "spam", "X-Mailin-custom": custom}).to_string();
        assert_eq!(
            print_only(&brevo::parse(event.as_bytes(), now()).expect("a receipt")),
            "other spam_without_our_ids"
        );
    }
    let detail = br#"{"eventType":"Delivery","mail":{"tags":{"booking":"bk-1","command":["mail-1"]}}}"#;
    assert_eq!(print_only(&ses::parse(detail, now()).expect("a receipt")), "other Delivery_without_our_ids");
}

#[test]
fn missing_and_unknown_fields_are_accepted() {
    for rows in
        [json!([null, 1, "x", {}]), json!([{"status": null}]), json!([{"response": {"event": "uplink_message"}}])]
    {
        let body = json!({"rows": rows}).to_string();
        let feedback = engagelab::parse(body.as_bytes(), now()).expect("others");
        assert!(feedback.iter().all(|it| matches!(it, Feedback::Other(_))), "{body}: {feedback:?}");
    }
    for (body, name) in [("{\"news\":1}", "other without_rows"), ("{\"rows\":[{}]}", "other without_status")] {
        assert_eq!(print_only(&engagelab::parse(body.as_bytes(), now()).expect("another")), name);
    }
    let number = r#"{"rows":[{"message_id":18446744073709551615,"itime":99999999999999,
        "custom_args":{"booking_id":"bk-1","command_id":"sms-1"},"status":{"message_status":"sent"}}]}"#;
    let feedback = engagelab::parse(number.as_bytes(), now()).expect("a receipt");
    let [Feedback::Receipt(receipt)] = feedback.as_slice() else { panic!("{feedback:?}") };
    assert_eq!(receipt.provider_id.as_deref(), Some("18446744073709551615"), "no digit is lost");
    assert_eq!(receipt.at, now(), "an impossible time is ignored");
    for (form, name) in [
        ("From=whatsapp%3A%2B15005550006&Body=x", "other reply_without_number"),
        ("SmsSid=SM1&SmsStatus=sent", "other without_status"),
    ] {
        assert_eq!(print_only(&twilio::parse(form.as_bytes(), None, now()).expect("another")), name);
    }
    assert_eq!(print_only(&brevo::parse(b"{}", now()).expect("another")), "other without_event");
    assert_eq!(print_only(&ses::parse(b"{\"mail\":1}", now()).expect("another")), "other without_event");
}

#[test]
fn a_body_that_is_not_as_documented_is_malformed() {
    let problem =
        |feedback: Result<Vec<Feedback>, wire::calendly::Malformed>| feedback.expect_err("malformed").to_string();
    for (body, expected) in [
        (&b""[..], "the body: is empty"),
        (b"\xff", "the body: is not UTF-8"),
        (b"{", "the body: is not JSON (line 1, column 1)"),
        (b"1", "the body: is not of the expected form"),
    ] {
        assert_eq!(problem(engagelab::parse(body, now())), expected);
        assert_eq!(problem(brevo::parse(body, now())), expected);
        assert_eq!(problem(ses::parse(body, now())), expected);
    }
    assert_eq!(problem(engagelab::parse(b"{\"rows\":1}", now())), "rows: is not of the expected form");
    assert_eq!(problem(engagelab::parse(b"[]", now())), "the body: is not of the expected form");
    for (body, expected) in
        [(&b""[..], "is empty"), (b"\xff=", "is not UTF-8"), (b"not a form", "is not of the expected form")]
    {
        assert_eq!(problem(twilio::parse(body, None, now())), format!("the body: {expected}"));
    }
    assert_eq!(problem(unsubscribe::parse(b"{\"contact\":\"c\"}")), "the body: missing field `booking`");
    for body in [
        r##"{"booking":"#","contact":"c","signature":"0123456789abcdef"}"##,
        r##"{"booking":"bk-1","contact":"#","signature":"0123456789abcdef"}"##,
        r#"{"booking":"bk-1","contact":"c","signature":"0123456789abcde"}"#,
        r#"{"booking":"bk-1","contact":"c"}"#,
        r#"{"booking":"bk-1"}"#,
        r#"{"booking":"bk-1","contact":"c","signature":"0123456789abcdef","address":"a@example.com"}"#,
        r#"{"booking":"bk-1","signature":"0123456789abcdef","address":"a@example.com"}"#,
    ] {
        assert_eq!(problem(unsubscribe::parse(body.as_bytes())), "the body: is not of the expected form", "{body}");
    }
}

#[test]
fn the_serialized_form_of_an_unsubscribe_link_is_fixed() {
    let booking = unsubscribe::parse_booking("bk-1").expect("an id");
    let contact = ContactKey::parse(&"0a".repeat(16)).expect("a key");
    for (used, json, feedback) in [
        (
            unsubscribe::Unsubscribe::by_link(booking.clone(), contact, "0123456789abcdef"),
            r#"{"booking":"bk-1","contact":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","signature":"0123456789abcdef"}"#,
            "unsubscribed",
        ),
        (
            unsubscribe::Unsubscribe::by_address(booking, "a@example.com".into()),
            r#"{"booking":"bk-1","address":"a@example.com"}"#,
            "asked to stop",
        ),
    ] {
        assert_eq!(used.to_json(), json);
        assert_eq!(print_only(&unsubscribe::parse(json.as_bytes()).expect("feedback")), feedback);
    }
    for wrong in ["", "b#", "%63"] {
        assert_eq!(unsubscribe::parse_booking(wrong), None);
    }
}

#[test]
fn a_link_is_signed_for_one_person_of_one_booking_of_one_connection() {
    let pepper = |letter: &str| Pepper::new(letter.repeat(32)).expect("a pepper");
    let connection = |name: &str| ConnectionName::parse(name).expect("a name");
    let contact = |digit: &str| ContactKey::parse(&digit.repeat(32)).expect("a key");
    let sign = |letter: &str, name: &str, booking: &str, digit: &str| {
        unsubscribe::sign(&pepper(letter), &connection(name), &BookingId::new(booking), &contact(digit))
    };
    let signature = sign("p", "acme", "bk-1", "a");
    assert_eq!(signature.len(), 16);
    for other in [
        sign("q", "acme", "bk-1", "a"),
        sign("p", "default", "bk-1", "a"),
        sign("p", "acme", "bk-2", "a"),
        sign("p", "acme", "bk-1", "b"),
    ] {
        assert_ne!(signature, other);
    }
    let is_genuine = |text: &str| {
        unsubscribe::is_genuine(&pepper("p"), &connection("acme"), &BookingId::new("bk-1"), &contact("a"), text)
    };
    assert!(is_genuine(&signature));
    assert!((0..16).all(|length| !is_genuine(&signature[..length])));
    assert!(!is_genuine(&format!("{signature}0")) && !is_genuine(&signature.to_uppercase()));
    assert!(unsubscribe::is_signature(&signature) && !unsubscribe::is_signature(&signature[1..]));
}

#[test]
fn an_address_is_read_from_the_form_of_a_link() {
    let read = |body: &str| unsubscribe::read_form(body.as_bytes()).map(|it| it.expose().clone());
    assert_eq!(read("a=1&address=+ana%40example.com+").as_deref(), Some("ana@example.com"));
    assert_eq!(read("address=%2B40+712+345+678").as_deref(), Some("+40 712 345 678"));
    let long = format!("address={}", "x".repeat(255));
    for nothing in ["", "List-Unsubscribe=One-Click", "address=", "address=+", "address=a%0Ab", &long] {
        assert_eq!(read(nothing), None, "{nothing}");
    }
}
