//! What an account may do.

use calendly::{Account, Error, Membership, User};

/// An account that Calendly accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedAccount {
    /// The owner of the token.
    pub owner: User,
    /// The scopes that it lacks for reading. Scopes for writing cannot be tried without an effect.
    pub missing_scopes: Vec<String>,
    /// The owner's membership in the organization.
    pub membership: Option<Membership>,
}

impl CheckedAccount {
    /// Whether it sees the bookings of the whole organization.
    pub fn is_admin(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_admin)
    }
}

/// Asks Calendly what an account may do. At most eight calls.
///
/// # Errors
/// See [`Error`]; a token that Calendly does not accept is [`Error::is_unauthenticated`].
pub async fn check_account(account: &Account) -> Result<CheckedAccount, Error> {
    let owner = account.me().await?;
    let missing_scopes = account.missing_scopes(&owner).await?;
    let membership = match account.memberships(&owner.uri).await {
        Ok(all) => all.into_iter().find(|it| it.organization == owner.current_organization),
        // The scope is among the missing ones.
        Err(error) if error.is_forbidden() => None,
        Err(error) => return Err(error),
    };
    Ok(CheckedAccount { owner, missing_scopes, membership })
}
