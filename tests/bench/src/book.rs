//! Measures a booking: the schedule function, called as VAI's backend calls it, with the emulator's table and the
//! sandbox's Calendly behind recording proxies. For each answer it prints the time that the function waited for each
//! service, and the rest, which includes the cost of the proxies.

use std::error::Error;
use std::time::Instant;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use crate::event;
use crate::function::{Function, Program};
use crate::recording_proxy::{Call, RecordingProxy};
use crate::report::{Unit, describe_machine, format_verdict};
use crate::stand_in::StandIn;

/// Calls of each kind before the measurement, and those that are measured.
const WARM_UP: usize = 20;
const CALLS: usize = 200;

/// The number of days over which the bookings are spread, a quarter of an hour apart, so that each day keeps many free
/// times.
const DAYS: usize = 28;

/// How to make a request, and the kind's name in two lines.
type Kind = (fn(usize) -> ApiRequest, [&'static str; 2]);

/// The kinds, which alternate, so that all have an equally full table. No booking names a time zone, which costs one
/// more read.
const KINDS: [Kind; 3] = [
    (|number| ApiRequest::book(2 * number, Some(0)), ["book,", "exactly then"]),
    (|number| ApiRequest::book(2 * number + 1, None), ["book,", "that day"]),
    (|_| ApiRequest::alternatives(), ["alternatives,", "14 days"]),
];

/// The number of kinds that are bookings.
const BOOKINGS: usize = 2;

/// A request to our API.
struct ApiRequest {
    method: &'static str,
    path: &'static str,
    query: String,
    body: Option<String>,
    is_done: fn(&Value) -> bool,
}

impl ApiRequest {
    /// Books a slot that no other request wants. The sandbox's Quick Consultation may begin at any minute.
    fn book(number: usize, max_shift: Option<u32>) -> Self {
        let mut body = json!({
            "eventType": "Quick Consultation",
            "inviteeEmail": format!("ana.{number}@example.com"),
            "inviteeName": "Ana Ionescu",
            "preferredTime": midnight(2 + number % DAYS) + (15 * (number / DAYS) as i64).minutes(),
            "language": "ro",
            "phone": "+40712345678",
            "conversationId": format!("conv-{number}"),
            "userId": "user-7",
            "agentType": "sales",
            "customAnswers": {"Company": "Exemplu SRL"},
            "notes": "Vrea să vadă modulul de facturare",
            "qualification": {"seats": "40"},
        });
        if let Some(minutes) = max_shift {
            body["maxShift"] = json!(minutes);
        }
        Self {
            method: "POST",
            path: "/api/calendly/schedule",
            query: String::new(),
            body: Some(body.to_string()),
            is_done: |answer| answer["success"] == true,
        }
    }

    /// Lists alternatives of a host who gets none of the bookings.
    fn alternatives() -> Self {
        let query = format!("eventType=Technical%20Support&preferredTime={}&language=ro", midnight(9));
        Self {
            method: "GET",
            path: "/api/calendly/alternatives",
            query,
            body: None,
            is_done: |answer| answer["days"].as_array().is_some_and(|it| !it.is_empty()),
        }
    }
}

/// The measurement of one call.
struct Sample {
    /// Seconds from the event to the answer.
    whole: f64,
    /// Seconds of it with a call to Calendly's API under way.
    calendly: f64,
    table: f64,
    queue: f64,
    audit: f64,
    /// Seconds of it with no call under way.
    own: f64,
    /// CPU seconds of the function's main thread.
    worked: f64,
    table_calls: usize,
    queue_calls: usize,
    calendly_calls: usize,
    calendly_bytes: usize,
}

impl Sample {
    fn new(whole: f64, worked: f64, calls: &[Call]) -> Self {
        let calls_to = |service: &'static str| calls.iter().filter(move |it| it.name.starts_with(service));
        let calendly = || calls.iter().filter(|it| it.name.contains('/'));
        Self {
            whole,
            calendly: seconds_waited(calendly()),
            table: seconds_waited(calls_to("DynamoDB.")),
            queue: seconds_waited(calls_to("SQS.")),
            audit: seconds_waited(calls_to("Logs.")),
            own: whole - seconds_waited(calls.iter()),
            worked,
            table_calls: calls_to("DynamoDB.").count(),
            queue_calls: calls_to("SQS.").count(),
            calendly_calls: calendly().count(),
            calendly_bytes: calendly().map(|it| it.bytes).sum(),
        }
    }
}

/// Returns for how many seconds at least one of these calls was under way. They are sorted by their start.
fn seconds_waited<'a>(calls: impl Iterator<Item = &'a Call>) -> f64 {
    let mut covered: Option<Instant> = None;
    let mut seconds = 0.0;
    for call in calls {
        let from = covered.map_or(call.started, |until| until.max(call.started));
        seconds += call.answered.saturating_duration_since(from).as_secs_f64();
        covered = Some(covered.map_or(call.answered, |until| until.max(call.answered)));
    }
    seconds
}

struct Row {
    name: &'static str,
    percent: usize,
    unit: Unit,
    of: fn(&Sample) -> f64,
    target: Target,
}

enum Target {
    None,
    /// The most for both kinds of booking.
    Booking(f64, &'static str),
    /// The most for alternatives.
    Alternatives(f64, &'static str),
}

impl Row {
    const fn new(name: &'static str, percent: usize, unit: Unit, of: fn(&Sample) -> f64, target: Target) -> Self {
        Self { name, percent, unit, of, target }
    }
}

const ROWS: [Row; 16] = [
    Row::new("answered, p50", 50, Unit::Time, |it| it.whole, Target::None),
    Row::new("answered, p95", 95, Unit::Time, |it| it.whole, Target::None),
    Row::new("  waiting for Calendly, p50", 50, Unit::Time, |it| it.calendly, Target::None),
    Row::new("  waiting for DynamoDB, p50", 50, Unit::Time, |it| it.table, Target::None),
    Row::new("  waiting for SQS, p50", 50, Unit::Time, |it| it.queue, Target::None),
    Row::new("  waiting for the audit, p50", 50, Unit::Time, |it| it.audit, Target::None),
    Row::new("  our own, p50", 50, Unit::Time, |it| it.own, Target::None),
    Row::new("  our own, p95", 95, Unit::Time, |it| it.own, Target::None),
    Row::new("CPU, p50", 50, Unit::Time, |it| it.worked, Target::None),
    Row::new("all but Calendly, p50", 50, Unit::Time, |it| it.whole - it.calendly, UNDER_30_MS),
    Row::new("all but Calendly, p95", 95, Unit::Time, |it| it.whole - it.calendly, Target::None),
    Row::new("DynamoDB calls, p50", 50, Unit::Count, |it| it.table_calls as f64, FOUR_CALLS),
    Row::new("DynamoDB calls, most", 100, Unit::Count, |it| it.table_calls as f64, Target::None),
    Row::new("SQS calls, most", 100, Unit::Count, |it| it.queue_calls as f64, Target::None),
    Row::new("Calendly calls, most", 100, Unit::Count, |it| it.calendly_calls as f64, TWO_QUESTIONS),
    Row::new("Calendly's answers, p50", 50, Unit::Size, |it| it.calendly_bytes as f64, Target::None),
];
const UNDER_30_MS: Target = Target::Booking(0.030, "a booking at most 30 ms");
const FOUR_CALLS: Target = Target::Booking(4.0, "a booking at most 4");
const TWO_QUESTIONS: Target = Target::Alternatives(2.0, "alternatives at most 2");

/// Measures and prints. `environment` is for the function; `API_KEY` in it is the key to our API.
pub(crate) fn run(environment: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let value_of = |name: &str| {
        let value = environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.ok_or_else(|| format!("{name}=… is missing"))
    };
    let key = value_of("API_KEY")?;
    let (aws, calendly) =
        (RecordingProxy::start(value_of("AWS_ENDPOINT_URL")?)?, RecordingProxy::start(value_of("CALENDLY_API_URL")?)?);
    let mut environment = environment.to_vec();
    environment.extend([("AWS_ENDPOINT_URL", &aws), ("CALENDLY_API_URL", &calendly)].map(|(name, proxy)| {
        // The last value of a variable applies.
        (name.to_owned(), proxy.url().to_owned())
    }));
    let calls = || {
        let mut calls = aws.calls();
        calls.extend(calendly.calls());
        calls.sort_by_key(|it| it.started);
        calls
    };

    let program = Program::find("schedule")?;
    let stand_in = StandIn::start()?;
    let function = Function::start(&program, stand_in.address(), &environment)?;
    let mut waiting = stand_in.ready()?;
    let ready = waiting.since(function.started());
    let calls_in_init = calls().len();

    let mut samples = KINDS.map(|_| Vec::with_capacity(CALLS));
    let (mut first, mut names) = (None, Vec::new());
    for number in 0..WARM_UP + CALLS {
        for ((make_request, _), samples) in KINDS.iter().zip(&mut samples) {
            let request = make_request(number);
            let event =
                event::build_request(request.method, request.path, &request.query, key, request.body.as_deref())?;
            let worked_before = function.main_thread_seconds()?;
            let (answer, next) = stand_in.invoke(waiting, &event)?;
            waiting = next;
            let worked = function.main_thread_seconds()? - worked_before;
            let (status, body) = (answer.status(), answer.body());
            if !serde_json::from_str(body).is_ok_and(|it| (request.is_done)(&it)) {
                return Err(format!("{} {} got {status}: {body}", request.method, request.path).into());
            }
            let calls = calls();
            first.get_or_insert(answer.seconds);
            if number == WARM_UP && names.is_empty() {
                names = calls.iter().map(|it| it.name.clone()).collect();
            }
            if number >= WARM_UP {
                samples.push(Sample::new(answer.seconds, worked, &calls));
            }
        }
    }

    print(&samples);
    print_line(&format!("\nA booking's calls: {}.", names.join(", ")));
    print_line(&format!(
        "Ready {} after its start, with {calls_in_init} calls; the first booking, which reads the event types too, {}; peak memory \
         {}, binary {}.",
        Unit::Time.format(ready),
        Unit::Time.format(first.unwrap_or_default()),
        Unit::Size.format(function.peak_memory()? as f64),
        Unit::Size.format(program.size as f64),
    ));
    Ok(())
}

fn print(samples: &[Vec<Sample>; KINDS.len()]) {
    print_line(&describe_machine());
    print_line(&format!(
        "The schedule function over the emulator's table and the sandbox's Calendly: {CALLS} calls of each kind by turns.\n"
    ));
    for (line, end) in ["", "  target"].into_iter().enumerate() {
        let names = KINDS.map(|(_, name)| format!("{:>15}", name[line])).concat();
        print_line(&format!("{:29}{names}{end}", ""));
    }
    for Row { name, percent, unit, of, target } in &ROWS {
        let values = samples.each_ref().map(|it| percentile(it, *percent, *of));
        let texts = values.map(|it| format!("{:>15}", unit.format(it))).concat();
        let verdict = match target {
            Target::None => String::new(),
            Target::Booking(most, text) => format_verdict(text, values[..BOOKINGS].iter().all(|it| it <= most)),
            Target::Alternatives(most, text) => format_verdict(text, values[BOOKINGS..].iter().all(|it| it <= most)),
        };
        print_line(format!("{name:29}{texts}  {verdict}").trim_end());
    }
}

/// Returns midnight, UTC, in this many days.
fn midnight(days: usize) -> Timestamp {
    let today =
        Timestamp::now().to_zoned(TimeZone::UTC).start_of_day().map_or(Timestamp::UNIX_EPOCH, |it| it.timestamp());
    today + (24 * days as i64).hours()
}

fn percentile(samples: &[Sample], percent: usize, of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn print_line(line: &str) {
    println!("{line}");
}
