//! How settings name an event type.

use crate::{Leg, uri_uuid};

/// Returns whether a key of the settings (a name, a URI or a UUID) identifies this leg's event type.
pub(super) fn names(key: &str, leg: &Leg) -> bool {
    key == leg.details.event_name
        || leg.details.event_type.as_ref().is_some_and(|uri| key == uri.as_str() || key == uri_uuid(uri.as_str()))
}
