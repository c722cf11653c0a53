//! Connects a Calendly account: what the operator's `connect` and the API for connections have in common.
//!
//! 1. The account is checked: its owner, role and scopes ([`check_account`]).
//! 2. The webhook subscription is made, kept or replaced, and its signing key is stored ([`ensure_subscription`]).
//! 3. The connection's row is written ([`record_connection`]).
//!
//! [`apply_settings`] writes settings, for both.
//!
//! Each step may be repeated: what exists is kept, and an interrupted run is completed. A signing key is stored before
//! its subscription is made, because the first webhook may come at once. An old subscription is deleted after the new
//! one is made: events in between are delivered twice, which changes nothing. The other order would lose them.

mod account;
mod credentials;
mod record;
mod secret_store;
mod settings;
mod subscription;

pub use account::{CheckedAccount, check_account};
pub use credentials::{Documents, Malformed, check_credentials, read_signing_keys, write_signing_keys};
pub use record::{RecordError, record_connection};
pub use secret_store::{SecretKind, SecretStore, SecretStoreError};
pub use settings::{AppliedSettings, SettingChange, apply_settings, compare_settings};
pub use subscription::{
    EnsureError, Ensured, OLD_KEY, SigningKeys, Wanted, ensure_subscription, find_own, remove_subscriptions,
};
