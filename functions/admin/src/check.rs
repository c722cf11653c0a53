//! Checks of an endpoint's configuration. Everything is checked when it is saved, and every fault has its path.

use std::collections::BTreeMap;

use api::Fault;
use api::endpoint_request::{OutputChoice, OutputName, RetryConfig};
use domain::{Private, error_chain, parse_email};
use egress::{AddressPolicy, TargetUrl};
use endpoints::RetryPolicy;
use events::{EventType, Sequence};
use serde_json::{Value, json};
use signing::{Secret, check_custom_headers};
use transform::{Condition, Output, Problem, Transformation, TypePatterns, refuse_javascript};

/// The retries of VAI's documents, where `retryConfig` names one value only.
const VAI_ATTEMPTS: u32 = 3;
const VAI_BACKOFF_MS: u32 = 1_000;

/// The `source` of CloudEvents that are made of samples. Those that are sent name the connection.
const SOURCE: &str = "sample";

/// Checks a URL.
pub(crate) fn check_url(url: &Private<String>, policy: &AddressPolicy, faults: &mut Vec<Fault>) -> Option<TargetUrl> {
    TargetUrl::parse(url.expose(), policy).map_err(|error| faults.push(Fault::new("url", error.to_string()))).ok()
}

/// Checks an e-mail address, and returns it in the form in which it is kept. Whether it exists is seen when it is
/// confirmed.
pub(crate) fn check_email(email: &Private<String>, faults: &mut Vec<Fault>) -> Option<String> {
    let address = parse_email(email.expose());
    if address.is_none() {
        faults.push(Fault::new("email", "must be one address, such as ops@customer.example"));
    }
    address.map(|it| it.expose().clone())
}

/// Returns an address without most of its first part.
pub(crate) fn mask_email(address: &str) -> String {
    let (name, domain) = address.split_once('@').unwrap_or_default();
    format!("{}…@{domain}", name.chars().next().unwrap_or_default())
}

/// Checks a secret.
pub(crate) fn check_secret(secret: &Private<String>, faults: &mut Vec<Fault>) {
    if let Err(error) = Secret::parse(secret.expose()) {
        faults.push(Fault::new("secret", error_chain(&error)));
    }
}

/// Checks the customer's headers.
pub(crate) fn check_headers(
    headers: &BTreeMap<String, Private<String>>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, String> {
    let exposed = headers.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect();
    if let Err(problems) = check_custom_headers(&exposed) {
        faults.extend(problems.into_iter().map(|it| Fault::new("headers", it.to_string())));
    }
    exposed
}

/// Returns the retries of a request.
pub(crate) fn check_retries(retries: RetryConfig, faults: &mut Vec<Fault>) -> RetryPolicy {
    if retries.max_attempts.is_none() && retries.backoff_ms.is_none() {
        return RetryPolicy::Standard;
    }
    let attempts = retries.max_attempts.unwrap_or(VAI_ATTEMPTS);
    let backoff = retries.backoff_ms.unwrap_or(VAI_BACKOFF_MS);
    RetryPolicy::doubling(attempts, backoff.into()).unwrap_or_else(|problem| {
        faults.push(Fault::new("retryConfig", problem));
        RetryPolicy::Standard
    })
}

/// Returns the output of a request as it is stored; `None` if the request has none. `Value::Null` stands for the event
/// as it is.
pub(crate) fn check_output(
    output: Option<&OutputChoice>,
    transform: Option<&Private<Value>>,
    faults: &mut Vec<Fault>,
) -> Option<Value> {
    let (path, template) = match (output, transform.map(Private::expose)) {
        (Some(OutputChoice::Name(OutputName::Standard)), _) => return Some(Value::Null),
        (Some(OutputChoice::Name(name)), _) => return serde_json::to_value(name).ok(),
        (Some(OutputChoice::Template(it)), _) => ("output.template", it.template.expose()),
        (None, Some(Value::String(code))) => {
            faults.push(fault_of("dataTransform", &refuse_javascript(code)));
            return None;
        }
        (None, Some(template)) => ("dataTransform", template),
        (None, None) => return None,
    };
    match Transformation::parse(template) {
        Ok(_) => Some(json!({ "template": template })),
        Err(problems) => {
            faults.extend(problems.iter().map(|it| fault_of(path, it)));
            None
        }
    }
}

/// Checks which events an endpoint gets and in what form, together: with samples of each type that it gets.
pub(crate) fn check_content(events: &[String], condition: Option<&str>, output: &Value, faults: &mut Vec<Fault>) {
    let patterns = match TypePatterns::parse(events, EventType::NAMES) {
        Ok(patterns) => Some(patterns),
        Err(problems) => {
            faults.extend(problems.iter().map(|it| fault_of("events", it)));
            None
        }
    };
    let condition = condition.map(Condition::parse).transpose().unwrap_or_else(|problem| {
        faults.push(Fault::new("condition", problem.to_string()));
        None
    });
    // Without valid patterns it is not known which samples count.
    let Some(patterns) = patterns else { return };
    let selected = EventType::ALL.iter().filter(|kind| patterns.matches(kind.name()));
    let samples: Vec<_> = selected.map(|kind| (kind.name(), sample_body(*kind))).collect();
    if let Some(Err(problems)) = condition.map(|it| it.check(&samples)) {
        faults.extend(problems.iter().map(|it| Fault::new("condition", it.to_string())));
    }
    match serde_json::from_value(output.clone()) {
        Ok(Output::Template(transformation)) => {
            if let Err(problems) = transformation.check(&samples) {
                faults.extend(problems.iter().map(|it| fault_of("output.template", it)));
            }
        }
        Ok(ready_made) => {
            let failed =
                samples.iter().filter_map(|(kind, sample)| Some((kind, ready_made.render(sample, SOURCE).err()?)));
            faults.extend(failed.map(|(kind, error)| Fault::new("output", format!("fails for {kind}: {error}"))));
        }
        Err(_) if output.is_null() => {}
        Err(error) => faults.push(Fault::new("output", error.to_string())),
    }
}

/// Returns the body of a sample, at a place that has a body before it.
fn sample_body(kind: EventType) -> Value {
    let event = events::sample(kind);
    let stream = event.stream().map(|it| it.to_string()).unwrap_or_default();
    let sequence = Sequence { stream, number: 2, previous: Some(events::digest("")) };
    serde_json::from_str(&event.body(Some(&sequence))).unwrap_or_default()
}

/// Returns a fault at a JSON pointer inside of a field.
fn fault_of(field: &str, problem: &Problem) -> Fault {
    let inside: String = problem
        .at
        .split('/')
        .skip(1)
        .map(|part| if part.bytes().all(|it| it.is_ascii_digit()) { format!("[{part}]") } else { format!(".{part}") })
        .collect();
    Fault::new(format!("{field}{inside}"), problem.problem.clone())
}
