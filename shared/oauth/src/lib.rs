//! What Calendly granted to a connection by OAuth 2.0, and how its tokens are refreshed.
//!
//! An access token lives for two hours. A refresh token does not expire, and works once: the answer to a refresh has
//! the next one (`docs: refresh-token-rotation-guide`). So a refresh must not be asked for twice at once, and its
//! answer must be stored. [`Refresher`] does that with a [`Grant`] that is stored with a revision:
//!
//! 1. It writes its intent into the grant, before it asks. Others wait for it.
//! 2. It asks Calendly.
//! 3. It writes the new tokens.
//!
//! After a crash before 3, the intent ends by itself and the old refresh token is tried once more. It still works
//! unless Calendly has answered: an answer that was not written is lost with its tokens, and the connection needs a new
//! login.

mod grant;
mod login;
mod ports;
mod refresh;

pub use grant::{Grant, Issued, Step, fingerprint};
pub use login::{Login, challenge};
pub use ports::{GrantStore, Pause, RefreshOutcome, TokenEndpoint};
pub use refresh::{AccessToken, Refresher, TokenError};
