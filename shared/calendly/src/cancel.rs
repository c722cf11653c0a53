//! Cancels an event. Calendly cancels only whole events, for all invitees.

use domain::{Outcome, Reason};
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

use crate::account::Account;
use crate::error::Error;
use crate::error::ErrorClass;
use crate::paths::InviteePath;
use crate::resources::{Invitee, ScheduledEvent};

/// The longest reason that Calendly accepts, in characters.
const LONGEST_REASON: usize = 10_000;

const DONE: Outcome = Outcome::done(None);

#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// Cancels an invitee's event, if it has no other invitee and has not begun.
///
/// Calendly answers 404 to what is gone, and to what a token of another account may not see. So it proves that nothing
/// is left to cancel only after the same token has just read the invitee.
pub(crate) async fn cancel(account: &Account, location: &InviteePath, reason: &str, now: Timestamp) -> Outcome {
    // These calls only read, so no answer is as harmless as a refused connection.
    let not_read = |error: Error| match outcome_of_error(&error) {
        Outcome::Unknown { after_seconds, detail } => unsent(Reason::Unreachable, after_seconds, detail),
        Outcome::Refused { reason: Reason::NotFound, detail } => unsent(Reason::NotFound, None, detail),
        outcome => outcome,
    };
    let invitee = match account.get::<Invitee>(&location.invitee).await {
        Ok(invitee) => invitee,
        Err(error) => return not_read(error),
    };
    // The event is read last, right before it is canceled: somebody may have joined meanwhile.
    let event = match account.get::<ScheduledEvent>(&location.event).await {
        Ok(event) => event,
        Err(error) if error.is_not_found() => return DONE,
        Err(error) => return not_read(error),
    };
    // An invitee who left a group event is done; the event belongs to the others.
    if invitee.is_canceled() || event.is_canceled() {
        return DONE;
    }
    if event.start_time <= now {
        return refused(Reason::PastStart, "the meeting had begun".to_owned());
    }
    if event.seats() > 1 {
        return refused(Reason::SharedEvent, format!("{} invitees are in the event", event.seats()));
    }
    let body = Body { reason: reason.trim().chars().take(LONGEST_REASON).collect() };
    let path = format!("{}/cancellation", location.event);
    match account.call(Method::POST, &path, &[], Some(&body)).await {
        Ok(_) => DONE,
        Err(error) if error.is_not_found() => DONE,
        // Already canceled, begun, or not allowed: only the message says which, and messages change.
        Err(error) if error.is_forbidden() => match account.get::<ScheduledEvent>(&location.event).await {
            Ok(event) if event.is_canceled() => DONE,
            Ok(event) if event.start_time <= now => refused(Reason::PastStart, error.to_string()),
            Err(look) if look.is_not_found() => DONE,
            _ => unsent(Reason::Misconfigured, error.wait_seconds(), error.to_string()),
        },
        Err(error) => outcome_of_error(&error),
    }
}

/// Returns the outcome of a call that failed; also of one without a token.
pub(crate) fn outcome_of_error(error: &Error) -> Outcome {
    let (after_seconds, detail) = (error.wait_seconds(), error.to_string());
    match error.classify() {
        ErrorClass::NotSent(reason) => unsent(reason, after_seconds, detail),
        // Retried, since an operator may be changing the token just now.
        ErrorClass::Misconfigured => unsent(Reason::Misconfigured, after_seconds, detail),
        ErrorClass::Limited(seconds) => unsent(Reason::RateLimited, Some(seconds), detail),
        ErrorClass::NotFound => refused(Reason::NotFound, detail),
        ErrorClass::Refused => refused(Reason::ProviderRefused, detail),
        ErrorClass::Unknown => Outcome::Unknown { after_seconds, detail },
    }
}

fn refused(reason: Reason, detail: String) -> Outcome {
    Outcome::Refused { reason, detail }
}

