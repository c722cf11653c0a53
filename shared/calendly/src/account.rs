//! Calls with one token: single resources, and lists page by page.

use std::time::Duration;

use domain::Private;
use http_client::{CALL_TIMEOUT, header_number};
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Error, reset_seconds};
use crate::logins::Source;
use crate::user::User;

/// The largest page that Calendly returns.
const PAGE: &str = "100";

/// The most pages of a list. More would mean a loop.
const MOST_PAGES: usize = 20;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How many calls of this kind are left before the rate limit resets.
    pub(crate) remaining: Option<u32>,
    /// The rate limit: how many calls of this kind a minute may have.
    pub(crate) limit: Option<u32>,
    /// The seconds until the rate limit resets.
    pub(crate) reset_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct Wrapped<T> {
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
    /// Returns the token of the next page. Older answers have it only in the page's URL.
    fn into_next_token(self) -> Option<String> {
        self.next_page_token.or_else(|| {
            let url = Url::parse(&self.next_page?).ok()?;
            url.query_pairs().find(|(key, _)| key == "page_token").map(|(_, token)| token.into_owned())
        })
    }
}

/// An account of Calendly, by its token. Each call has a time-out of eight seconds.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) client: Client,
    pub(crate) base_url: String,
    pub(crate) token: Private<String>,
    /// Where its token is from.
    pub(crate) source: Source,
    /// The deadline of all its calls together, if they have one.
    pub(crate) deadline: Option<Instant>,
}

impl Account {
    /// `base_url` has no trailing slash.
    pub fn new(client: Client, base_url: impl Into<String>, token: Private<String>) -> Self {
        Self { client, base_url: base_url.into(), token, source: Source::Given, deadline: None }
    }

    /// Returns the same account, with a deadline for all calls from now on together.
    pub(crate) fn within(&self, timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self { deadline: Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline))), ..self.clone() }
    }

    /// Gets a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        parse_resource(&self.bytes(path, &[]).await?)
    }

    /// Gets the body of an answer.
    pub(crate) async fn bytes(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        Ok(self.call(Method::GET, path, params, None::<&()>).await?.body)
    }

    /// Posts a body; returns the resource that was created.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        parse_resource(&self.call(Method::POST, path, &[], Some(body)).await?.body)
    }

    /// Deletes a resource. One that does not exist is a success.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.call(Method::DELETE, path, &[], None::<&()>).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Gets a list that has no pages.
    pub(crate) async fn list_unpaged(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let page: Page = parse(&self.bytes(path, params).await?)?;
        Ok(page.collection)
    }

    /// Gets one page of a list of the organization, or of the owner only when the token may not see the organization's.
    /// Returns the next page's token with it.
    pub(crate) async fn list_page_in_organization(
        &self,
        owner: &User,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<(Vec<Value>, Option<String>), Error> {
        let get = async |whose: (&str, &str)| {
            let page: Page = parse(&self.bytes(path, &[&[whose], params].concat()).await?)?;
            Ok((page.collection, page.pagination.into_next_token()))
        };
        match get(("organization", owner.current_organization.as_str())).await {
            Err(error) if Error::is_forbidden(&error) => get(("user", owner.uri.as_str())).await,
            answer => answer,
        }
    }

    /// Gets all pages of a list.
    pub(crate) async fn list(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut params = [params, &[("count", PAGE)]].concat();
            params.extend(next.as_deref().map(|token| ("page_token", token)));
            let page: Page = parse(&self.bytes(path, &params).await?)?;
            all.extend(page.collection);
            next = page.pagination.into_next_token();
            if next.is_none() {
                return Ok(all);
            }
        }
        Err(Error::Unreadable(format!("a list of more than {MOST_PAGES} pages")))
    }

    /// Gets a list of the organization, or of the owner only when the token may not see the organization's.
    pub(crate) async fn list_in_organization(
        &self,
        owner: &User,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<Vec<Value>, Error> {
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
        let refused = match self.call_with(&self.token, method.clone(), path, params, body).await {
            Err(refused @ Error::Refused { status: 401, .. }) => refused,
            answer => return answer,
        };
        // Calendly did nothing. A login's token may have been revoked or refreshed meanwhile.
        match self.source.replace(&self.token).await? {
            Some(token) => self.call_with(&token, method, path, params, body).await,
            None => Err(refused),
        }
    }

    async fn call_with(
        &self,
        token: &Private<String>,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Answer, Error> {
        let mut url =
            Url::parse(&format!("{}{path}", self.base_url)).map_err(|_| Error::Unsent("the URL is invalid"))?;
        if !params.is_empty() {
            url.query_pairs_mut().extend_pairs(params);
        }
        let timeout = self.deadline.map_or(CALL_TIMEOUT, |deadline| deadline.saturating_duration_since(Instant::now()));
        if timeout.is_zero() {
            return Err(Error::Unsent("no time was left"));
        }
        let mut request = self.client.request(method, url).timeout(timeout).bearer_auth(token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = http_client::send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http_client::read_body(response).await;
        if status.is_success() {
            let [remaining, limit] =
                ["x-ratelimit-remaining", "x-ratelimit-limit"].map(|name| header_number(&headers, name));
            Ok(Answer { body: body?, remaining, limit, reset_seconds: reset_seconds(&headers) })
        } else {
            // If the body broke off, the status alone decides.
            Err(Error::refused(status, &headers, &body.unwrap_or_default()))
        }
    }
}

/// Parses what is under `resource`.
pub(crate) fn parse_resource<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    let Wrapped { resource } = parse(answer)?;
    Ok(resource)
}

/// Parses a body. The error names the position only, since serde's text would quote the value.
fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer)
        .map_err(|error| Error::Unreadable(format!("line {}, column {}", error.line(), error.column())))
}

/// Parses the items of a list.
pub(crate) fn parse_all<T: DeserializeOwned>(items: Vec<Value>) -> Result<Vec<T>, Error> {
    let each = items.into_iter().enumerate();
    each.map(|(at, item)| serde_json::from_value(item).map_err(|_| Error::Unreadable(format!("item {at}")))).collect()
}

/// Parses the items of a list and leaves out those that can not be parsed, so that one bad item does not hide the
/// others.
pub(crate) fn parse_valid<T: DeserializeOwned>(items: Vec<Value>, what: &'static str) -> Vec<T> {
    let count = items.len();
    let valid: Vec<T> = items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
    if valid.len() < count {
        tracing::warn!(
            count = count - valid.len(),
            what,
            "items of a Calendly list could not be parsed and were left out"
        );
    }
    valid
}
