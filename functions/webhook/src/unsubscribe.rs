//! The opt-out page: `/unsubscribe/{connection}/{booking}/{contact}`, linked in each message that needs an opt-out.
//!
//! Mail scanners follow links, so GET only shows a page with a button. The button sends POST, and so does the
//! unsubscribe button of mail programs (RFC 8058, one-click). A link without our signature asks for the address first.

use domain::{BookingId, ConnectionName, ContactKey, Language};
use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use wire::receipts::unsubscribe::{is_signature, parse_booking};

use Language::{Danish, English, Romanian, TraditionalChinese};

/// A parsed link.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct UnsubscribeLink {
    pub(crate) connection: ConnectionName,
    pub(crate) booking: BookingId,
    /// The contact, unless a mail program cut the link.
    contact: Option<ContactKey>,
}

impl UnsubscribeLink {
    /// Parses the path. `None` for another path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/unsubscribe/")?.split('/');
        let (connection, booking, contact) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || contact.is_empty() {
            return None;
        }
        Some(Self {
            connection: ConnectionName::parse(connection)?,
            booking: parse_booking(booking)?,
            contact: ContactKey::parse(contact),
        })
    }

    /// Returns the contact, and the signature in the query (`s=`). `None` if either is not whole.
    pub(crate) fn contact_and_signature<'a>(&self, query: Option<&'a str>) -> Option<(ContactKey, &'a str)> {
        Some((self.contact.clone()?, parameter(query, "s").filter(|it| is_signature(it))?))
    }
}

/// The pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// Asks the person to confirm the opt-out.
    Ask,
    /// The opt-out is queued.
    Done,
    /// The opt-out failed. The person can try again.
    Failed,
    /// The link is not as we wrote it: asks for the address that got the message.
    AskAddress,
    /// The address is queued. Whether we wrote to it is not said.
    Noted,
}

/// Returns the language of the message, which its link has in the query (`?l=ro`).
pub(crate) fn language(query: Option<&str>) -> Language {
    parameter(query, "l").and_then(Language::parse).unwrap_or(English)
}

fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    query?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Returns a page. It has no input of the caller's and no script, and must not be cached.
pub(crate) fn page(page: Page, language: Language) -> Response<Body> {
    let [title, text, button] = words(page, language);
    let input = match page {
        Page::AskAddress => {
            let label = address_label(language);
            format!(r#"<label>{label}<br><input name="address" maxlength="254" required></label> "#)
        }
        _ => String::new(),
    };
    // A form without an action posts to the URL of its page, so the language stays in the query.
    let form = if button.is_empty() {
        String::new()
    } else {
        format!(r#"<form method="post">{input}<button>{button}</button></form>"#)
    };
    let html = format!(
        r#"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<style>
body {{ margin: 15vh auto; max-width: 32rem; padding: 0 1.5rem; font: 1.1rem/1.6 system-ui, sans-serif; color: #222 }}
.who {{ margin-top: 3rem; font-size: .9rem; color: #595959 }}
input {{ font: inherit; margin: .4rem 0 1rem; padding: .5rem; width: 100%; box-sizing: border-box; border: 1px solid #595959; border-radius: .4rem }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #222; color: #fff; cursor: pointer }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{form}
<p class="who">{who}</p>
</main>
</body>
</html>
"#,
        lang = language.tag(),
        who = who(language),
    );
    let mut response = Response::new(html.into());
    *response.status_mut() = match page {
        Page::Ask | Page::AskAddress | Page::Done | Page::Noted => StatusCode::OK,
        Page::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
        (header::HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Says who writes the messages.
fn who(language: Language) -> &'static str {
    match language {
        English => "VAI writes these messages for the person or company with whom you booked a meeting at Calendly.",
        Romanian => {
            "VAI trimite aceste mesaje în numele persoanei sau firmei la care ați programat o întâlnire prin Calendly."
        }
        Danish => {
            "VAI sender disse beskeder for den person eller virksomhed, som du har booket et møde med i Calendly."
        }
        TraditionalChinese => "這些訊息由 VAI 代您在 Calendly 預約會議的對象發送。",
    }
}

/// Returns the label of the field for the address.
fn address_label(language: Language) -> &'static str {
    match language {
        English => "E-mail address or phone number",
        Romanian => "Adresa de e-mail sau numărul de telefon",
        Danish => "E-mailadresse eller telefonnummer",
        TraditionalChinese => "電子郵件地址或電話號碼",
    }
}

/// Returns title, text and the button's label. The label is empty when the page has no button.
fn words(page: Page, language: Language) -> [&'static str; 3] {
    match (page, language) {
        (Page::Ask, English) => [
            "Shall we stop writing?",
            "Press once, and we leave you in peace. We then write only about meetings that you book yourself: when \
             they are confirmed, when they change, and shortly before they begin.",
            "Yes, please stop",
        ],
        (Page::Ask, Romanian) => [
            "Nu mai doriți mesaje?",
            "Apăsați o dată și nu vă mai deranjăm. Vă mai scriem doar despre întâlnirile pe care le programați \
             dumneavoastră: când sunt confirmate, când se schimbă ceva și cu puțin înainte să înceapă.",
            "Da, nu-mi mai scrieți",
        ],
        (Page::Ask, Danish) => [
            "Skal vi holde op med at skrive?",
            "Ét tryk, så lader vi dig være i fred. Vi skriver kun om møder, som du selv booker: når de er bekræftet, \
             når de ændres, og kort før de begynder.",
            "Ja tak, stop",
        ],
        (Page::Ask, TraditionalChinese) => [
            "不想再收到我們的訊息嗎？",
            "只要按一下，我們就不再打擾您。往後只有您自行預約的會議，我們才會傳訊息給您：預約成立、有所變更，或即將開始的時候。",
            "是的，請停止傳送",
        ],
        (Page::Done, English) => [
            "Done",
            "Thank you for telling us. We will not write to you any more, except about meetings that you book \
             yourself. We wish you all the best.",
            "",
        ],
        (Page::Done, Romanian) => [
            "S-a făcut",
            "Mulțumim că ne-ați spus. Nu vă mai scriem decât despre întâlnirile pe care le programați dumneavoastră. \
             Vă dorim numai bine.",
            "",
        ],
        (Page::Done, Danish) => [
            "Så er det gjort",
            "Tak, fordi du gav os besked. Vi skriver ikke til dig mere, undtagen om møder, som du selv booker. Vi \
             ønsker dig alt godt.",
            "",
        ],
        (Page::Done, TraditionalChinese) => {
            ["設定完成", "謝謝您告訴我們。除了您自行預約的會議以外，我們不會再傳訊息給您。祝您一切順心。", ""]
        }
        (Page::AskAddress, English) => [
            "Where shall we stop writing?",
            "A part of this link is missing, so we can’t tell whom it was for. Please write the e-mail address or the \
             phone number, with its country code, that got the message.",
            "Stop writing there",
        ],
        (Page::AskAddress, Romanian) => [
            "Unde să nu vă mai scriem?",
            "Din acest link lipsește o parte, așa că nu știm cui i-a fost trimis. Scrieți adresa de e-mail sau numărul \
             de telefon, cu prefixul țării, la care a venit mesajul.",
            "Nu mai scrieți acolo",
        ],
        (Page::AskAddress, Danish) => [
            "Hvor skal vi holde op med at skrive?",
            "En del af linket mangler, så vi kan ikke se, hvem det var til. Skriv den e-mailadresse eller det \
             telefonnummer med landekode, som fik beskeden.",
            "Stop med at skrive dertil",
        ],
        (Page::AskAddress, TraditionalChinese) => [
            "請問要停止傳訊息到哪裡？",
            "這個連結有缺漏，我們無法得知它是寄給誰的。請輸入收到訊息的電子郵件地址，或包含國碼的電話號碼。",
            "停止傳送",
        ],
        (Page::Noted, English) => [
            "Thank you",
            "If we wrote to this address about that meeting, we will not do so any more, except about meetings that you \
             book yourself.",
            "",
        ],
        (Page::Noted, Romanian) => [
            "Mulțumim",
            "Dacă v-am scris acolo despre acea întâlnire, nu o mai facem, în afară de întâlnirile pe care le programați \
             dumneavoastră.",
            "",
        ],
        (Page::Noted, Danish) => [
            "Tak",
            "Hvis vi har skrevet dertil om det møde, gør vi det ikke mere, undtagen om møder, som du selv booker.",
            "",
        ],
        (Page::Noted, TraditionalChinese) => {
            ["謝謝您", "如果我們曾為那場會議傳訊息到這裡，今後除了您自行預約的會議以外，不會再傳送。", ""]
        }
        (Page::Failed, English) => [
            "That did not work",
            "The fault is ours, and your choice is not saved yet. Please try again in a minute.",
            "Try again",
        ],
        (Page::Failed, Romanian) => [
            "Nu a mers",
            "E vina noastră: cererea nu a fost încă înregistrată. Vă rugăm să mai încercați o dată peste un minut.",
            "Încercați din nou",
        ],
        (Page::Failed, Danish) => [
            "Det lykkedes ikke",
            "Fejlen er vores, og dit ønske er ikke gemt endnu. Prøv gerne igen om et minut.",
            "Prøv igen",
        ],
        (Page::Failed, TraditionalChinese) => {
            ["未能完成", "問題出在我們這邊，您的要求尚未記錄下來。請稍候一分鐘再試一次。", "再試一次"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_three_parts_and_a_signature() {
        let contact = "0a".repeat(16);
        let path = format!("/unsubscribe/acme/bk-1/{contact}");
        let link = UnsubscribeLink::parse(&path).expect("a link");
        assert_eq!((link.connection.as_str(), link.booking.as_str()), ("acme", "bk-1"));
        let (found, signature) = link.contact_and_signature(Some("l=ro&s=0123456789abcdef")).expect("both");
        assert_eq!((found.as_str(), signature), (contact.as_str(), "0123456789abcdef"));
        for cut in ["l=ro", "s=", "s=0123456789abcde", "s=0123456789abcdef0", "s=0123456789ABCDEF"] {
            assert_eq!(link.contact_and_signature(Some(cut)), None, "{cut}");
        }
        // A cut link still leads to a page.
        for cut in [&path[..path.len() - 1], "/unsubscribe/acme/bk-1/mail-follow-up-60m-2"] {
            let link = UnsubscribeLink::parse(cut).expect("a link");
            assert_eq!(link.contact_and_signature(Some("s=0123456789abcdef")), None, "{cut}");
        }
        for other in [
            "/unsubscribe",
            "/unsubscribe/acme",
            "/unsubscribe/acme/bk-1",
            "/unsubscribe/acme/bk-1/",
            "/unsubscribe/acme/bk-1/mail-1/more",
            "/unsubscribe/Acme/bk-1/mail-1",
            "/unsubscribe/acme/bk%2F1/mail-1",
            "/unsubscribe/acme/bk#1/mail-1",
        ] {
            assert_eq!(UnsubscribeLink::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_page_is_in_the_language_of_its_link() {
        for (query, tag) in [
            (Some("l=ro"), "ro"),
            (Some("a=1&l=zh-Hant"), "zh-Hant"),
            (Some("l=da-DK"), "da"),
            (Some("l=\"><script>"), "en"),
            (Some(""), "en"),
            (None, "en"),
        ] {
            assert_eq!(language(query).tag(), tag, "{query:?}");
        }
    }

    #[test]
    fn every_page_is_complete_and_has_no_script() {
        for language in Language::ALL {
            for kind in [Page::Ask, Page::AskAddress, Page::Done, Page::Noted, Page::Failed] {
                let response = page(kind, language);
                let html = String::from_utf8(response.body().to_vec()).expect("text");
                assert!(html.contains(&format!(r#"<html lang="{}">"#, language.tag())), "{html}");
                assert!(html.contains("noindex") && !html.contains("<script"), "{html}");
                let (has_form, status) = match kind {
                    Page::Ask | Page::AskAddress => (true, 200),
                    Page::Done | Page::Noted => (false, 200),
                    Page::Failed => (true, 503),
                };
                assert_eq!(html.contains("<input name=\"address\""), kind == Page::AskAddress, "{html}");
                assert_eq!(html.contains(r#"<form method="post">"#), has_form, "{html}");
                assert_eq!(response.status(), status);
                assert_eq!(html.matches("<main>").count(), 1, "{html}");
                assert!(html.contains("VAI"), "{html}");
            }
        }
    }
}
