//! The webhook subscription, and the key that signs its webhooks.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use calendly::{Account, Error, Order, Subscription, User};
use domain::Private;
use engine::PortError;
use jiff::{SignedDuration, Timestamp};
use runtime::SigningKey;

/// How long an old key is good after its rotation: Calendly repeats a webhook for a day.
pub const OLD_KEY: SignedDuration = SignedDuration::from_hours(26);

/// The stored keys that verify Calendly's webhooks, the current one first.
pub trait SigningKeys {
    /// Reads them.
    async fn load_keys(&self) -> Result<Vec<SigningKey>, PortError>;

    /// Writes them.
    async fn write_keys(&self, keys: &[SigningKey]) -> Result<(), PortError>;
}

/// The subscription that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Our URL.
    pub url: &'a str,
    /// The owner of the token.
    pub owner: &'a User,
    /// Whether it is for the whole organization; otherwise for the owner's bookings.
    pub for_organization: bool,
    /// Whether an existing subscription and its key are replaced.
    pub rotate: bool,
    /// Until when an old key is good that a new one replaces. `None` if it is good for nothing: it has leaked.
    pub old_keys_until: Option<Timestamp>,
    /// The key that signs the webhooks: a new one, one that the customer chose, or the key of our OAuth app.
    pub key: &'a Private<String>,
    /// Whether the key must be this one: Calendly signs with the app's key, whatever it is told.
    pub key_is_fixed: bool,
}

/// The subscription that there is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ensured {
    /// It.
    pub subscription: Subscription,
    /// Whether it was made now.
    pub is_new: bool,
    /// Whether the stored keys changed.
    pub keys_changed: bool,
    /// The old subscriptions that were deleted.
    pub deleted: Vec<Subscription>,
}

