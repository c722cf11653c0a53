//! The credentials that the sandbox accepts, and those that it signs its callbacks with. `tests/stack/stack.py` repeats
//! them.

/// Calendly's bearer token.
pub const CALENDLY: &str = "sandbox-token";
/// The client id of the OAuth app at Calendly.
pub const CALENDLY_APP_ID: &str = "sandbox-app";
/// The app's client secret.
pub const CALENDLY_APP_SECRET: &str = "sandbox-app-secret";
/// The key that signs the webhooks of the app's subscriptions.
pub const CALENDLY_APP_SIGNING: &str = "sandbox-app-signing-key-0123456789";
/// `EngageLab`'s Basic authentication: `dev_key:dev_secret`.
pub const ENGAGELAB: &str = "sandbox-key:sandbox-secret";
/// User name and secret for the signature of `EngageLab`'s callbacks.
pub const ENGAGELAB_CALLBACK: &str = "sandbox-callback-user:sandbox-callback-secret";
/// The `Authorization` header of `EngageLab`'s callbacks.
pub const ENGAGELAB_CALLBACK_AUTHORIZATION: &str = "Bearer sandbox-callback-auth";
/// Twilio's account: the user name of its Basic authentication.
pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// An API key of the account: the user name of its Basic authentication.
pub const TWILIO_API_KEY: &str = "SK00000000000000000000000000000001";
/// The API key's secret.
pub const TWILIO_API_SECRET: &str = "sandbox-twilio-secret";
/// Twilio's auth token: the password of its Basic authentication, and the key of its webhook signatures.
pub const TWILIO_TOKEN: &str = "sandbox-twilio-token";
/// Brevo's `api-key`.
pub const BREVO: &str = "sandbox-brevo-key";
/// The keys of Brevo's accounts: that one, and another customer's.
pub const BREVO_ACCOUNTS: [&str; 2] = [BREVO, "sandbox-brevo-key-2"];
/// The bearer token of Brevo's webhooks.
pub const BREVO_BEARER: &str = "sandbox-brevo-bearer";
/// The VAI Portal's bearer key.
pub const VAI: &str = "sandbox-vai-key";
