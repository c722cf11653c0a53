//! What a booking costs besides Calendly: the schedule function, called as VAI's backend calls it, over a table and a Calendly
//! that are really there, with lines to both. Of each answer's time it is told what the function waited for, by service, and
//! what is left: its own, with what the lines cost, too.

use std::error::Error;
use std::time::Instant;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use crate::event;
use crate::function::{Function, Program};
use crate::line::{Call, Line};
use crate::report::{Unit, machine, verdict};
use crate::stand_in::{Answer, StandIn};

/// Calls of each kind that are not counted, and those that are.
const WARM_UP: usize = 20;
const CALLS: usize = 200;

/// Bookings are spread over so many days, a quarter of an hour apart, so that each day's free times stay many.
const DAYS: usize = 28;

/// What is asked for, and the kind's name in two lines.
type Kind = (fn(usize) -> Ask, [&'static str; 2]);

/// By turns, so that none has the emptier table. No booking names a time zone, which costs it one more read.
const KINDS: [Kind; 3] = [
    (|number| Ask::book(2 * number, Some(0)), ["book,", "exactly then"]),
    (|number| Ask::book(2 * number + 1, None), ["book,", "that day"]),
    (|_| Ask::alternatives(), ["alternatives,", "14 days"]),
];

/// How many of the kinds are bookings.
const BOOKINGS: usize = 2;

/// A call of our API.
struct Ask {
    method: &'static str,
    path: &'static str,
    query: String,
    body: Option<String>,
    is_done: fn(&Value) -> bool,
}

impl Ask {
    /// For a slot of its own; by the sandbox's Calendly, whose Quick Consultation begins at any minute.
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

    /// Of a host whom the bookings leave alone.
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

/// How one call went.
struct Sample {
    /// From handing out the event to the answer.
    whole: f64,
    /// Of that, with a call of Calendly's API under way.
    calendly: f64,
    table: f64,
    queue: f64,
    /// With none under way.
    own: f64,
    /// The function's time at work.
    worked: f64,
    table_calls: usize,
    queue_calls: usize,
    calendly_calls: usize,
    calendly_bytes: usize,
}

impl Sample {
    fn of(whole: f64, worked: f64, calls: &[Call]) -> Self {
        let of = |service: &'static str| calls.iter().filter(move |it| it.name.starts_with(service));
        let calendly = || calls.iter().filter(|it| it.name.contains('/'));
        Self {
            whole,
            calendly: waited(calendly()),
            table: waited(of("DynamoDB.")),
            queue: waited(of("SQS.")),
            own: whole - waited(calls.iter()),
            worked,
            table_calls: of("DynamoDB.").count(),
            queue_calls: of("SQS.").count(),
            calendly_calls: calendly().count(),
            calendly_bytes: calendly().map(|it| it.bytes).sum(),
        }
    }
}

/// For how long at least one of these calls, which are in the order of their beginnings, was under way.
fn waited<'a>(calls: impl Iterator<Item = &'a Call>) -> f64 {
    let mut covered: Option<Instant> = None;
    let mut seconds = 0.0;
    for call in calls {
        let from = covered.map_or(call.asked, |until| until.max(call.asked));
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
    /// Of both kinds of booking: at most so much.
    Booking(f64, &'static str),
    /// Of alternatives.
    Alternatives(f64, &'static str),
}

impl Row {
    const fn new(name: &'static str, percent: usize, unit: Unit, of: fn(&Sample) -> f64, target: Target) -> Self {
        Self { name, percent, unit, of, target }
    }
}

const ROWS: [Row; 15] = [
    Row::new("answered, p50", 50, Unit::Time, |it| it.whole, Target::None),
    Row::new("answered, p95", 95, Unit::Time, |it| it.whole, Target::None),
    Row::new("  waiting for Calendly, p50", 50, Unit::Time, |it| it.calendly, Target::None),
    Row::new("  waiting for DynamoDB, p50", 50, Unit::Time, |it| it.table, Target::None),
    Row::new("  waiting for SQS, p50", 50, Unit::Time, |it| it.queue, Target::None),
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

/// Measures and prints. The environment is the function's, and `API_KEY` lets us in.
pub(crate) fn run(environment: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let given = |name: &str| {
        let value = environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.ok_or_else(|| format!("{name}=… is missing"))
    };
    let key = given("API_KEY")?;
    let (aws, calendly) = (Line::to(given("AWS_ENDPOINT_URL")?)?, Line::to(given("CALENDLY_API_URL")?)?);
    let mut environment = environment.to_vec();
    environment.extend([("AWS_ENDPOINT_URL", &aws), ("CALENDLY_API_URL", &calendly)].map(|(name, line)| {
        // The later one counts.
        (name.to_owned(), line.url().to_owned())
    }));
    let calls = || {
        let mut calls = aws.calls();
        calls.extend(calendly.calls());
        calls.sort_by_key(|it| it.asked);
        calls
    };

    let program = Program::find("schedule")?;
    let stand_in = StandIn::start()?;
    let function = Function::start(&program, stand_in.address(), &environment)?;
    let mut waiting = stand_in.ready()?;
    let ready = waiting.since(function.started());
    let in_init = calls().len();

    let mut samples = KINDS.map(|_| Vec::with_capacity(CALLS));
    let (mut first, mut names) = (None, Vec::new());
    for number in 0..WARM_UP + CALLS {
        for ((ask, _), samples) in KINDS.iter().zip(&mut samples) {
            let ask = ask(number);
            let event = event::call(ask.method, ask.path, &ask.query, key, ask.body.as_deref())?;
            let worked_before = function.worked()?;
            let (answer, next) = stand_in.invoke(waiting, &event)?;
            waiting = next;
            let worked = function.worked()? - worked_before;
            let Answer { status, body, seconds } = answer;
            if !serde_json::from_str(&body).is_ok_and(|it| (ask.is_done)(&it)) {
                return Err(format!("{} {} got {status}: {body}", ask.method, ask.path).into());
            }
            let calls = calls();
            first.get_or_insert(seconds);
            if number == WARM_UP && names.is_empty() {
                names = calls.iter().map(|it| it.name.clone()).collect();
            }
            if number >= WARM_UP {
                samples.push(Sample::of(seconds, worked, &calls));
            }
        }
    }

    print(&samples);
    tell(&format!("\nA booking's calls: {}.", names.join(", ")));
    tell(&format!(
        "Ready {} after its start, with {in_init} calls; the first booking, which reads the event types too, {}; peak memory \
         {}, binary {}.",
        Unit::Time.text(ready),
        Unit::Time.text(first.unwrap_or_default()),
        Unit::Size.text(function.peak_memory()? as f64),
        Unit::Size.text(program.size as f64),
    ));
    Ok(())
}

fn print(samples: &[Vec<Sample>; KINDS.len()]) {
    tell(&machine());
    tell(&format!(
        "The schedule function over the emulator's table and the sandbox's Calendly: {CALLS} calls of each kind by turns.\n"
    ));
    for (line, end) in ["", "  target"].into_iter().enumerate() {
        let names = KINDS.map(|(_, name)| format!("{:>15}", name[line])).concat();
        tell(&format!("{:29}{names}{end}", ""));
    }
    for Row { name, percent, unit, of, target } in &ROWS {
        let values = samples.each_ref().map(|it| percentile(it, *percent, *of));
        let texts = values.map(|it| format!("{:>15}", unit.text(it))).concat();
        let verdict = match target {
            Target::None => String::new(),
            Target::Booking(most, text) => verdict(text, values[..BOOKINGS].iter().all(|it| it <= most)),
            Target::Alternatives(most, text) => verdict(text, values[BOOKINGS..].iter().all(|it| it <= most)),
        };
        tell(format!("{name:29}{texts}  {verdict}").trim_end());
    }
}

/// Midnight, UTC, in so many days.
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
fn tell(line: &str) {
    println!("{line}");
}
