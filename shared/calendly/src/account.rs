//! What one token may see and do.

use std::time::Duration;

use domain::{Private, uuid_of};
use jiff::Timestamp;
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The events we take. All need the scope `scheduled_events:read` only, and no plan feature.
pub const EVENTS: [&str; 4] =
    ["invitee.created", "invitee.canceled", "invitee_no_show.created", "invitee_no_show.deleted"];

/// The most that Calendly gives at once.
const PAGE: &str = "100";

/// An organization has a handful of subscriptions: more pages than this are a loop.
const MOST_PAGES: usize = 20;

/// Also kept by the client that we are given; this one holds whatever client that is.
const WHOLE_CALL: Duration = Duration::from_secs(8);

/// A token's owner.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct User {
    /// The user.
    pub uri: String,
    /// The user's organization.
    pub current_organization: String,
}

/// A user's place in an organization.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Membership {
    /// The organization.
    pub organization: String,
    /// `owner`, `admin`, `user`, or what Calendly may add.
    pub role: String,
}

impl Membership {
    /// Whether the role allows subscriptions to the whole organization.
    pub fn leads(&self) -> bool {
        matches!(self.role.as_str(), "owner" | "admin")
    }
}

/// A webhook subscription.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Subscription {
    /// Its URI.
    pub uri: String,
    /// Where it delivers to.
    pub callback_url: String,
    /// `active` or `disabled`; a disabled one must be made anew.
    pub state: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when deliveries fail, if they do. After 24 hours Calendly disables the subscription and tells nobody.
    pub retry_started_at: Option<Timestamp>,
    /// Its events.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Subscription {
    /// Whether it delivers.
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// The events we take and this subscription doesn't bring.
    pub fn lacks(&self) -> Vec<&'static str> {
        EVENTS.into_iter().filter(|event| !self.events.iter().any(|has| has == event)).collect()
    }
}

/// A subscription to be made, for the whole organization and for [`EVENTS`].
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Where to deliver to. There can be one subscription for it.
    pub url: &'a str,
    /// The organization.
    pub organization: &'a str,
    /// What deliveries are signed with. Calendly never gives it back.
    pub signing_key: &'a Private<String>,
}

/// Calendly, as one token sees it.
#[derive(Clone, Debug)]
pub struct Account {
    client: Client,
    base_url: String,
    token: Private<String>,
}

#[derive(Deserialize)]
struct One<T> {
    resource: T,
}

#[derive(Deserialize)]
struct Page<T> {
    collection: Vec<T>,
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    next_page_token: Option<String>,
}

impl Account {
    /// `base_url` is without its trailing slash.
    pub fn new(client: Client, base_url: impl Into<String>, token: Private<String>) -> Self {
        Self { client, base_url: base_url.into(), token }
    }

    /// The token's owner.
    ///
    /// # Errors
    /// See [`Error`]; a token that is no good is [`Error::is_unauthenticated`].
    pub async fn me(&self) -> Result<User, Error> {
        let One { resource } = read(&self.get("/users/me", &[]).await?)?;
        Ok(resource)
    }

