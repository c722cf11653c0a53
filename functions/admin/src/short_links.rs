//! The short links in SMS: `/m/{code}` leads on to Calendly, or to the meeting.
//!
//! Programs that look at links follow them too. So following changes no booking: it only notes the first time.

use domain::error_chain;
use serde_json::{Value, json};

use crate::admin::{Admin, SHORT_PATH};
use crate::page::{Page, page};
use crate::ports::Ports;

impl<P: Ports> Admin<P> {
    /// Answers a request for a short link.
    pub(crate) async fn follow_short_link(&self, method: &str, path: &str) -> Value {
        let is_get = method == "GET";
        if !is_get && method != "HEAD" {
            return page(Page::LinkEnded);
        }
        let code = path.strip_prefix(SHORT_PATH).unwrap_or_default();
        let link = match self.ports().load_short_link(code).await {
            Ok(link) => link.filter(|it| it.until > self.now()),
            Err(error) => {
                tracing::error!(error = error_chain(&error), "short link not looked up");
                return page(Page::LinkFailed);
            }
        };
        let Some(link) = link else { return page(Page::LinkEnded) };
        if is_get && let Err(error) = self.ports().record_opening(&link, self.now()).await {
            tracing::warn!(error = error_chain(&error), "opening of a short link not recorded");
        }
        json!({
            "statusCode": 302,
            "headers": {
                "location": link.url,
                "cache-control": "no-store",
                "referrer-policy": "no-referrer",
                "x-robots-tag": "noindex, nofollow",
            },
            "body": "",
            "isBase64Encoded": false,
        })
    }
}
