//! A user of Calendly.

use domain::Private;
use serde::Deserialize;

/// A user, such as the owner of a token.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct User {
    /// The URI.
    pub uri: String,
    /// The URI of the user's organization.
    pub current_organization: String,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The e-mail address.
    #[serde(default)]
    pub email: Private<String>,
    /// The IANA time zone.
    pub timezone: Option<String>,
    /// The URL of the user's page.
    pub scheduling_url: Option<String>,
}
