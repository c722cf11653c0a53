//! One call, and a list of pages of them.

use std::time::Duration;

use domain::Private;
use http_client::{CALL_TIMEOUT, header_number};
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Error, reset_seconds};
use crate::user::User;

/// The most that Calendly gives at once.
const PAGE: &str = "100";

/// More pages than this are a loop.
const MOST_PAGES: usize = 20;

/// A success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How many more calls of this kind Calendly takes before its limit starts anew.
    pub(crate) remaining: Option<u32>,
    /// In how many seconds it does.
    pub(crate) reset_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct One<T> {
    resource: T,
}

#[derive(Deserialize)]
struct Page {
    collection: Vec<Value>,
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next_page_token: Option<String>,
    next_page: Option<String>,
}

impl Pagination {
    /// The token of the next page; older answers have it in that page's address only.
    fn next(self) -> Option<String> {
        self.next_page_token.or_else(|| {
            let url = Url::parse(&self.next_page?).ok()?;
            url.query_pairs().find(|(key, _)| key == "page_token").map(|(_, token)| token.into_owned())
        })
    }
}

/// Calendly, as one token sees it. Each call has eight seconds.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) client: Client,
    pub(crate) base_url: String,
    pub(crate) token: Private<String>,
    /// When the last of its calls must have ended, where several have a time together.
    pub(crate) until: Option<Instant>,
}

impl Account {
    /// `base_url` is without its trailing slash.
    pub fn new(client: Client, base_url: impl Into<String>, token: Private<String>) -> Self {
        Self { client, base_url: base_url.into(), token, until: None }
    }

    /// The same account, whose calls from now on must all have ended within `patience`.
    pub(crate) fn within(&self, patience: Duration) -> Self {
        let until = Instant::now() + patience;
        Self { until: Some(self.until.map_or(until, |already| already.min(until))), ..self.clone() }
    }

    /// A resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        one(&self.bytes(path, &[]).await?)
    }

    /// A resource as it comes.
    pub(crate) async fn bytes(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        Ok(self.call(Method::GET, path, params, None::<&()>).await?.body)
    }

    /// What is posted, once it is made.
    pub(crate) async fn make<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        one(&self.call(Method::POST, path, &[], Some(body)).await?.body)
    }

    /// Deletes. What is not there is deleted.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.call(Method::DELETE, path, &[], None::<&()>).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// A list that Calendly gives in one piece.
    pub(crate) async fn whole_list(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let page: Page = read(&self.bytes(path, params).await?)?;
        Ok(page.collection)
    }

    /// A list, to its last page.
    pub(crate) async fn list(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut params = [params, &[("count", PAGE)]].concat();
            params.extend(next.as_deref().map(|token| ("page_token", token)));
            let page: Page = read(&self.bytes(path, &params).await?)?;
            all.extend(page.collection);
            next = page.pagination.next();
            if next.is_none() {
                return Ok(all);
            }
        }
        Err(Error::Unreadable(format!("a list of more than {MOST_PAGES} pages")))
    }

    /// A list of the whole organization's; where the token may not see that, of its owner's own.
    pub(crate) async fn list_of(&self, owner: &User, path: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let organization = [&[("organization", owner.current_organization.as_str())], params].concat();
        match self.list(path, &organization).await {
            Err(error) if error.is_forbidden() => {
                self.list(path, &[&[("user", owner.uri.as_str())], params].concat()).await
            }
            answer => answer,
        }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Answer, Error> {
        let mut url =
            Url::parse(&format!("{}{path}", self.base_url)).map_err(|_| Error::Unsent("its address is no URL"))?;
        if !params.is_empty() {
            url.query_pairs_mut().extend_pairs(params);
        }
        let patience = self.until.map_or(CALL_TIMEOUT, |until| until.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            return Err(Error::Unsent("no time was left"));
        }
        let mut request = self.client.request(method, url).timeout(patience).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = http_client::send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http_client::read_body(response).await?;
        if status.is_success() {
            let remaining = header_number(&headers, "x-ratelimit-remaining");
            Ok(Answer { body, remaining, reset_seconds: reset_seconds(&headers) })
        } else {
            Err(Error::refused(status, &headers, &body))
        }
    }
}

/// What stands under `resource`.
pub(crate) fn one<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    let One { resource } = read(answer)?;
    Ok(resource)
}

/// serde's own words would quote the value.
fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer)
        .map_err(|error| Error::Unreadable(format!("line {}, column {}", error.line(), error.column())))
}

/// Each item of a list, which must all be readable.
pub(crate) fn all<T: DeserializeOwned>(items: Vec<Value>) -> Result<Vec<T>, Error> {
    let each = items.into_iter().enumerate();
    each.map(|(at, item)| serde_json::from_value(item).map_err(|_| Error::Unreadable(format!("item {at}")))).collect()
}

/// The items of a list that can be read: an odd one must not hide the others.
pub(crate) fn readable<T: DeserializeOwned>(items: Vec<Value>, what: &'static str) -> Vec<T> {
    let count = items.len();
    let read: Vec<T> = items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
    if read.len() < count {
        tracing::warn!(count = count - read.len(), what, "Calendly listed what could not be read; it is left out");
    }
    read
}
