//! VAI's backend.
#![expect(async_fn_in_trait, reason = "one thread, generic callers: no Send bound and no boxing are wanted")]

use domain::{Analytics, CommandId, ConnectionName, HelpOccasion, News, Outcome, VaiOrder};
use jiff::Timestamp;

/// VAI's backend.
pub trait Vai {
    /// Sends news of a confirmation, a cancellation or a move.
    async fn send_news(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        news: News,
        order: &VaiOrder,
        now: Timestamp,
    ) -> Outcome;

    /// Asks VAI's agent to offer help at an instant.
    async fn offer_help(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        occasion: HelpOccasion,
        order: &VaiOrder,
        at: Timestamp,
    ) -> Outcome;

    /// Logs a fact for analytics, with its whole payload.
    async fn log_fact(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        analytics: Analytics,
        payload: &[u8],
        now: Timestamp,
    ) -> Outcome;
}
