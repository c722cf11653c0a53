//! Two organizations: one with two hosts, and another customer's with one.

use serde_json::{Value, json};

use crate::settings::Settings;

const ORGANIZATION: &str = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1";
const OTHER_ORGANIZATION: &str = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c2";
pub(crate) const SINCE: &str = "2026-01-05T08:00:00.000000Z";

/// A user of an organization.
pub(crate) struct Host {
    pub(crate) uuid: &'static str,
    pub(crate) membership: &'static str,
    pub(crate) organization: &'static str,
    pub(crate) name: &'static str,
    pub(crate) slug: &'static str,
    pub(crate) email: &'static str,
    pub(crate) timezone: &'static str,
    pub(crate) locale: &'static str,
}

/// The owner of the personal access token, and of the first organization.
pub(crate) static MARIA: Host = Host {
    uuid: "00000000-0000-4000-8000-0000000000a1",
    membership: "00000000-0000-4000-8000-0000000000b1",
    organization: ORGANIZATION,
    name: "Maria Popescu",
    slug: "maria-popescu",
    email: "maria.popescu@example.com",
    timezone: "Europe/Bucharest",
    locale: "en",
};

pub(crate) static LARS: Host = Host {
    uuid: "00000000-0000-4000-8000-0000000000a2",
    membership: "00000000-0000-4000-8000-0000000000b2",
    organization: ORGANIZATION,
    name: "Lars Holm",
    slug: "lars-holm",
    email: "lars.holm@example.com",
    timezone: "Europe/Copenhagen",
    locale: "en",
};

/// The owner of the other organization.
pub(crate) static FREJA: Host = Host {
    uuid: "00000000-0000-4000-8000-0000000000a3",
    membership: "00000000-0000-4000-8000-0000000000b3",
    organization: OTHER_ORGANIZATION,
    name: "Freja Lund",
    slug: "freja-lund",
    email: "freja.lund@example.com",
    timezone: "Europe/Copenhagen",
    locale: "en",
};

pub(crate) static HOSTS: [&Host; 3] = [&MARIA, &LARS, &FREJA];

impl Host {
    /// Returns the user's role in the organization.
    pub(crate) fn role<'a>(&self, settings: &'a Settings) -> &'a str {
        match self.uuid {
            uuid if uuid == MARIA.uuid => &settings.role,
            uuid if uuid == LARS.uuid => "user",
            _ => "owner",
        }
    }

    pub(crate) fn uri(&self) -> String {
        format!("https://api.calendly.com/users/{}", self.uuid)
    }

    /// Returns the user as `GET /users/me` shows it.
    pub(crate) fn view(&self) -> Value {
        let mut view = self.member_view();
        view["current_organization"] = json!(self.organization);
        view["resource_type"] = json!("User");
        view["locale"] = json!(self.locale);
        view["time_notation"] = json!("24h");
        view
    }

    /// Returns the user as a membership contains it, with fewer keys.
    pub(crate) fn member_view(&self) -> Value {
        json!({
            "uri": self.uri(), "name": self.name, "slug": self.slug, "email": self.email,
            "scheduling_url": format!("https://calendly.com/{}", self.slug), "timezone": self.timezone,
            "avatar_url": null, "created_at": SINCE, "updated_at": SINCE,
        })
    }

    pub(crate) fn membership_view(&self, role: &str) -> Value {
        json!({
            "uri": format!("https://api.calendly.com/organization_memberships/{}", self.membership),
            "role": role, "user": self.member_view(), "organization": self.organization,
            "created_at": SINCE, "updated_at": SINCE,
        })
    }

    pub(crate) fn schedule_view(&self) -> Value {
        let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let rules: Vec<Value> = days
            .iter()
            .map(|day| {
                let weekend = matches!(*day, "saturday" | "sunday");
                let intervals = if weekend { json!([]) } else { json!([{"from": "08:00", "to": "18:00"}]) };
                json!({"type": "wday", "wday": day, "intervals": intervals})
            })
            .collect();
        json!({
            "uri": format!("https://api.calendly.com/user_availability_schedules/{}", self.membership),
            "default": true, "name": "Working hours", "user": self.uri(), "timezone": self.timezone, "rules": rules,
        })
    }
}

/// Returns the user with this URI.
pub(crate) fn find_host(uri: &str) -> Option<&'static Host> {
    HOSTS.into_iter().find(|host| host.uri() == uri)
}

/// Returns the last segment of a URI: the UUID of its resource.
pub(crate) fn last_segment(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap_or(uri)
}