    /// A user's places in organizations.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn memberships(&self, user: &str) -> Result<Vec<Membership>, Error> {
        self.list("/organization_memberships", &[("user", user)]).await
    }

    /// The subscriptions to the whole organization.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscriptions(&self, organization: &str) -> Result<Vec<Subscription>, Error> {
        self.list("/webhook_subscriptions", &[("organization", organization), ("scope", "organization")]).await
    }

    /// Makes a subscription.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] when there is one for this URL, in whatever scope.
    pub async fn subscribe(&self, order: Order<'_>) -> Result<Subscription, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            url: &'a str,
            events: [&'static str; 4],
            organization: &'a str,
            scope: &'static str,
            signing_key: &'a str,
        }
        let body = Body {
            url: order.url,
            events: EVENTS,
            organization: order.organization,
            scope: "organization",
            signing_key: order.signing_key.expose(),
        };
        let One { resource } = read(&self.call(Method::POST, "/webhook_subscriptions", &[], Some(&body)).await?)?;
        Ok(resource)
    }

    /// Deletes a subscription. None of that URI is success.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unsubscribe(&self, subscription: &str) -> Result<(), Error> {
        let path = format!("/webhook_subscriptions/{}", uuid_of(subscription));
        match self.call(Method::DELETE, &path, &[], None::<&()>).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// The scopes that the token lacks, found out by trying what we read. Those for writing can't be tried without
    /// doing; no call tells what a token may do.
    ///
    /// # Errors
    /// See [`Error`]; what Calendly denies for another reason than scopes is none here.
    pub async fn missing_scopes(&self, user: &User) -> Result<Vec<String>, Error> {
        let (own, organization) = (("user", user.uri.as_str()), ("organization", user.current_organization.as_str()));
        let tries: [(&str, &[(&str, &str)]); 3] = [
            ("/organization_memberships", &[own]),
            ("/scheduled_events", &[own]),
            ("/webhook_subscriptions", &[organization, ("scope", "organization")]),
        ];
        let mut missing = Vec::new();
        for (path, params) in tries {
            match self.get(path, &[params, &[("count", "1")]].concat()).await {
                Ok(_) => {}
                // Denied for another reason, such as the role: that is told elsewhere.
                Err(error @ Error::Refused { status: 403, .. }) => {
                    missing.extend(error.missing_scopes().into_iter().flatten().cloned());
                }
                Err(error) => return Err(error),
            }
        }
        missing.sort();
        missing.dedup();
        Ok(missing)
    }

    pub(crate) async fn get(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        self.call(Method::GET, path, params, None::<&()>).await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str, params: &[(&str, &str)]) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut params = [params, &[("count", PAGE)]].concat();
            params.extend(next.as_deref().map(|token| ("page_token", token)));
            let page: Page<T> = read(&self.get(path, &params).await?)?;
            all.extend(page.collection);
            next = page.pagination.next_page_token;
            if next.is_none() {
                return Ok(all);
            }
        }
        Err(Error::Unreadable(format!("a list of more than {MOST_PAGES} pages")))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Vec<u8>, Error> {
        let mut url =
            Url::parse(&format!("{}{path}", self.base_url)).map_err(|_| Error::Unreachable("its address is no URL"))?;
        if !params.is_empty() {
            url.query_pairs_mut().extend_pairs(params);
        }
        let mut request = self.client.request(method, url).timeout(WHOLE_CALL).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| Error::unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = response.bytes().await.map_err(|error| Error::unreachable(&error))?;
        if status.is_success() { Ok(answer.into()) } else { Err(Error::refused(status, &headers, &answer)) }
    }
}

