//! What a token may access, and the organization's webhook subscriptions.

use domain::{Private, uri_uuid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{Account, parse_all};
use crate::error::Error;
use crate::user::User;

/// The events that we subscribe to. They need the scopes `scheduled_events:read` and `event_types:read`, and no plan
/// feature.
pub const EVENTS: [&str; 7] = [
    "invitee.created",
    "invitee.canceled",
    "invitee_no_show.created",
    "invitee_no_show.deleted",
    "event_type.created",
    "event_type.updated",
    "event_type.deleted",
];

/// A user's membership in an organization.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Membership {
    /// The URI of the organization.
    pub organization: String,
    /// `owner`, `admin` or `user`; Calendly may add others.
    pub role: String,
}

impl Membership {
    /// Whether the role allows subscriptions to the whole organization.
    pub fn is_admin(&self) -> bool {
        matches!(self.role.as_str(), "owner" | "admin")
    }
}

/// A webhook subscription.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Subscription {
    /// Its URI.
    pub uri: String,
    /// The URL that it delivers to.
    pub callback_url: String,
    /// `active` or `disabled`. A disabled subscription must be created again.
    pub state: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when deliveries fail, if they do. After 24 hours Calendly disables the subscription without notice.
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

    /// Returns the events of [`EVENTS`] that this subscription lacks.
    pub fn missing_events(&self) -> Vec<&'static str> {
        EVENTS.into_iter().filter(|event| !self.events.iter().any(|has| has == event)).collect()
    }
}

/// A subscription to create, for [`EVENTS`].
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The URL to deliver to. Calendly allows one subscription for each URL.
    pub url: &'a str,
    /// The organization.
    pub organization: &'a str,
    /// The user whose bookings it is for; `None` for the whole organization, which needs an owner or admin.
    pub user: Option<&'a str>,
    /// The key that signs deliveries. Calendly never returns it.
    pub signing_key: &'a Private<String>,
}

impl Account {
    /// Gets the token's owner.
    ///
    /// # Errors
    /// See [`Error`]; an invalid token is [`Error::is_unauthenticated`].
    pub async fn me(&self) -> Result<User, Error> {
        self.get("/users/me").await
    }

