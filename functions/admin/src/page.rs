//! The pages for a person who confirms an address, logs in to Calendly, or follows a short link that leads nowhere.

use jiff::SignedDuration;
use serde_json::{Value, json};

/// The page that begins a login.
pub(crate) const START_PATH: &str = "/oauth/calendly/start";

/// The page to which Calendly sends the person back.
pub(crate) const CALLBACK_PATH: &str = "/oauth/calendly/callback";

/// The cookie of a login.
const COOKIE: &str = "vai_login";

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest<'a> {
    pub(crate) query: &'a str,
    /// The `Cookie` headers.
    pub(crate) cookies: &'a [String],
}

impl PageRequest<'_> {
    /// Returns a parameter of the query.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Returns the state of the login that this browser began.
    pub(crate) fn cookie(&self) -> Option<&str> {
        let pairs = self.cookies.iter().flat_map(|it| it.split(';'));
        pairs.filter_map(|it| it.trim().split_once('=')).find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
    }
}

/// Returns the cookie of a login that ends at a URL.
pub(crate) fn login_cookie(callback_url: &str, state: &str, lifetime: SignedDuration) -> String {
    let (scheme, rest) = callback_url.split_once("://").unwrap_or_default();
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let secure = if scheme == "https" { "; Secure" } else { "" };
    format!("{COOKIE}={state}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", lifetime.as_secs())
}

/// The pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// Asks to confirm.
    Ask,
    /// The address is confirmed.
    Done,
    /// The link does not work.
    Invalid,
    /// Something failed. The person can try again.
    Failed,
    /// The Calendly account is connected.
    LoggedIn {
        /// What the person should know.
        problems: Vec<String>,
    },
    /// The link to log in does not work.
    LoginInvalid,
    /// The person did not allow it.
    LoginDeclined,
    /// The account cannot be connected.
    LoginRefused {
        /// Why.
        problems: Vec<String>,
    },
    /// Something failed. The person can try again with a new link.
    LoginFailed,
    /// A short link leads nowhere: the meeting is over, or the link is not whole.
    LinkEnded,
    /// A short link cannot be looked up now.
    LinkFailed,
}

/// Returns a page as an HTTP answer. It has no input of the caller's and no script, and must not be cached.
pub(crate) fn page(page: Page) -> Value {
    let (status, title, text, button) = match page {
        Page::Ask => (
            200,
            "Confirm this address",
            "Events of bookings and conversations will be sent to this address by e-mail.".to_owned(),
            Some("Confirm"),
        ),
        Page::Done => (200, "The address is confirmed", "Events are sent to it from now on.".to_owned(), None),
        Page::Invalid => (
            404,
            "This link does not work",
            "It was used already, a newer one was sent, or 72 hours have passed. Whoever manages the endpoint can send a \
             new one."
                .to_owned(),
            None,
        ),
        Page::Failed => (
            503,
            "That did not work",
            "The address is not confirmed yet. Please try again.".to_owned(),
            Some("Try again"),
        ),
        Page::LoggedIn { problems } => {
            let text = ["You can close this page.".to_owned()].into_iter().chain(problems).collect::<Vec<_>>().join(" ");
            (200, "Calendly is connected", text, None)
        }
        Page::LoginInvalid => (
            404,
            "This link does not work",
            "It was used already, ten minutes have passed, or it was opened in another browser. Ask for a new one."
                .to_owned(),
            None,
        ),
        Page::LoginDeclined => (
            200,
            "Calendly is not connected",
            "You did not allow it at Calendly. Open the link again to do so.".to_owned(),
            None,
        ),
        Page::LoginRefused { problems } => (422, "Calendly is not connected", problems.join(" "), None),
        Page::LoginFailed => (
            503,
            "That did not work",
            "Calendly may be connected or not: ask whoever sent you the link, or for a new one.".to_owned(),
            None,
        ),
        // Of these two, the language is not known.
        Page::LinkEnded => (
            404,
            "This link has ended",
            "The meeting is over, or a part of the link is missing. Întâlnirea a trecut sau linkul nu este complet. \
             Mødet er forbi, eller linket er ufuldstændigt. 會議已結束，或連結不完整。"
                .to_owned(),
            None,
        ),
        Page::LinkFailed => (
            503,
            "That did not work",
            "Please open the link again in a minute. Vă rugăm să deschideți din nou linkul peste un minut. Åbn linket \
             igen om et minut. 請稍候一分鐘再開啟連結。"
                .to_owned(),
            None,
        ),
    };
    let text = escape(&text);
    // A form without an action posts to the URL of its page.
    let form = button.map(|it| format!("<form method=\"post\"><button>{it}</button></form>\n")).unwrap_or_default();
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 15vh auto; max-width: 32rem; padding: 0 1.5rem; font: 1.1rem/1.6 system-ui, sans-serif; color: #222 }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #222; color: #fff }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{form}</main>
</body>
</html>
"#
    );
    json!({
        "statusCode": status,
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "content-security-policy":
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
            "x-robots-tag": "noindex, nofollow",
        },
        "body": html,
        "isBase64Encoded": false,
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
