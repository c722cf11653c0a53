//! The opt-out page: `/unsubscribe/{connection}/{booking}/{command}`, linked in each message that needs an opt-out.
//!
//! Mail scanners follow links, so GET only shows a page with a button. The button sends POST, and so does the
//! unsubscribe button of mail programs (RFC 8058, one-click).

use domain::{ConnectionName, Language};
use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use wire::receipts::unsubscribe::Unsubscribe;

use Language::{Danish, English, Romanian, TraditionalChinese};

/// A parsed link. It has no signature: its ids cannot be guessed.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct UnsubscribeLink {
    pub(crate) connection: ConnectionName,
    pub(crate) target: Unsubscribe,
}

impl UnsubscribeLink {
    /// Parses the path. `None` for another path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/unsubscribe/")?.split('/');
        let (connection, booking, command) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let connection = ConnectionName::parse(connection)?;
        Some(Self { connection, target: Unsubscribe::from_link(booking, command)? })
    }

    /// Returns whether the link is as we wrote it. `query` has its checksum (`c=`), unless it is from before there was
    /// one.
    pub(crate) fn is_whole(&self, query: Option<&str>) -> bool {
        let Unsubscribe { booking, command } = &self.target;
        match parameter(query, "c") {
            Some(given) => given == Unsubscribe::checksum(&self.connection, booking.as_str(), command.as_str()),
            None => self.target.has_whole_ids(),
        }
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
    /// The link is not as we wrote it.
    Damaged,
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
    // A form without an action posts to the URL of its page, so the language stays in the query.
    let form = if button.is_empty() {
        String::new()
    } else {
        format!(r#"<form method="post"><button>{button}</button></form>"#)
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
        Page::Ask | Page::Done => StatusCode::OK,
        Page::Failed => StatusCode::SERVICE_UNAVAILABLE,
        Page::Damaged => StatusCode::NOT_FOUND,
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
            "VAI trimite aceste mesaje în numele persoanei sau firmei la care ai programat o întâlnire prin Calendly."
        }
        Danish => {
            "VAI sender disse beskeder for den person eller virksomhed, som du har booket et møde med i Calendly."
        }
        TraditionalChinese => "這些訊息由 VAI 代您在 Calendly 預約會議的對象發送。",
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
            "Nu-ți mai scriem?",
            "Apeși o dată și nu te mai deranjăm. Îți mai scriem doar despre întâlnirile pe care le programezi chiar \
             tu: când sunt confirmate, când se schimbă ceva și cu puțin înainte să înceapă.",
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
            "Mulțumim că ne-ai spus. Nu îți mai scriem decât despre întâlnirile pe care le programezi chiar tu. Îți \
             dorim numai bine.",
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
        (Page::Damaged, English) => [
            "This link is not complete",
            "A part of it is missing or has changed, so nothing has been saved yet. Please open the link in the \
             message again, or copy the whole of it.",
            "",
        ],
        (Page::Damaged, Romanian) => [
            "Linkul nu este complet",
            "O parte din el lipsește sau s-a schimbat, așa că încă nu am înregistrat nimic. Deschide din nou linkul \
             din mesaj sau copiază-l în întregime.",
            "",
        ],
        (Page::Damaged, Danish) => [
            "Linket er ufuldstændigt",
            "En del af det mangler eller er ændret, så intet er gemt endnu. Åbn linket i beskeden igen, eller kopiér \
             hele linket.",
            "",
        ],
        (Page::Damaged, TraditionalChinese) => {
            ["連結不完整", "連結有缺漏或已被更改，因此尚未記錄任何內容。請重新開啟訊息中的連結，或複製完整的連結。", ""]
        }
        (Page::Failed, English) => [
            "That did not work",
            "The fault is ours, and your choice is not saved yet. Please try again in a minute.",
            "Try again",
        ],
        (Page::Failed, Romanian) => [
            "Nu a mers",
            "E vina noastră: cererea ta nu a fost încă înregistrată. Te rugăm să mai încerci o dată peste un minut.",
            "Încearcă din nou",
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
    fn a_link_has_three_valid_parts() {
        let link = UnsubscribeLink::parse("/unsubscribe/acme/bk-1/mail-follow-up-60m-2").expect("a link");
        assert_eq!((link.connection.as_str(), link.target.booking.as_str()), ("acme", "bk-1"));
        assert_eq!(link.target.command.as_str(), "mail-follow-up-60m-2");
        let long = format!("/unsubscribe/acme/bk-1/{}", "x".repeat(65));
        for other in [
            "/unsubscribe",
            "/unsubscribe/acme",
            "/unsubscribe/acme/bk-1",
            "/unsubscribe/acme/bk-1/",
            "/unsubscribe/acme/bk-1/mail-1/more",
            "/unsubscribe/Acme/bk-1/mail-1",
            "/unsubscribe/acme/bk%2F1/mail-1",
            "/unsubscribe/acme/bk#1/mail-1",
            &long,
        ] {
            assert_eq!(UnsubscribeLink::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_link_that_was_cut_or_changed_is_recognized() {
        let (booking, command) = (format!("bk-{}", "1a".repeat(16)), format!("mail-follow-up-60m-{}", "2b".repeat(16)));
        let acme = ConnectionName::parse("acme").expect("a name");
        let checksum = Unsubscribe::checksum(&acme, &booking, &command);
        let is_whole = |path: &str, query: &str| {
            UnsubscribeLink::parse(path).expect("a link").is_whole(Some(query).filter(|it| !it.is_empty()))
        };
        let path = format!("/unsubscribe/acme/{booking}/{command}");
        assert!(is_whole(&path, &format!("l=ro&c={checksum}")) && is_whole(&path, "l=ro") && is_whole(&path, ""));
        for length in 1..command.len() {
            let cut = format!("/unsubscribe/acme/{booking}/{}", &command[..length]);
            assert!(!is_whole(&cut, ""), "{cut}");
            assert!(!is_whole(&cut, &format!("c={checksum}")), "{cut}");
        }
        for length in 0..checksum.len() {
            assert!(!is_whole(&path, &format!("l=ro&c={}", &checksum[..length])), "{length}");
        }
        let other = format!("/unsubscribe/acme/{booking}/{}", command.replace('b', "c"));
        assert!(!is_whole(&other, &format!("c={checksum}")));
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
            for kind in [Page::Ask, Page::Done, Page::Failed, Page::Damaged] {
                let response = page(kind, language);
                let html = String::from_utf8(response.body().to_vec()).expect("text");
                assert!(html.contains(&format!(r#"<html lang="{}">"#, language.tag())), "{html}");
                assert!(html.contains("noindex") && !html.contains("<script"), "{html}");
                let (has_form, status) = match kind {
                    Page::Ask => (true, 200),
                    Page::Done => (false, 200),
                    Page::Failed => (true, 503),
                    Page::Damaged => (false, 404),
                };
                assert_eq!(html.contains(r#"<form method="post">"#), has_form, "{html}");
                assert_eq!(response.status(), status);
                assert_eq!(html.matches("<main>").count(), 1, "{html}");
                assert!(html.contains("VAI"), "{html}");
            }
        }
    }
}