fn unsent(reason: Reason, after_seconds: Option<u32>, detail: String) -> Outcome {
    Outcome::Unsent { reason, after_seconds, detail }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{ConnectionName, InviteeUri};
    use engine::Calendly;
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, event, invitee, made, resource, with};

    const INVITEE: &str = "GET /scheduled_events/E1/invitees/I1 ";
    const EVENT: &str = "GET /scheduled_events/E1 ";
    const POST: &str = "POST /scheduled_events/E1/cancellation ";

    async fn ask(calendly: &StandIn, reason: &str) -> Outcome {
        let mut rest = fixtures::rest(calendly.url());
        rest.timeout = Duration::from_millis(500);
        let invitee = InviteeUri::new("https://api.calendly.com/scheduled_events/E1/invitees/I1");
        rest.cancel_event(&ConnectionName::default(), &invitee, reason).await
    }

    /// Returns the outcome, and whether Calendly was asked to cancel.
    async fn cancel(answers: Vec<(&'static str, Answer)>) -> (Outcome, bool) {
        let calendly = StandIn::with_rules(answers);
        let outcome = ask(&calendly, "no time").await;
        (outcome, calendly.methods_and_paths().contains(&"POST /scheduled_events/E1/cancellation".to_owned()))
    }

    fn answers(event: Value, answer: Answer) -> Vec<(&'static str, Answer)> {
        vec![(INVITEE, resource(&invitee("I1"))), (EVENT, resource(&event)), (POST, answer)]
    }

    fn canceled() -> Answer {
        made(&json!({"canceled_by": "Maria Host", "reason": "no time", "canceler_type": "host"}))
    }

    #[tokio::test]
    async fn a_coming_event_of_one_invitee_is_canceled() {
        let calendly = StandIn::with_rules(answers(event(), canceled()));
        assert_eq!(ask(&calendly, " no time ").await, DONE);
        assert_eq!(calendly.requests()[2].json(), json!({"reason": "no time"}));
        assert_eq!(ask(&calendly, "").await, DONE);
        assert_eq!(calendly.requests()[5].json(), json!({}));
        assert_eq!(ask(&calendly, &"ă".repeat(LONGEST_REASON + 1)).await, DONE);
        assert_eq!(calendly.requests()[8].json(), json!({"reason": "ă".repeat(LONGEST_REASON)}));
    }

    #[tokio::test]
    async fn a_canceled_shared_or_past_event_is_not_canceled() {
        let group = || with(event(), &json!({"invitees_counter": {"active": 2, "limit": 10, "total": 2}}));
        let past = || with(event(), &json!({"start_time": "2020-01-11T09:00:00.000000Z"}));
        let over = || with(event(), &json!({"status": "canceled"}));
        assert_eq!(cancel(answers(over(), canceled())).await, (DONE, false));
        let (outcome, was_asked) = cancel(answers(group(), canceled())).await;
        assert!(matches!(outcome, Outcome::Refused { reason: Reason::SharedEvent, .. }) && !was_asked, "{outcome:?}");
        let (outcome, was_asked) = cancel(answers(past(), canceled())).await;
        assert!(matches!(outcome, Outcome::Refused { reason: Reason::PastStart, .. }) && !was_asked, "{outcome:?}");
        // The other invitee is still in the event.
        let left = with(invitee("I1"), &json!({"status": "canceled"}));
        let answers = vec![(INVITEE, resource(&left)), (EVENT, resource(&event())), (POST, canceled())];
        assert_eq!(cancel(answers).await, (DONE, false));
    }

    #[tokio::test]
    async fn a_refusal_is_explained_by_the_event() {
        let no = || Answer::json(403, json!({"title": "Permission Denied", "message": "Event is already canceled"}));
        let then = |changes: &Value| {
            let mut answers = answers(event(), no());
            answers[1].1 = resource(&event()).once();
            answers.push((EVENT, resource(&with(event(), changes))));
            answers
        };
        assert_eq!(cancel(then(&json!({"status": "canceled"}))).await.0, DONE);
        let (outcome, _) = cancel(then(&json!({"start_time": "2020-01-11T09:00:00.000000Z"}))).await;
        assert!(matches!(outcome, Outcome::Refused { reason: Reason::PastStart, .. }), "{outcome:?}");
        let denied = Outcome::Unsent {
            reason: Reason::Misconfigured,
            after_seconds: None,
            detail: "Calendly answered 403 Permission Denied".to_owned(),
        };
        assert_eq!(cancel(then(&json!({}))).await.0, denied);
    }

    #[tokio::test]
    async fn an_event_that_is_gone_is_canceled_and_one_that_cannot_be_seen_is_not() {
        let gone = || Answer::json(404, json!({"title": "Resource Not Found"}));
        // Gone after the look.
        assert_eq!(cancel(answers(event(), gone())).await, (DONE, true));
        // Gone between the refusal and the look that explains it.
        let no = Answer::json(403, json!({"title": "Permission Denied", "message": "Event is already canceled"}));
        let mut then_gone = answers(event(), no);
        then_gone[1].1 = resource(&event()).once();
        then_gone.push((EVENT, gone()));
        assert_eq!(cancel(then_gone).await, (DONE, true));
        // Gone while it was looked at.
        let between = vec![(INVITEE, resource(&invitee("I1"))), (EVENT, gone()), (POST, canceled())];
        assert_eq!(cancel(between).await, (DONE, false));
        // Gone before, or the token is another account's. The meeting may stand.
        let unseen = Outcome::Unsent {
            reason: Reason::NotFound,
            after_seconds: None,
            detail: "Calendly answered 404 Resource Not Found".to_owned(),
        };
        let hidden = vec![(INVITEE, gone()), (EVENT, gone()), (POST, gone())];
        assert_eq!(cancel(hidden).await, (unseen, false));
    }

    #[tokio::test]
    async fn every_failure_has_its_outcome() {
        let unsent =
            |reason, after_seconds, detail: &str| Outcome::Unsent { reason, after_seconds, detail: detail.to_owned() };
        let refused = |reason, detail: &str| Outcome::Refused { reason, detail: detail.to_owned() };
        let unknown = |after_seconds, detail: &str| Outcome::Unknown { after_seconds, detail: detail.to_owned() };
        let no_answer = "Calendly could not be reached: no answer in time";
        let broken = "Calendly could not be reached: the connection broke";
        for (answer, before, after) in [
            (
                Answer::json(502, json!("<html>")),
                unsent(Reason::Unreachable, None, "Calendly answered 502 Bad Gateway"),
                unknown(None, "Calendly answered 502 Bad Gateway"),
            ),
            (
                Answer::json(503, json!("<html>")).header("retry-after", 600),
                unsent(
                    Reason::Unreachable,
                    Some(600),
                    "Calendly answered 503 Service Unavailable; it asks to wait 600 s",
                ),
                unknown(Some(600), "Calendly answered 503 Service Unavailable; it asks to wait 600 s"),
            ),
            (Answer::never_answers(), unsent(Reason::Unreachable, None, no_answer), unknown(None, no_answer)),
            (Answer::closes_connection(), unsent(Reason::Unreachable, None, broken), unknown(None, broken)),
            (
                Answer::json(429, json!({})).header("x-ratelimit-reset", 37),
                unsent(
                    Reason::RateLimited,
                    Some(37),
                    "Calendly answered 429 Too Many Requests; the rate limit resets in 37 s",
                ),
                unsent(
                    Reason::RateLimited,
                    Some(37),
                    "Calendly answered 429 Too Many Requests; the rate limit resets in 37 s",
                ),
            ),
            (
                Answer::json(401, json!({"title": "Unauthenticated"})),
                unsent(Reason::Misconfigured, None, "Calendly answered 401 Unauthenticated"),
                unsent(Reason::Misconfigured, None, "Calendly answered 401 Unauthenticated"),
            ),
            (
                // The same token has just read the invitee: the event is gone.
                Answer::json(404, json!({"title": "Resource Not Found"})),
                DONE,
                DONE,
            ),
            (
                Answer::json(400, json!({"title": "Invalid Argument"})),
                refused(Reason::ProviderRefused, "Calendly answered 400 Invalid Argument"),
                refused(Reason::ProviderRefused, "Calendly answered 400 Invalid Argument"),
            ),
        ] {
            assert_eq!(cancel(answers(event(), answer.clone())).await, (after, true));
            let answers = vec![(INVITEE, resource(&invitee("I1"))), (EVENT, answer), (POST, canceled())];
            assert_eq!(cancel(answers).await, (before, false));
        }
    }

    #[tokio::test]
    async fn an_unreachable_calendly_is_asked_later() {
        let unused_url = stand_in::unused_url();
        let invitee = InviteeUri::new("https://api.calendly.com/scheduled_events/E1/invitees/I1");
        let ask = async |connection: &str| {
            let connection = ConnectionName::parse(connection).expect("a name");
            fixtures::rest(&unused_url).cancel_event(&connection, &invitee, "").await
        };
        let unsent = |outcome: Outcome| match outcome {
            Outcome::Unsent { reason, after_seconds: None, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(unsent(ask("default").await), Reason::Unreachable);
        assert_eq!(unsent(ask("empty").await), Reason::Misconfigured);
        let odd =
            fixtures::rest(&unused_url).cancel_event(&ConnectionName::default(), &InviteeUri::new("I1"), "").await;
        assert!(matches!(odd, Outcome::Refused { reason: Reason::NotFound, .. }), "{odd:?}");
    }
}
