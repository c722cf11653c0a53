//! Logs as JSON lines, and metrics as CloudWatch embedded metrics in the same stream. Neither holds personal data.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::json;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// The CloudWatch namespace of our metrics.
pub const NAMESPACE: &str = "VaiCalendly";

/// What alarms watch by a value, beside the metric of the function: a metric, a detail, and its values.
const WATCHED: [(&str, &str, &[&str]); 3] =
    [("Refused", "Reason", &["stale"]), ("WrongSignature", "Source", &PROVIDERS), ("Accepted", "Source", &PROVIDERS)];

/// The providers that call us, as metrics name them.
const PROVIDERS: [&str; 4] = ["calendly", "engagelab", "twilio", "brevo"];

static LEVEL: OnceLock<(reload::Handle<Targets, Registry>, tracing::Level)> = OnceLock::new();
static FUNCTION: OnceLock<String> = OnceLock::new();

/// Starts logging to standard output at a level, and sets the function's name in metrics. A second call does nothing.
pub fn start(level: tracing::Level, function: &str) {
    let _ = FUNCTION.set(function.to_owned());
    let (filter, handle) = reload::Layer::new(targets_at(level));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    if tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().is_ok() {
        let _ = LEVEL.set((handle, level));
    }
}

/// Sets the level of a connection's settings; `None` restores the function's own.
pub fn set_level(level: Option<&str>) {
    if let Some((handle, own)) = LEVEL.get() {
        let level = level.and_then(|it| it.parse().ok()).unwrap_or(*own);
        let _ = handle.modify(|filter| *filter = targets_at(level));
    }
}

/// Our own crates, which mask personal data. Others log whole requests and answers below `warn`.
pub const OUR_CRATES: [&str; 36] = [
    "admin",
    "api",
    "batch",
    "calendly",
    "connecting",
    "countries",
    "crm",
    "deliveries",
    "delivery_world",
    "dispatcher",
    "domain",
    "egress",
    "endpoints",
    "engine",
    "events",
    "front",
    "http_client",
    "local_time",
    "notify",
    "oauth",
    "one_shot",
    "outcome",
    "processor",
    "reminder",
    "runtime",
    "schedule",
    "sealing",
    "settings_document",
    "signing",
    "store",
    "stranger",
    "template",
    "transform",
    "webhook",
    "wire",
    "world",
];

fn targets_at(level: tracing::Level) -> Targets {
    Targets::new()
        .with_default(level.min(tracing::Level::WARN))
        .with_targets(OUR_CRATES.map(|name| (name, level)))
        // Who called what is written at every level.
        .with_target("audit", tracing::Level::INFO)
}

/// Counts one occurrence, in the embedded metric format. The only dimension is `Function`, because each combination of
/// dimensions is a metric of its own and costs as much. Details are fields of the line: people search for them in the
/// log.
#[expect(clippy::print_stdout, reason = "CloudWatch reads embedded metrics from standard output, as bare JSON lines")]
pub fn count(now: Timestamp, metric: &str, details: &[(&str, &str)]) {
    let function = FUNCTION.get().map_or("local", String::as_str);
    println!("{}", embedded_metric(now, function, metric, details));
}

fn embedded_metric(now: Timestamp, function: &str, metric: &str, details: &[(&str, &str)]) -> String {
    let is_watched = |(name, value): &(&str, &str)| {
        WATCHED.iter().any(|(of, detail, values)| *of == metric && detail == name && values.contains(value))
    };
    let mut sets = vec![json!(["Function"])];
    sets.extend(details.iter().filter(|it| is_watched(it)).map(|(name, _)| json!(["Function", name])));
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": [{"Name": metric, "Unit": "Count"}]}],
        },
        "Function": function,
    });
    line[metric] = json!(1);
    for (name, value) in details {
        line[*name] = json!(value);
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_log_below_warn() {
        use tracing::Level;
        let filter = targets_at(Level::TRACE);
        for ours in ["engine::execute", "schedule", "api::request"] {
            assert!(filter.would_enable(ours, &Level::TRACE), "{ours}");
        }
        for other in ["aws_smithy_runtime", "lambda_runtime", "hyper", "reqwest", "rustls"] {
            assert!(filter.would_enable(other, &Level::WARN) && !filter.would_enable(other, &Level::INFO), "{other}");
        }
        assert!(!targets_at(Level::ERROR).would_enable("hyper", &Level::WARN));
        assert!(targets_at(Level::ERROR).would_enable("audit", &Level::INFO), "the audit has no level");
    }

    #[test]
    fn a_metric_is_one_line() {
        let line = embedded_metric(Timestamp::UNIX_EPOCH, "webhook", "Refused", &[("Reason", "stale")]);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Function"], ["Function", "Reason"]]));
        assert_eq!((&value["Refused"], &value["Reason"]), (&json!(1), &json!("stale")));
    }

    #[test]
    fn only_what_an_alarm_watches_is_a_metric_of_its_own() {
        let sets = |metric: &str, details: &[(&str, &str)]| {
            let line = embedded_metric(Timestamp::UNIX_EPOCH, "processor", metric, details);
            let mut value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert!(details.iter().all(|(name, told)| value[*name] == json!(told)), "{line}");
            value["_aws"]["CloudWatchMetrics"][0]["Dimensions"].take()
        };
        for (metric, details) in [
            ("Command", [("State", "failed"), ("Reason", "wrong")].as_slice()),
            ("Refused", &[("Reason", "missing")]),
            ("Refused", &[("Reason", "wrong"), ("Source", "calendly")]),
            ("Accepted", &[("Reason", "unsubscribe")]),
            ("Buried", &[]),
        ] {
            assert_eq!(sets(metric, details), json!([["Function"]]), "{metric}");
        }
        let with_source = json!([["Function"], ["Function", "Source"]]);
        assert_eq!(sets("WrongSignature", &[("Source", "twilio")]), with_source);
        assert_eq!(sets("Accepted", &[("Reason", "cut"), ("Source", "calendly")]), with_source);
    }
}