    /// Lists a user's memberships.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn memberships(&self, user: &str) -> Result<Vec<Membership>, Error> {
        parse_all(self.list("/organization_memberships", &[("user", user)]).await?)
    }

    /// Lists the subscriptions to the whole organization.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscriptions(&self, organization: &str) -> Result<Vec<Subscription>, Error> {
        parse_all(
            self.list("/webhook_subscriptions", &[("organization", organization), ("scope", "organization")]).await?,
        )
    }

    /// Lists the subscriptions to one user's bookings.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscriptions_of_user(&self, organization: &str, user: &str) -> Result<Vec<Subscription>, Error> {
        let params = [("organization", organization), ("user", user), ("scope", "user")];
        parse_all(self.list("/webhook_subscriptions", &params).await?)
    }

    /// Creates a subscription.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_conflict`] when there is one for this URL, in any scope.
    pub async fn subscribe(&self, order: Order<'_>) -> Result<Subscription, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            url: &'a str,
            events: [&'static str; EVENTS.len()],
            organization: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: Option<&'a str>,
            scope: &'static str,
            signing_key: &'a str,
        }
        let body = Body {
            url: order.url,
            events: EVENTS,
            organization: order.organization,
            user: order.user,
            scope: if order.user.is_some() { "user" } else { "organization" },
            signing_key: order.signing_key.expose(),
        };
        self.post("/webhook_subscriptions", &body).await
    }

    /// Deletes a subscription. One that does not exist is a success.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unsubscribe(&self, subscription: &str) -> Result<(), Error> {
        self.delete(&format!("/webhook_subscriptions/{}", uri_uuid(subscription))).await
    }

    /// Finds the scopes that the token lacks, by trying each call that reads. Scopes for writing can't be tried without
    /// an effect, and Calendly has no call that lists a token's scopes.
    ///
    /// # Errors
    /// See [`Error`]. A call that Calendly denies for another reason than a scope is no error.
    pub async fn missing_scopes(&self, user: &User) -> Result<Vec<String>, Error> {
        let (own, organization) = (("user", user.uri.as_str()), ("organization", user.current_organization.as_str()));
        let one = ("count", "1");
        let tries: [(&str, &[(&str, &str)]); 5] = [
            ("/organization_memberships", &[own, one]),
            ("/event_types", &[own, one]),
            ("/user_availability_schedules", &[own]),
            ("/scheduled_events", &[own, one]),
            ("/webhook_subscriptions", &[organization, ("scope", "organization"), one]),
        ];
        let mut missing = Vec::new();
        for (path, params) in tries {
            match self.bytes(path, params).await {
                Ok(_) => {}
                // Denied for a missing scope, or for another reason, such as the role, which is reported elsewhere.
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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, made, none, ok, page};

    const USER: &str = "https://api.calendly.com/users/U1";
    const ORGANIZATION: &str = "https://api.calendly.com/organizations/O1";
    const URL: &str = "https://hooks.example.com/webhooks/calendly";

    fn account(answers: Vec<(&'static str, Answer)>) -> (Account, StandIn) {
        let calendly = StandIn::with_rules(answers);
        (Account::new(fixtures::client(), calendly.url(), "a-token".into()), calendly)
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
    async fn the_owner_and_the_role_of_a_token_are_read() {
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
        ]);
        let me = account.me().await.expect("a user");
        assert_eq!((me.uri.as_str(), me.current_organization.as_str(), me.name.as_str()), (USER, ORGANIZATION, "Ana"));
        let memberships = account.memberships(&me.uri).await.expect("memberships");
        assert!(memberships[0].is_admin() && memberships[0].organization == ORGANIZATION);
        assert!(calendly.requests().iter().all(|request| request.header("authorization") == Some("Bearer a-token")));
        assert!(!format!("{account:?}").contains("a-token"));
    }

    #[tokio::test]
    async fn lists_are_read_to_their_last_page() {
        let (account, calendly) = account(vec![
            (
                "GET /webhook_subscriptions?organization=https%3A%2F%2Fapi.calendly.com%2Forganizations%2FO1&scope=organization&count=100&page_token=p2 ",
                page(json!([subscription("S2")]), None),
            ),
            ("GET /webhook_subscriptions?", page(json!([subscription("S1")]), Some("p2"))),
        ]);
        let found = account.subscriptions(ORGANIZATION).await.expect("subscriptions");
        assert_eq!(found.iter().map(|it| uri_uuid(&it.uri)).collect::<Vec<_>>(), ["S1", "S2"]);
        assert_eq!(found[0].missing_events(), EVENTS[2..]);
        assert_eq!(calendly.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_subscription_is_created_for_the_organization_and_deleted() {
        let (account, calendly) = account(vec![
            ("POST /webhook_subscriptions ", made(&subscription("S1"))),
            ("DELETE /webhook_subscriptions/S1 ", none()),
        ]);
        let order = Order { url: URL, organization: ORGANIZATION, user: None, signing_key: &"key".into() };
        let created = account.subscribe(order).await.expect("a subscription");
        account.unsubscribe(&created.uri).await.expect("deleted");
        account.unsubscribe("https://api.calendly.com/webhook_subscriptions/gone").await.expect("nothing to delete");
        let expected = json!({
            "url": URL, "events": EVENTS, "organization": ORGANIZATION, "scope": "organization", "signing_key": "key",
        });
        assert_eq!(calendly.requests()[0].json(), expected);
    }

    #[tokio::test]
    async fn refusals_are_classified() {
        let order = Order { url: URL, organization: ORGANIZATION, user: None, signing_key: &"key".into() };
        let refusal = async |status: u16, body: Value| {
            let (account, _calendly) = account(vec![("POST ", Answer::json(status, body))]);
            account.subscribe(order).await.expect_err("a refusal")
        };
        let conflict = refusal(409, json!({"title": "Already Exists", "message": "…"})).await;
        assert!(conflict.is_conflict() && conflict.is_refusal() && conflict.missing_scopes().is_none());
        let broken = refusal(502, json!("<html>")).await;
        assert!(!broken.is_refusal() && !Error::Unreachable("no answer in time").is_refusal());
        let scope = json!({"title": "Insufficient scope", "message": "…", "required_scopes": ["webhooks:write"]});
        assert_eq!(refusal(403, scope).await.missing_scopes(), Some(&["webhooks:write".to_owned()][..]));
        let plan = refusal(403, json!({"title": "Permission Denied", "message": "Please upgrade"})).await;
        assert_eq!(
            (plan.to_string().as_str(), plan.missing_scopes()),
            ("Calendly answered 403 Permission Denied", None)
        );
        assert!(refusal(401, json!({"title": "Unauthenticated"})).await.is_unauthenticated());
    }

    #[tokio::test]
    async fn missing_scopes_are_found_by_trying() {
        let lacks = |scope: &str| Answer::json(403, json!({"title": "Insufficient scope", "required_scopes": [scope]}));
        let me = json!({"uri": USER, "current_organization": ORGANIZATION});
        let me: User = serde_json::from_value(me).expect("a user");
        let (lacking, _calendly) = account(vec![
            ("GET /organization_memberships?", page(json!([]), None)),
            ("GET /event_types?", lacks("event_types:read")),
            ("GET /user_availability_schedules?", lacks("availability:read")),
            ("GET /scheduled_events?", lacks("scheduled_events:read")),
            ("GET /webhook_subscriptions?", lacks("webhooks:read")),
        ]);
        assert_eq!(
            lacking.missing_scopes(&me).await.expect("an answer"),
            ["availability:read", "event_types:read", "scheduled_events:read", "webhooks:read"]
        );
        let (no_admin, _calendly) = account(vec![
            ("GET /webhook_subscriptions?", Answer::json(403, json!({"title": "Permission Denied"}))),
            ("GET /", page(json!([]), None)),
        ]);
        assert!(no_admin.missing_scopes(&me).await.expect("an answer").is_empty());
    }
}