/// Why there is no such subscription.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// Somebody else made a subscription for our URL, or its key was lost. It is not adopted: its webhooks could not be
    /// verified.
    #[error(
        "Calendly has a subscription for this URL, but its signing key is not stored, and Calendly does not return it. \
         Nothing was written. Replace the subscription: `make connect ROTATE=1`"
    )]
    KeyUnknown(Box<Subscription>),
    /// Calendly refused. The old subscription and its key are unchanged.
    #[error("{explanation}")]
    Refused {
        /// What it means, and what to do.
        explanation: String,
        /// Calendly's answer.
        source: Box<Error>,
    },
    /// It is not known whether Calendly made the subscription. An old one is unchanged, and both keys are stored.
    #[error("it is not known whether there is a new subscription; the old one is unchanged, and both keys are stored")]
    Unknown(#[source] Box<Error>),
    /// Calendly could not be asked.
    #[error("the subscriptions can't be read or deleted")]
    Calendly(#[source] Box<Error>),
    /// The keys cannot be read or written.
    #[error("the signing keys can't be read or written")]
    Keys(#[from] PortError),
}

/// Makes, keeps or replaces the subscription, and stores its key first.
///
/// # Errors
/// See [`EnsureError`].
pub async fn ensure_subscription(
    account: &Account,
    keys: &impl SigningKeys,
    wanted: Wanted<'_>,
) -> Result<Ensured, EnsureError> {
    let stored = keys.load_keys().await?;
    let all = list(account, wanted).await.map_err(|error| EnsureError::Calendly(Box::new(error)))?;
    let (existing, leftover) = find_own(all.clone(), wanted.url);
    let change = choose_change(&stored, existing, wanted)?;
    let mut deleted = Vec::new();
    // First of all: a further replacement needs the form of our URL that this subscription uses.
    if let Some(leftover) = leftover {
        account.unsubscribe(&leftover.uri).await.map_err(|error| EnsureError::Calendly(Box::new(error)))?;
        deleted.push(leftover);
    }
    let keys_changed = change.new_keys().is_some_and(|new| *new != stored);
    if let Some(new) = change.new_keys().filter(|_| keys_changed) {
        keys.write_keys(new).await?;
    }
    let (url, old) = match &change {
        SubscriptionChange::Keep(existing) => {
            return Ok(Ensured { subscription: existing.clone(), is_new: false, keys_changed, deleted });
        }
        SubscriptionChange::Create { .. } => (wanted.url.to_owned(), None),
        SubscriptionChange::Replace { old, .. } => (free_form(wanted.url, old), Some(old)),
    };
    let subscription = match create(account, wanted, &url, &change).await {
        Ok(created) => created,
        Err(error) if error.is_refusal() => {
            // The old subscription still signs with the old key. Further attempts would push it out of the list.
            if keys_changed && old.is_some() {
                keys.write_keys(&stored).await?;
            }
            return Err(EnsureError::Refused { explanation: explain(&error, &all), source: Box::new(error) });
        }
        Err(error) => return Err(EnsureError::Unknown(Box::new(error))),
    };
    if let Some(old) = old {
        // If this fails, both deliver, which changes nothing; the next run deletes it.
        account.unsubscribe(&old.uri).await.map_err(|error| EnsureError::Calendly(Box::new(error)))?;
        deleted.push(old.clone());
    }
    Ok(Ensured { subscription, is_new: true, keys_changed, deleted })
}

/// Deletes every subscription for our URL, in both of its forms. Returns how many there were.
///
/// # Errors
/// See [`Error`].
pub async fn remove_subscriptions(account: &Account, owner: &User, url: &str) -> Result<usize, Error> {
    let mut removed = 0;
    for for_organization in [true, false] {
        let found = match list_scope(account, owner, for_organization).await {
            Ok(found) => found,
            // Somebody without that role has none of them.
            Err(error) if error.is_forbidden() => continue,
            Err(error) => return Err(error),
        };
        let (one, other) = find_own(found, url);
        for own in [one, other].into_iter().flatten() {
            account.unsubscribe(&own.uri).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

async fn list(account: &Account, wanted: Wanted<'_>) -> Result<Vec<Subscription>, Error> {
    list_scope(account, wanted.owner, wanted.for_organization).await
}

async fn list_scope(account: &Account, owner: &User, for_organization: bool) -> Result<Vec<Subscription>, Error> {
    if for_organization {
        account.subscriptions(&owner.current_organization).await
    } else {
        account.subscriptions_of_user(&owner.current_organization, &owner.uri).await
    }
}

async fn create(
    account: &Account,
    wanted: Wanted<'_>,
    url: &str,
    change: &SubscriptionChange,
) -> Result<Subscription, Error> {
    let signing_key = change.signing_key().unwrap_or(wanted.key);
    let user = (!wanted.for_organization).then_some(wanted.owner.uri.as_str());
    account.subscribe(Order { url, organization: &wanted.owner.current_organization, user, signing_key }).await
}

fn explain(error: &Error, existing: &[Subscription]) -> String {
    if error.is_conflict() {
        return "this URL already has a subscription that is not in the organization's list: a single user's, or \
                another organization's. Delete it at Calendly or use another URL"
            .to_owned();
    }
    if let Some(scopes) = error.missing_scopes() {
        return format!("the token lacks {}: make one that has them", scopes.join(", "));
    }
    let urls: Vec<_> = existing.iter().map(|it| it.callback_url.as_str()).collect();
    match urls.as_slice() {
        [] => format!("the subscription can't be made: {error}"),
        urls => {
            format!("the subscription can't be made: {error}. The organization has {}: {}", urls.len(), urls.join(", "))
        }
    }
}

/// Returns the second form of our URL. A replacement needs it: Calendly allows one subscription for each URL, and the
/// new one must exist before the old one is deleted. We ignore the query.
fn second_form(url: &str) -> String {
    format!("{url}?rotated=1")
}

/// Returns the form of our URL that a subscription does not use.
fn free_form(url: &str, used_by: &Subscription) -> String {
    if used_by.callback_url == url { second_form(url) } else { url.to_owned() }
}

/// Finds our subscription among others, and a second one of ours that an interrupted replacement has left.
pub fn find_own(all: Vec<Subscription>, url: &str) -> (Option<Subscription>, Option<Subscription>) {
    let mut own: Vec<_> =
        all.into_iter().filter(|it| it.callback_url == url || it.callback_url == second_form(url)).collect();
    // The first stored key belongs to the newest. A disabled one delivers nothing, however new it is.
    own.sort_by_key(|it| (it.is_active(), it.created_at));
    (own.pop(), own.pop())
}

/// What happens to the subscription.
#[derive(PartialEq, Eq, Debug)]
enum SubscriptionChange {
    /// It exists, and its key is stored.
    Keep(Subscription),
    /// One is made. Webhooks are signed with the first key.
    Create { keys: Vec<SigningKey> },
    /// Another is made at the other form of our URL, then the old one is deleted.
    Replace { keys: Vec<SigningKey>, old: Subscription },
}

impl SubscriptionChange {
    /// Returns the keys to store; `None` if they do not change.
    fn new_keys(&self) -> Option<&Vec<SigningKey>> {
        match self {
            Self::Create { keys } | Self::Replace { keys, .. } => Some(keys),
            Self::Keep(_) => None,
        }
    }

    fn signing_key(&self) -> Option<&Private<String>> {
        self.new_keys()?.first().map(|it| &it.key)
    }
}

fn choose_change(
    stored: &[SigningKey],
    existing: Option<Subscription>,
    wanted: Wanted<'_>,
) -> Result<SubscriptionChange, EnsureError> {
    // Webhooks on their way are signed with a previous key. It is the second stored one after an attempt without an
    // answer, because then no subscription uses the first. Older keys are not needed.
    let rotated = || {
        let previous = stored.iter().filter(|it| it.key != *wanted.key).take(2).filter_map(|it| {
            let until = wanted.old_keys_until?;
            // A later rotation does not lengthen it.
            Some(SigningKey { key: it.key.clone(), until: Some(it.until.map_or(until, |own| own.min(until))) })
        });
        [wanted.key.clone().into()].into_iter().chain(previous).collect()
    };
    let has_other_key = wanted.key_is_fixed && stored.first().map(|it| &it.key) != Some(wanted.key);
    Ok(match existing {
        // A disabled subscription delivers nothing, and cannot be enabled again.
        Some(old) if wanted.rotate || has_other_key || !old.is_active() => {
            SubscriptionChange::Replace { keys: rotated(), old }
        }
        Some(found) if stored.is_empty() => return Err(EnsureError::KeyUnknown(Box::new(found))),
        Some(existing) => SubscriptionChange::Keep(existing),
        // An interrupted run has stored its key.
        None if !wanted.rotate && !has_other_key && !stored.is_empty() => {
            SubscriptionChange::Create { keys: stored.to_vec() }
        }
        None => SubscriptionChange::Create { keys: rotated() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.com/webhooks/calendly";

    fn existing() -> Subscription {
        Subscription {
            uri: "https://api.calendly.com/webhook_subscriptions/S1".to_owned(),
            callback_url: URL.to_owned(),
            state: "active".to_owned(),
            created_at: "2026-11-20T09:00:00Z".parse().expect("an instant"),
            retry_started_at: None,
            events: Vec::new(),
        }
    }

    fn owner() -> User {
        let owner = serde_json::json!({"uri": "U1", "current_organization": "O1"});
        serde_json::from_value(owner).expect("a user")
    }

    fn change(
        stored: &[&str],
        existing: Option<Subscription>,
        (rotate, key_is_fixed): (bool, bool),
    ) -> Result<SubscriptionChange, EnsureError> {
        let (owner, key) = (owner(), "new".into());
        let old_keys_until = Some(end(0));
        let wanted =
            Wanted { url: URL, owner: &owner, for_organization: true, rotate, old_keys_until, key: &key, key_is_fixed };
        choose_change(&keys(stored), existing, wanted)
    }

    fn end(earlier: i64) -> Timestamp {
        Timestamp::from_second(1_764_000_000 - earlier).expect("an instant")
    }

    fn keys(keys: &[&str]) -> Vec<SigningKey> {
        keys.iter().map(|key| Private::from(*key).into()).collect()
    }

    /// Returns a new key, and old ones that have an end.
    fn rotated(new: &str, old: &[&str]) -> Vec<SigningKey> {
        let old = old.iter().map(|key| SigningKey { key: (*key).into(), until: Some(end(0)) });
        keys(&[new]).into_iter().chain(old).collect()
    }

    #[test]
    fn an_old_key_ends_at_once_or_when_it_was_to_end() {
        let owner = owner();
        let (key, stored) = ("new".into(), [keys(&["a"]), vec![SigningKey { key: "b".into(), until: Some(end(60)) }]]);
        let kept = |old_keys_until| {
            let wanted = Wanted {
                url: URL,
                owner: &owner,
                for_organization: true,
                rotate: true,
                old_keys_until,
                key: &key,
                key_is_fixed: false,
            };
            choose_change(&stored.concat(), Some(existing()), wanted).expect("a change").new_keys().cloned()
        };
        let old = |key: &str, until| SigningKey { key: key.into(), until: Some(until) };
        let ended = [keys(&["new"]), vec![old("a", end(0)), old("b", end(60))]].concat();
        assert_eq!(kept(Some(end(0))), Some(ended));
        assert_eq!(kept(None), Some(keys(&["new"])));
    }

    #[test]
    fn an_existing_subscription_with_its_key_is_kept() {
        let kept = change(&["a", "b"], Some(existing()), (false, false)).expect("a change");
        assert_eq!((kept.new_keys(), &kept), (None, &SubscriptionChange::Keep(existing())));
    }

    #[test]
    fn a_first_connection_makes_a_key_and_an_interrupted_one_uses_its_own() {
        let first = change(&[], None, (false, false)).expect("a change");
        assert_eq!(first, SubscriptionChange::Create { keys: keys(&["new"]) });
        let again = change(&["a", "b"], None, (false, false)).expect("a change");
        assert_eq!(again, SubscriptionChange::Create { keys: keys(&["a", "b"]) });
    }

    #[test]
    fn rotation_keeps_the_two_previous_keys_and_no_older_one() {
        let replaced = change(&["a", "b", "c"], Some(existing()), (true, false)).expect("a change");
        assert_eq!(replaced, SubscriptionChange::Replace { keys: rotated("new", &["a", "b"]), old: existing() });
        let made = change(&["a"], None, (true, false)).expect("a change");
        assert_eq!(made, SubscriptionChange::Create { keys: rotated("new", &["a"]) });
    }

    #[test]
    fn the_key_of_an_app_replaces_another_one_and_is_kept() {
        let replaced = change(&["a"], Some(existing()), (false, true)).expect("a change");
        assert_eq!(replaced, SubscriptionChange::Replace { keys: rotated("new", &["a"]), old: existing() });
        let kept = change(&["new", "a"], Some(existing()), (false, true)).expect("a change");
        assert_eq!(kept, SubscriptionChange::Keep(existing()));
    }

    #[test]
    fn a_subscription_without_a_stored_key_or_that_is_disabled_must_be_replaced() {
        let error = change(&[], Some(existing()), (false, false)).expect_err("an error").to_string();
        assert!(error.contains("ROTATE=1"), "{error}");
        let replaced = change(&[], Some(existing()), (true, false)).expect("a change");
        assert_eq!(replaced, SubscriptionChange::Replace { keys: keys(&["new"]), old: existing() });
        let disabled = Subscription { state: "disabled".to_owned(), ..existing() };
        let replaced = change(&["a"], Some(disabled.clone()), (false, false)).expect("a change");
        assert_eq!(replaced, SubscriptionChange::Replace { keys: rotated("new", &["a"]), old: disabled });
    }

    #[test]
    fn our_subscription_is_found_in_both_forms_of_its_url() {
        let at = |uri: &str, callback_url: &str, created_at: &str, state: &str| Subscription {
            uri: uri.to_owned(),
            callback_url: callback_url.to_owned(),
            created_at: created_at.parse().expect("an instant"),
            state: state.to_owned(),
            ..existing()
        };
        let second_url = format!("{URL}?rotated=1");
        let first = at("S1", URL, "2026-11-20T09:00:00Z", "active");
        let second = at("S2", &second_url, "2026-11-21T09:00:00Z", "active");
        let other = at("S3", "https://hooks.example.com/webhooks/calendly/acme", "2026-11-22T09:00:00Z", "active");
        let find = |all: &[&Subscription]| find_own(all.iter().copied().cloned().collect(), URL);
        assert_eq!(find(&[&other]), (None, None));
        assert_eq!(find(&[&first, &other]), (Some(first.clone()), None));
        assert_eq!(find(&[&second, &other, &first]), (Some(second.clone()), Some(first.clone())));
        let disabled = Subscription { state: "disabled".to_owned(), ..second.clone() };
        assert_eq!(find(&[&first, &disabled]), (Some(first.clone()), Some(disabled)));
        assert_eq!((free_form(URL, &first), free_form(URL, &second)), (second_url, URL.to_owned()));
    }
}