/// serde's own words would quote the value.
fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer)
        .map_err(|error| Error::Unreadable(format!("line {}, column {}", error.line(), error.column())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fake::{self, Answer, Fake, fails, ok};

    const USER: &str = "https://api.calendly.com/users/U1";
    const ORGANIZATION: &str = "https://api.calendly.com/organizations/O1";
    const URL: &str = "https://hooks.example.com/webhooks/calendly";

    async fn account(answers: Vec<(&'static str, Answer)>) -> (Account, Fake) {
        let calendly = fake::calendly(answers).await;
        (Account::new(fake::client(), &calendly.url, "a-token".into()), calendly)
    }

    fn page(collection: Value, next: Option<&str>) -> Answer {
        ok(&json!({"collection": collection, "pagination": {"count": 1, "next_page_token": next}}))
    }

    fn subscription(uuid: &str) -> Value {
        json!({
            "uri": format!("https://api.calendly.com/webhook_subscriptions/{uuid}"), "callback_url": URL, "state": "active",
            "created_at": "2027-01-02T03:04:05.678123Z", "updated_at": "2027-01-02T03:04:05.678123Z",
            "retry_started_at": null, "events": ["invitee.created", "invitee.canceled"], "scope": "organization",
            "organization": ORGANIZATION, "user": null, "group": null, "creator": USER,
        })
    }

    #[tokio::test]
    async fn a_token_tells_its_owner_and_role() {
        let membership = json!([{"uri": "…", "role": "admin", "organization": ORGANIZATION, "user": {"uri": USER}}]);
        let (account, calendly) = account(vec![
            (
                "GET /users/me ",
                ok(&json!({"resource": {"uri": USER, "name": "Ana", "current_organization": ORGANIZATION}})),
            ),
            (
                "GET /organization_memberships?user=https%3A%2F%2Fapi.calendly.com%2Fusers%2FU1&count=100 ",
                page(membership, None),
            ),
        ])
        .await;
        let me = account.me().await.expect("a user");
        assert_eq!(me, User { uri: USER.to_owned(), current_organization: ORGANIZATION.to_owned() });
        let memberships = account.memberships(&me.uri).await.expect("memberships");
        assert!(memberships[0].leads() && memberships[0].organization == ORGANIZATION);
        assert!(calendly.seen().iter().all(|seen| seen.head.contains("authorization: Bearer a-token")));
        assert!(!format!("{account:?}").contains("a-token"));
    }

    #[tokio::test]
    async fn lists_are_read_to_their_last_page() {
        let (account, calendly) = account(vec![
            ("GET /webhook_subscriptions?organization=https%3A%2F%2Fapi.calendly.com%2Forganizations%2FO1&scope=organization&count=100&page_token=p2 ", page(json!([subscription("S2")]), None)),
            ("GET /webhook_subscriptions?", page(json!([subscription("S1")]), Some("p2"))),
        ])
        .await;
        let found = account.subscriptions(ORGANIZATION).await.expect("subscriptions");
        assert_eq!(found.iter().map(|it| uuid_of(&it.uri)).collect::<Vec<_>>(), ["S1", "S2"]);
        assert_eq!(found[0].lacks(), ["invitee_no_show.created", "invitee_no_show.deleted"]);
        assert_eq!(calendly.seen().len(), 2);
    }

    #[tokio::test]
    async fn a_subscription_is_made_for_the_organization_and_deleted() {
        let made = ("201 Created".to_owned(), json!({"resource": subscription("S1")}).to_string());
        let (account, calendly) = account(vec![
            ("POST /webhook_subscriptions ", made),
            ("DELETE /webhook_subscriptions/S1 ", ("204 No Content".to_owned(), String::new())),
        ])
        .await;
        let order = Order { url: URL, organization: ORGANIZATION, signing_key: &"key".into() };
        let made = account.subscribe(order).await.expect("a subscription");
        account.unsubscribe(&made.uri).await.expect("deleted");
        account.unsubscribe("https://api.calendly.com/webhook_subscriptions/gone").await.expect("nothing to delete");
        let body: Value = serde_json::from_str(&calendly.seen()[0].body).expect("JSON");
        let expected = json!({
            "url": URL, "events": EVENTS, "organization": ORGANIZATION, "scope": "organization", "signing_key": "key",
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let order = Order { url: URL, organization: ORGANIZATION, signing_key: &"key".into() };
        let refusal = async |status: &str, body: Value| {
            let (account, _calendly) = account(vec![("POST ", fails(status, &body))]).await;
            account.subscribe(order).await.expect_err("a refusal")
        };
        let conflict = refusal("409 Conflict", json!({"title": "Already Exists", "message": "…"})).await;
        assert!(conflict.is_conflict() && conflict.is_refusal() && conflict.missing_scopes().is_none());
        let broken = refusal("502 Bad Gateway", json!("<html>")).await;
        assert!(!broken.is_refusal() && !Error::Unreachable("no answer in time").is_refusal());
        let scope = json!({"title": "Insufficient scope", "message": "…", "required_scopes": ["webhooks:write"]});
        assert_eq!(refusal("403 Forbidden", scope).await.missing_scopes(), Some(&["webhooks:write".to_owned()][..]));
        let plan = refusal("403 Forbidden", json!({"title": "Permission Denied", "message": "Please upgrade"})).await;
        assert_eq!(
            (plan.to_string().as_str(), plan.missing_scopes()),
            ("Calendly answered 403 Permission Denied", None)
        );
        assert!(refusal("401 Unauthorized", json!({"title": "Unauthenticated"})).await.is_unauthenticated());
    }

    #[tokio::test]
    async fn missing_scopes_are_found_by_trying() {
        let lacks =
            |scope: &str| fails("403 Forbidden", &json!({"title": "Insufficient scope", "required_scopes": [scope]}));
        let me = User { uri: USER.to_owned(), current_organization: ORGANIZATION.to_owned() };
        let (lacking, _calendly) = account(vec![
            ("GET /organization_memberships?", page(json!([]), None)),
            ("GET /scheduled_events?", lacks("scheduled_events:read")),
            ("GET /webhook_subscriptions?", lacks("webhooks:read")),
        ])
        .await;
        assert_eq!(lacking.missing_scopes(&me).await.expect("an answer"), ["scheduled_events:read", "webhooks:read"]);
        let (no_admin, _calendly) = account(vec![
            ("GET /webhook_subscriptions?", fails("403 Forbidden", &json!({"title": "Permission Denied"}))),
            ("GET /", page(json!([]), None)),
        ])
        .await;
        assert!(no_admin.missing_scopes(&me).await.expect("an answer").is_empty());
    }
}
