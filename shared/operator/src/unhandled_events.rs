//! `unhandled-events`: events of Calendly that the program does not act on, stored for 90 days.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use clap::Args;
use domain::{ConnectionName, FactId};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use runtime::SystemClock;
use store::UnhandledEventEntry;

use crate::options::TableOptions;
use crate::report::{Terminal, print_text};

/// Lists Calendly's unhandled events: the number of each name, and the newest.
///
/// The list has no personal data. The body of an event (`--show`) does: names, e-mail addresses, answers. It is for
/// support only: do not paste it into a ticket.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableOptions,
    /// How far to look back: 12h, 7d, 2w; events are stored for 90 days
    #[arg(long, default_value = "7d")]
    since: Span,
    /// How many of the newest to list; all are counted
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print the body of one event instead, as Calendly sent it: PERSONAL DATA
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "limit"])]
    show: Option<String>,
}

/// How many are read at most: enough to see what arrives, and read within seconds.
const MAX_COUNTED: usize = 10_000;

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let table = options.table.open().await;
    if let Some(id) = options.show {
        let Some(body) = table.unhandled_event_body(connection, &FactId::new(id.trim())).await? else {
            terminal.print_error(format_args!(
                "The connection {connection} has no unhandled event {id}. `make unhandled-events` lists them. They \
                 expire after 90 days."
            ));
            return Ok(false);
        };
        print_text(&format!("{}\n", String::from_utf8_lossy(&body)));
        return Ok(true);
    }
    let since = subtract(SystemClock.now(), options.since)?;
    let events = table.list_unhandled_events(connection, since, MAX_COUNTED).await?;
    print_text(&format_list(&events, since, options.limit));
    Ok(true)
}

/// Returns the instant that lies a span before `now`, with days of UTC. `7d` and `-7d` mean the same.
fn subtract(now: Timestamp, span: Span) -> anyhow::Result<Timestamp> {
    let then = now.to_zoned(TimeZone::UTC).checked_sub(span.abs()).context("--since looks back too far")?;
    Ok(then.timestamp())
}

fn format_list(events: &[UnhandledEventEntry], since: Timestamp, limit: usize) -> String {
    if events.is_empty() {
        return format!("no unhandled events since {since:.0}\n");
    }
    let mut counts = BTreeMap::<_, usize>::new();
    for event in events {
        *counts.entry(event.name.as_str()).or_default() += 1;
    }
    let more = if events.len() < MAX_COUNTED { "" } else { "; there may be older ones" };
    let mut text = format!("{} unhandled events since {since:.0}{more}\n", events.len());
    for (name, count) in &counts {
        let _ = writeln!(text, "{count:>7}  {name}");
    }
    let newest = &events[..limit.min(events.len())];
    let width = newest.iter().map(|event| event.name.chars().count()).max().unwrap_or_default();
    if !newest.is_empty() {
        let _ = writeln!(text, "\nthe newest {}", newest.len());
    }
    for UnhandledEventEntry { name, received_at, id } in newest {
        let _ = writeln!(text, "{received_at:.0}  {name:<width$}  {id}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn all_events_are_counted_and_the_newest_are_listed() {
        let since = at("2026-11-01T08:00:00.5Z");
        let events = [("contact.created", 3), ("event_type.updated", 2), ("contact.created", 1)].map(|(name, day)| {
            UnhandledEventEntry {
                name: name.to_owned(),
                received_at: at(&format!("2026-11-0{day}T09:00:00Z")),
                id: FactId::new(format!("f-{day}")),
            }
        });
        let expected = [
            "3 unhandled events since 2026-11-01T08:00:00Z",
            "      2  contact.created",
            "      1  event_type.updated",
            "",
            "the newest 2",
            "2026-11-03T09:00:00Z  contact.created     f-3",
            "2026-11-02T09:00:00Z  event_type.updated  f-2\n",
        ];
        assert_eq!(format_list(&events, since, 2), expected.join("\n"));
        assert_eq!(format_list(&events, since, 0), expected[..3].join("\n") + "\n");
        assert_eq!(format_list(&[], since, 2), "no unhandled events since 2026-11-01T08:00:00Z\n");
    }

    #[test]
    fn since_takes_hours_days_and_weeks() {
        let since = |text: &str| subtract(at("2026-11-08T08:00:00Z"), text.parse().expect("a span"));
        for (span, then) in
            [("7d", "2026-11-01T08:00:00Z"), ("1w", "2026-11-01T08:00:00Z"), ("8h", "2026-11-08T00:00:00Z")]
        {
            assert_eq!(since(span).expect("an instant"), at(then));
        }
        assert!(since("19000y").is_err());
    }
}
