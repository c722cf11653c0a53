//! How many functions may run at the same time, for `doctor`.

use clap::Args;
use domain::error_chain;

use crate::report::{Finding, ok, warn};

const TOPIC: &str = "concurrency";

/// The functions that are called from outside: webhook, schedule and admin. Each must be able to run.
const CALLED: u32 = 3;

/// How many functions of each queue may run at the same time.
#[derive(Args)]
pub(crate) struct ConcurrencyOptions {
    /// The most concurrent processors
    #[arg(long, env = "PROCESSOR_CONCURRENCY")]
    processor_concurrency: Option<u32>,
    /// The most concurrent reminders
    #[arg(long, env = "REMINDER_CONCURRENCY")]
    reminder_concurrency: Option<u32>,
    /// The most concurrent dispatchers
    #[arg(long, env = "DISPATCHER_CONCURRENCY")]
    dispatcher_concurrency: Option<u32>,
}

impl ConcurrencyOptions {
    fn of_queues(&self) -> Option<u32> {
        Some(self.processor_concurrency? + self.reminder_concurrency? + self.dispatcher_concurrency?)
    }
}

/// Checks that the account's quota leaves room for the functions that are called.
pub(crate) async fn check(lambda: &aws_sdk_lambda::Client, options: &ConcurrencyOptions) -> Finding {
    let Some(of_queues) = options.of_queues() else {
        return warn(TOPIC, "the stack does not say how many functions its queues may start: deploy again");
    };
    let settings = match lambda.get_account_settings().send().await {
        Ok(settings) => settings,
        Err(error) => return warn(TOPIC, format!("the account's quota can't be read: {}", error_chain(&error))),
    };
    let number = |it: i32| u32::try_from(it).unwrap_or_default();
    match settings.account_limit() {
        Some(limit) => {
            let quota = number(limit.concurrent_executions());
            let unreserved = limit.unreserved_concurrent_executions().map_or(quota, number);
            check_room(quota, unreserved, of_queues)
        }
        None => warn(TOPIC, "AWS does not say what the account's quota is"),
    }
}

fn check_room(quota: u32, unreserved: u32, of_queues: u32) -> Finding {
    let reserved = match quota.saturating_sub(unreserved) {
        0 => String::new(),
        reserved => format!(", {reserved} of them reserved by other functions"),
    };
    let allowed = format!("the account may run {quota} functions at once in this region{reserved}");
    let left = unreserved.saturating_sub(of_queues);
    if left < CALLED {
        let advice = "raise the quota (Service Quotas, Lambda, Concurrent executions), or deploy with smaller \
                      ProcessorConcurrency, ReminderConcurrency and DispatcherConcurrency";
        let effect = "so webhooks and calls of the API can be refused";
        return warn(TOPIC, format!("{allowed}; those of the queues take up to {of_queues}, {effect}: {advice}"));
    }
    ok(TOPIC, format!("{allowed}: {of_queues} for the queues, {left} for webhook, schedule and admin"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Level;

    #[test]
    fn the_quota_must_leave_room_for_the_functions_that_are_called() {
        // A new account with the template's defaults.
        let text = "the account may run 10 functions at once in this region: 6 for the queues, 4 for webhook, schedule \
                    and admin";
        assert_eq!(check_room(10, 10, 6), ok(TOPIC, text));
        for (quota, unreserved, of_queues) in [(10, 10, 8), (10, 10, 70), (1000, 100, 98)] {
            assert_eq!(check_room(quota, unreserved, of_queues).level, Level::Warn, "{quota} {unreserved} {of_queues}");
        }
        assert!(check_room(1000, 900, 70).to_string().contains("100 of them reserved"), "by other functions");
    }

    #[test]
    fn without_all_three_numbers_there_is_no_sum() {
        let options = |dispatcher_concurrency| ConcurrencyOptions {
            processor_concurrency: Some(2),
            reminder_concurrency: Some(2),
            dispatcher_concurrency,
        };
        assert_eq!([options(Some(60)), options(None)].map(|it| it.of_queues()), [Some(64), None]);
    }
}
