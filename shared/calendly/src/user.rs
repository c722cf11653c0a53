//! A user of Calendly.

use domain::Private;
use serde::Deserialize;

/// A token's owner.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct User {
    /// The user.
    pub uri: String,
    /// The user's organization.
    pub current_organization: String,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The address.
    #[serde(default)]
    pub email: Private<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// The user's page.
    pub scheduling_url: Option<String>,
}
