//! `check-statistics`: the counted statistics of webhook endpoints against those that their attempts give.

use clap::Args;
use deliveries::{DeliveryStore, EndpointStore};
use domain::ConnectionName;
use endpoints::{Delivery, Endpoint, EndpointId, HourStatistics, Statistics};
use engine::PortError;
use jiff::{SignedDuration, Timestamp};
use runtime::SystemClock;
use store::Table;

use crate::options::TableOptions;
use crate::report::{Finding, Terminal, fail, ok, warn};

const TOPIC: &str = "statistics";

/// Counters and deliveries expire after 90 days, and not at the same minute.
const COMPARED: SignedDuration = SignedDuration::from_hours(89 * 24);

/// So many deliveries are read at once.
const PAGE: u32 = 100;

/// Attempts that are made while both are read look like a difference: then both are read again.
const TRIES: usize = 3;

/// Compares the statistics of each webhook endpoint, hour by hour, with those that its attempts give.
///
/// It reads every delivery of 89 days.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableOptions,
    /// The endpoint's id; all endpoints without it
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let table = options.table.open().await;
    let endpoints = table.list_endpoints(connection).await?;
    let chosen = endpoints.iter().filter(|it| options.endpoint.as_deref().is_none_or(|id| it.id.as_str() == id));
    let mut findings = Vec::new();
    for endpoint in chosen {
        findings.push(check(&table, connection, endpoint, SystemClock.now()).await?);
    }
    if findings.is_empty() {
        findings.push(warn(TOPIC, format!("the connection {connection} has no such endpoint")));
    }
    Ok(terminal.print_findings(&findings))
}

async fn check(
    table: &Table,
    connection: &ConnectionName,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Finding, PortError> {
    let since = (now - COMPARED).max(endpoint.created_at);
    let mut different = Vec::new();
    for _ in 0..TRIES {
        let counted = table.load_statistics(connection, &endpoint.id, since).await?;
        let deliveries = read_deliveries(table, connection, &endpoint.id).await?;
        different = compare(&counted, &Statistics::rebuild(&deliveries), since);
        if different.is_empty() {
            let (hours, deliveries) = (counted.hours.len(), deliveries.len());
            return Ok(ok(TOPIC, format!("{}: {deliveries} deliveries, {hours} hours, no difference", endpoint.id)));
        }
    }
    Ok(fail(TOPIC, format!("{}: {}", endpoint.id, different.join("; "))))
}

async fn read_deliveries(
    table: &Table,
    connection: &ConnectionName,
    endpoint: &EndpointId,
) -> Result<Vec<Delivery>, PortError> {
    let (mut deliveries, mut after) = (Vec::new(), None);
    loop {
        // All of them, so that an hour is whole in which an endpoint was deleted and made anew.
        let page = table.deliveries_since(connection, endpoint, Timestamp::UNIX_EPOCH, after.as_deref(), PAGE).await?;
        deliveries.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(deliveries);
        }
    }
}

/// Returns a text for each hour that differs.
fn compare(counted: &Statistics, rebuilt: &Statistics, since: Timestamp) -> Vec<String> {
    let first = HourStatistics::hour_of(since);
    let hours = |statistics: &Statistics| {
        let compared = statistics.hours.iter().filter(|(hour, _)| *hour >= first);
        compared.cloned().collect::<std::collections::BTreeMap<_, _>>()
    };
    let (counted, mut rebuilt) = (hours(counted), hours(rebuilt));
    let mut different = Vec::new();
    for (hour, counted) in counted {
        let rebuilt = rebuilt.remove(&hour).unwrap_or_default();
        // The last of two attempts at the same moment is not always the one that was stored last.
        if counted != (HourStatistics { last_sent: counted.last_sent, ..rebuilt.clone() }) {
            different.push(describe(&hour, &counted, &rebuilt));
        }
    }
    different.extend(rebuilt.iter().map(|(hour, rebuilt)| describe(hour, &HourStatistics::default(), rebuilt)));
    different
}

fn describe(hour: &str, counted: &HourStatistics, rebuilt: &HourStatistics) -> String {
    let numbers = |it: &HourStatistics| format!("{} sent, {} failed, {} attempts", it.sent, it.failed, it.attempts);
    format!("{hour}: counted are {}; the attempts give {}", numbers(counted), numbers(rebuilt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_that_differs_is_named() {
        let hour = |sent: u64| HourStatistics { sent, attempts: 2, ..HourStatistics::default() };
        let at = |text: &str| format!("2026-11-26T{text}");
        let statistics = |hours: &[(&str, u64)]| Statistics {
            hours: hours.iter().map(|(text, sent)| (at(text), hour(*sent))).collect(),
        };
        let since = "2026-11-26T09:30:00Z".parse().expect("an instant");
        let counted = statistics(&[("08", 9), ("09", 1), ("10", 2)]);
        assert_eq!(compare(&counted, &statistics(&[("09", 1), ("10", 2)]), since), Vec::<String>::new());
        assert_eq!(
            compare(&counted, &statistics(&[("09", 1), ("10", 1), ("11", 1)]), since),
            [
                "2026-11-26T10: counted are 2 sent, 0 failed, 2 attempts; the attempts give 1 sent, 0 failed, 2 attempts",
                "2026-11-26T11: counted are 0 sent, 0 failed, 0 attempts; the attempts give 1 sent, 0 failed, 2 attempts",
            ]
        );
    }
}
