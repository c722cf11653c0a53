//! The faults that can be ordered. A request, a webhook or a receipt can fail, be late, hang, get lost, come twice or
//! out of order.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// What a fault applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Calendly,
    /// Where people log in, and apps get their tokens.
    CalendlyAuth,
    #[serde(rename = "engagelab")]
    EngageLab,
    Vai,
    Webhooks,
    Twilio,
    Brevo,
    Ses,
    /// What the messaging providers post to the program.
    Receipts,
}

/// The number of targets.
pub(crate) const TARGETS: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Answers with an error and does nothing. A webhook attempt fails and is repeated.
    Fail,
    /// Acts after `delay_ms`, even if the caller has given up by then.
    Delay,
    /// Acts at once and answers after `delay_ms`. A caller with a shorter time-out doesn't know the outcome.
    Slow,
    /// Never answers and does nothing. A webhook attempt times out.
    Hang,
    /// Acts, and closes the connection without an answer. A webhook is never sent.
    Drop,
    /// Acts twice.
    Duplicate,
    /// Acts only after the next request (or webhook) of the same target, or after `delay_ms` when none comes.
    Reorder,
}

/// A request that was answered with an error: it was wrong, or a fault asked for it.
#[derive(Clone, Serialize)]
pub(crate) struct Refused {
    pub(crate) target: Target,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) answer: String,
    pub(crate) at: Timestamp,
}

/// A fault, as it is ordered by `POST /control/faults`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    /// Only paths (below the target's own) with this prefix; for webhooks and receipts, event names with this prefix.
    pub(crate) path_prefix: Option<String>,
    /// Only requests of this method.
    pub(crate) method: Option<String>,
    /// With [`Mode::Fail`]: the HTTP status.
    pub(crate) status: Option<u16>,
    /// With [`Mode::Fail`]: the provider's `code`. For Calendly, the `code` in the error's details.
    pub(crate) code: Option<Value>,
    pub(crate) delay_ms: Option<u64>,
    /// How many times it happens. Without it: until the faults are cleared.
    pub(crate) times: Option<u32>,
    /// The probability that it happens to a matching request, from 0 to 1; 1 when left out. The setting `seed`
    /// determines which requests it happens to.
    #[serde(default, deserialize_with = "probability")]
    pub(crate) probability: Option<f64>,
}

fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let given = Option::<f64>::deserialize(deserializer)?;
    match given {
        Some(given) if !(0.0..=1.0).contains(&given) => Err(D::Error::custom("a probability is from 0 to 1")),
        fit => Ok(fit),
    }
}

impl Fault {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(1_000))
    }
}
