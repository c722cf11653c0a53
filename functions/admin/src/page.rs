//! The pages for a person who confirms an address.

use serde_json::{Value, json};

/// The pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// Asks to confirm.
    Ask,
    /// The address is confirmed.
    Done,
    /// The link does not work.
    Invalid,
    /// Something failed. The person can try again.
    Failed,
}

/// Returns a page as an HTTP answer. It has no input of the caller's and no script, and must not be cached.
pub(crate) fn page(page: Page) -> Value {
    let (status, title, text, button) = match page {
        Page::Ask => (
            200,
            "Confirm this address",
            "Events of bookings and conversations will be sent to this address by e-mail.",
            Some("Confirm"),
        ),
        Page::Done => (200, "The address is confirmed", "Events are sent to it from now on.", None),
        Page::Invalid => (
            404,
            "This link does not work",
            "It was used already, a newer one was sent, or 72 hours have passed. Whoever manages the endpoint can send a \
             new one.",
            None,
        ),
        Page::Failed => {
            (503, "That did not work", "The address is not confirmed yet. Please try again.", Some("Try again"))
        }
    };
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
<h1>{title}</h1>
<p>{text}</p>
{form}</body>
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
