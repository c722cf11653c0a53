//! `doctor`: checks a deployed stack and says what to do.

use aws_sdk_dynamodb::types::{ContinuousBackupsStatus, PointInTimeRecoveryStatus, TableStatus, TimeToLiveStatus};
use aws_sdk_sqs::types::QueueAttributeName;
use clap::Args;
use domain::settings::{Channel, MessageFilter, Provider};
use domain::{ConnectionName, Language, LoginKind, Message, Settings, error_chain};
use engine::{Connections, Store};
use jiff::Timestamp;
use runtime::aws::{Timeouts, config};
use runtime::{ApiKeys, Providers, SecretError, Secrets, Signing, SystemClock};
use store::Table;

use crate::concurrency::ConcurrencyOptions;
use crate::connection::check_connections;
use crate::endpoints::check_endpoints;
use crate::options::{CalendlyOptions, SecretOptions, TableOptions};
use crate::report::{Finding, Terminal, fail, ok, warn};
use crate::{account, concurrency, ses};

/// Checks a deployed stack: connections, secrets, keys, Amazon SES, token, subscription, public URL, concurrency,
/// queues, schedules, table, settings.
///
/// Prints a line for each check, with what to do. The exit code is 1 if something does not work.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    calendly: CalendlyOptions,
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    table: TableOptions,
    /// The group of our schedules in EventBridge Scheduler
    #[arg(long, env = "SCHEDULE_GROUP")]
    schedule_group: String,
    /// The intake queue: webhooks
    #[arg(long, env = "INTAKE_QUEUE_URL")]
    intake_queue_url: String,
    /// The dead-letter queue of the intake queue
    #[arg(long, env = "INTAKE_DLQ_URL")]
    intake_dlq_url: String,
    /// The due queue: timers that have fired
    #[arg(long, env = "DUE_QUEUE_URL")]
    due_queue_url: String,
    /// The dead-letter queue of the due queue
    #[arg(long, env = "DUE_DLQ_URL")]
    due_dlq_url: Option<String>,
    /// The deliveries queue: events for customers' endpoints
    #[arg(long, env = "DELIVERIES_QUEUE_URL")]
    deliveries_queue_url: Option<String>,
    /// The dead-letter queue of the deliveries queue
    #[arg(long, env = "DELIVERIES_DLQ_URL")]
    deliveries_dlq_url: Option<String>,
    /// The alias of the admin function that gives tokens of logins
    #[arg(long, env = "TOKENS_FUNCTION_ARN")]
    tokens_function_arn: Option<String>,
    /// The dead-letter queue of EventBridge Scheduler: timers that it could not deliver to their queue
    #[arg(long, env = "SCHEDULER_DLQ_ARN")]
    scheduler_dlq_arn: String,
    /// The dead-letter queue of EventBridge: events of Amazon SES that it could not put on the intake queue
    #[arg(long, env = "SES_DLQ_URL")]
    ses_dlq_url: Option<String>,
    /// The base URL of Amazon SES, if it is a sandbox
    #[arg(long, env = "SES_API_URL")]
    ses_api_url: Option<String>,
    /// The address at which callers reach us, without a path
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    concurrency: ConcurrencyOptions,
}

/// How long messages are kept, in days: as long as SQS can.
const RETENTION_DAYS: u64 = 14;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// What to do about dead letters of a function.
const REDRIVE: &str = "could not be processed: see their `reason` attribute or the function's log, correct the cause, \
                       then redrive the queue (SQS, Start DLQ redrive)";

/// What to do about dead letters of EventBridge. SQS redrives only messages that came from another queue.
const LOST_EVENTS: &str = "events of Amazon SES could not be put on the intake queue: the `ERROR_CODE` attribute says \
                           why. Correct the cause, send each body to the intake queue, and delete it here";

/// What to do about dead letters of EventBridge Scheduler. SQS redrives only messages that came from another queue.
const LOST_TIMERS: &str = "timers could not be delivered by EventBridge Scheduler: the `ERROR_CODE` attribute says \
                           why, the body names the booking. Correct the cause, and see with `make explain BOOKING=…` what \
                           has not been done. SQS can't redrive these messages: delete them afterwards";

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let aws = config(Timeouts::STEADY).await;
    let mut is_well = true;
    // Printed part by part: a service that can't be reached takes seconds.
    let mut print = |findings: &[Finding]| is_well &= terminal.print_findings(findings);

    let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
    let table = Table::new(dynamodb.clone(), &options.table.table_name);
    let connections = table.list_connections().await;
    let own = connections.as_ref().ok().and_then(|all| all.iter().find(|it| it.name == *connection));
    let login = own.and_then(|it| it.login);
    print(&check_connections(connections, connection));
    // The settings say which keys are needed.
    let settings = table.load_settings(connection).await;
    let current = settings.as_ref().ok().cloned().unwrap_or_default();

    let secrets = options.secrets.reader().await;
    let (findings, providers) = check_secrets(&secrets, connection, login, &current).await;
    print(&findings);
    print(&check_ses(&current));
    if senders(&current).contains(&Provider::Ses) && options.ses_api_url.is_none() {
        print(&ses::check(&aws_sdk_sesv2::Client::new(&aws), &current.senders).await);
    }
    print(&[match secrets.pepper().await {
        Ok(_) => ok("pepper", "people's objections are kept under it"),
        Err(error) => fail("pepper", error.to_string()),
    }]);
    print(&[check_api_keys(secrets.api_keys().await, connection)]);
    let token = match (providers.and_then(|it| it.calendly_token), &options.tokens_function_arn) {
        (Some(personal), _) => Some(personal),
        (None, Some(function)) if login == Some(LoginKind::OAuth) => {
            match calendly::LoginTokens::new(&aws, function).token(connection, None).await {
                Ok(token) => Some(token),
                Err(error) => {
                    print(&[fail("token", error.to_string())]);
                    None
                }
            }
        }
        (None, _) => None,
    };
    if let Some(token) = token {
        let url = options.calendly.webhook_url(connection);
        let account = options.calendly.account(token)?;
        print(&check_calendly(&account, &url).await);
        print(&check_questions(&account, &current).await);
    }

    if let Some(url) = &options.public_url {
        print(&[check_public_url(url).await]);
    }
    print(&[concurrency::check(&aws_sdk_lambda::Client::new(&aws), &options.concurrency).await]);

    let sqs = aws_sdk_sqs::Client::new(&aws);
    print(&[
        check_queue(&sqs, "intake queue", &options.intake_queue_url).await,
        check_dead_letters(&sqs, "intake DLQ", &options.intake_dlq_url, REDRIVE).await,
        check_queue(&sqs, "due queue", &options.due_queue_url).await,
    ]);
    if let Some(url) = &options.due_dlq_url {
        print(&[check_dead_letters(&sqs, "due DLQ", url, REDRIVE).await]);
    }
    print(&[check_lost_timers(&sqs, &options.scheduler_dlq_arn).await]);
    if let Some(url) = &options.ses_dlq_url {
        print(&[check_dead_letters(&sqs, "ses DLQ", url, LOST_EVENTS).await]);
    }
    print(&[check_schedules(&aws_sdk_scheduler::Client::new(&aws), &options.schedule_group).await]);

    if let Some(url) = &options.deliveries_queue_url {
        print(&[check_queue(&sqs, "deliveries queue", url).await]);
    }
    if let Some(url) = &options.deliveries_dlq_url {
        print(&[check_dead_letters(&sqs, "deliveries DLQ", url, REDRIVE).await]);
    }
    print(&check_endpoints(&table, connection, SystemClock.now()).await);

    print(&check_table(&dynamodb, &options.table.table_name).await);
    print(&match settings {
        Ok(settings) => check_settings(&settings),
        Err(error) => vec![fail("settings", format!("can't be read: {}", error_chain(&error)))],
    });
    Ok(is_well)
}

/// Compares the questions that the settings name with those of the booking forms.
async fn check_questions(account: &calendly::Account, settings: &Settings) -> Vec<Finding> {
    if !settings.name_questions() {
        return Vec::new();
    }
    match account.list_event_types().await {
        Ok(catalog) => match settings.find_unasked_questions(&catalog) {
            warnings if warnings.is_empty() => vec![ok("questions", "every booking form asks those of [crm]")],
            warnings => warnings.into_iter().map(|it| warn("questions", it)).collect(),
        },
        Err(error) => vec![warn("questions", format!("could not be compared: {}", error_chain(&error)))],
    }
}

async fn check_secrets(
    secrets: &Secrets,
    connection: &ConnectionName,
    login: Option<LoginKind>,
    settings: &Settings,
) -> (Vec<Finding>, Option<Providers>) {
    let (mut findings, signing) = match secrets.signing(connection).await {
        Ok(signing) => (vec![check_signing(&signing, SystemClock.now())], signing),
        Err(error) => (vec![fail("signing", error.to_string())], Signing::default()),
    };
    match secrets.providers(connection).await {
        Ok(providers) => {
            if providers.calendly_token.is_none() && login != Some(LoginKind::OAuth) {
                findings.push(fail("token", "none is stored: give one to `make connect`"));
            }
            findings.extend(account::check_keys(&providers, &signing, &senders(settings)));
            (findings, Some(providers))
        }
        Err(error) => {
            findings.push(fail("providers", error.to_string()));
            (findings, None)
        }
    }
}

/// Returns every provider that the settings name.
fn senders(settings: &Settings) -> Vec<Provider> {
    let own = settings.providers.messages.values().flat_map(|it| [&it.sms, &it.email]).flatten();
    let named: Vec<_> = own.chain([&settings.providers.sms, &settings.providers.email]).flatten().collect();
    Provider::ALL.into_iter().filter(|it| named.contains(&it)).collect()
}

/// Amazon SES has no keys and no callback. Its events come through a configuration set.
fn check_ses(settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "ses";
    if !senders(settings).contains(&Provider::Ses) {
        return Vec::new();
    }
    vec![match &settings.senders.ses_configuration_set {
        Some(name) => ok(TOPIC, format!("the settings name the configuration set {name}")),
        None => warn(
            TOPIC,
            "the settings have no senders.ses_configuration_set, so bounces and complaints are not received: make one \
             with an EventBridge destination, then `make settings FILE=…`",
        ),
    }]
}

fn check_api_keys(keys: Result<ApiKeys, SecretError>, connection: &ConnectionName) -> Finding {
    const TOPIC: &str = "api keys";
    let names: Vec<_> = match &keys {
        Ok(keys) => keys.iter().filter(|it| it.connection == *connection).map(|it| it.name.as_str()).collect(),
        Err(SecretError::Unknown(_)) => Vec::new(),
        Err(error) => return fail(TOPIC, error.to_string()),
    };
    if names.is_empty() {
        warn(TOPIC, "none, so no agent can use the API: `make api-key NAME=vai-1`")
    } else {
        ok(TOPIC, names.join(", "))
    }
}

fn check_signing(signing: &Signing, now: Timestamp) -> Finding {
    match signing.calendly.iter().filter(|it| it.is_valid(now)).count() {
        0 => fail(
            "signing",
            "no signing key, so every webhook is refused: `make connect`, with ROTATE=1 if it asks for that",
        ),
        1 => ok("signing", "one key"),
        _ if signing.calendly.iter().skip(1).any(|it| it.until.is_none()) => warn(
            "signing",
            "an earlier key has no end: replace the keys with `make connect ROTATE=1`, so that it ends in 26 hours",
        ),
        _ => ok("signing", "the current key and earlier ones, for 26 hours after their rotation"),
    }
}

async fn check_calendly(account: &calendly::Account, url: &str) -> Vec<Finding> {
    let (mut findings, checked) = account::check_token(account).await;
    if let Some(checked) = checked {
        let owner = &checked.owner;
        let subscriptions = if checked.is_admin() {
            account.subscriptions(&owner.current_organization).await
        } else {
            account.subscriptions_of_user(&owner.current_organization, &owner.uri).await
        };
        match subscriptions {
            Ok(all) => findings.extend(check_subscriptions(all, url)),
            Err(error) => findings.push(fail("subscription", error.to_string())),
        }
    }
    findings
}

fn check_subscriptions(all: Vec<calendly::Subscription>, url: &str) -> Vec<Finding> {
    let (found, leftover) = connecting::find_own(all, url);
    let mut findings = vec![account::check_subscription(found.as_ref(), url)];
    findings.extend(leftover.map(|it| {
        let text = "is left from a replacement. It delivers too, which changes nothing: `make connect` deletes it";
        warn("subscription", format!("another, for {}, {text}", it.callback_url))
    }));
    findings
}

/// Checks that our public address leads to the webhook function. `/health` touches nothing else.
async fn check_public_url(url: &str) -> Finding {
    const TOPIC: &str = "public URL";
    let advice = "webhooks, links and Twilio's signatures need it: compare PublicUrl with the domain of the API";
    let answer = match http_client::client() {
        Ok(client) => client.get(format!("{}/health", url.trim_end_matches('/'))).send().await,
        Err(error) => Err(error),
    };
    match answer.map(|it| it.status()) {
        Ok(status) if status.is_success() => ok(TOPIC, format!("{url} answers")),
        Ok(status) => fail(TOPIC, format!("{url} answers HTTP {status}; {advice}")),
        Err(error) => fail(TOPIC, format!("{url} does not answer: {}; {advice}", http_client::CallError::from(error))),
    }
}

async fn check_queue(sqs: &aws_sdk_sqs::Client, topic: &'static str, url: &str) -> Finding {
    let attributes = [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::MessageRetentionPeriod];
    match read_numbers(sqs, url, attributes).await {
        Ok([messages, seconds]) => rate_queue(topic, messages, seconds / SECONDS_OF_A_DAY),
        Err(problem) => fail(topic, problem),
    }
}

fn rate_queue(topic: &'static str, messages: u64, days: u64) -> Finding {
    if days < RETENTION_DAYS {
        let kept = format!("messages are kept for {days} days instead of {RETENTION_DAYS}");
        return warn(topic, format!("{messages} waiting; {kept}, so an outage can lose some: deploy again"));
    }
    ok(topic, format!("{messages} waiting"))
}

async fn check_dead_letters(sqs: &aws_sdk_sqs::Client, topic: &'static str, url: &str, advice: &str) -> Finding {
    let read = read_numbers(sqs, url, [QueueAttributeName::ApproximateNumberOfMessages]).await;
    match read.map(|[messages]| messages) {
        Ok(0) => ok(topic, "empty"),
        Ok(messages) => warn(topic, format!("{messages} {advice}")),
        Err(problem) => fail(topic, problem),
    }
}

async fn check_lost_timers(sqs: &aws_sdk_sqs::Client, arn: &str) -> Finding {
    const TOPIC: &str = "scheduler DLQ";
    let name = arn.rsplit(':').next().unwrap_or_default();
    match sqs.get_queue_url().queue_name(name).send().await {
        Ok(found) => check_dead_letters(sqs, TOPIC, found.queue_url().unwrap_or_default(), LOST_TIMERS).await,
        Err(error) => fail(TOPIC, format!("{name}: {}; deploy again", error_chain(&error))),
    }
}

/// Returns attributes of a queue that are numbers.
async fn read_numbers<const COUNT: usize>(
    sqs: &aws_sdk_sqs::Client,
    url: &str,
    attributes: [QueueAttributeName; COUNT],
) -> Result<[u64; COUNT], String> {
    let names = Some(attributes.to_vec());
    let answer = sqs.get_queue_attributes().queue_url(url).set_attribute_names(names).send().await;
    let answer = answer.map_err(|error| format!("can't be reached: {}", error_chain(&error)))?;
    let mut numbers = [0; COUNT];
    for (number, attribute) in numbers.iter_mut().zip(&attributes) {
        let found = answer.attributes().and_then(|all| all.get(attribute)).and_then(|text| text.parse().ok());
        *number = found.ok_or_else(|| format!("SQS does not tell its {}", attribute.as_str()))?;
    }
    Ok(numbers)
}

async fn check_schedules(scheduler: &aws_sdk_scheduler::Client, group: &str) -> Finding {
    match scheduler.get_schedule_group().name(group).send().await {
        Ok(_) => ok("schedules", format!("the group {group} exists")),
        Err(error) => fail("schedules", format!("the group {group}: {}; deploy again", error_chain(&error))),
    }
}

async fn check_table(dynamodb: &aws_sdk_dynamodb::Client, name: &str) -> Vec<Finding> {
    let found = match dynamodb.describe_table().table_name(name).send().await {
        Ok(found) => found,
        Err(error) => return vec![fail("table", format!("{name}: {}; deploy again", error_chain(&error)))],
    };
    let status = found.table().and_then(|table| table.table_status());
    let is_active = matches!(status, Some(TableStatus::Active | TableStatus::Updating));
    let is_protected = found.table().and_then(|table| table.deletion_protection_enabled()).unwrap_or_default();
    let expiry = dynamodb.describe_time_to_live().table_name(name).send().await;
    let has_expiry = expiry.as_ref().ok().and_then(|it| it.time_to_live_description()).is_some_and(|it| {
        matches!(it.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    let backups = dynamodb.describe_continuous_backups().table_name(name).send().await;
    let has_recovery = backups.as_ref().ok().and_then(|it| it.continuous_backups_description()).is_some_and(|it| {
        it.continuous_backups_status() == &ContinuousBackupsStatus::Enabled
            && it.point_in_time_recovery_description().and_then(|it| it.point_in_time_recovery_status())
                == Some(&PointInTimeRecoveryStatus::Enabled)
    });
    vec![
        if is_active {
            ok("table", name)
        } else {
            fail("table", format!("{name} is not active: wait, or deploy again"))
        },
        if has_expiry {
            ok("expiry", "expired rows are deleted automatically")
        } else {
            warn("expiry", "off, so expired rows are not deleted: deploy again")
        },
        if has_recovery {
            ok("recovery", "point-in-time recovery is on")
        } else {
            warn("recovery", "point-in-time recovery is off (the local stack never has it): deploy again")
        },
        if is_protected {
            ok("protection", "the table can't be deleted by mistake")
        } else {
            warn(
                "protection",
                "the table can be deleted: deploy with TableDeletionProtection=true, or switch it on in DynamoDB for a \
                 table that the stack has not made",
            )
        },
    ]
}

fn check_settings(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![if *settings == Settings::default() {
        warn("settings", "only the default, which has no SMS templates: write yours with `make settings FILE=…`")
    } else {
        ok("settings", "written")
    }];
    // An older release may have accepted wording that this one can't render.
    findings.extend(notify::wording::check(settings).into_iter().map(|error| warn("wording", error.to_string())));
    let by_country = settings.find_country_warnings();
    findings.extend(by_country.into_iter().map(|warning| warn("countries", warning.to_string())));
    let missing = missing_templates(settings);
    if missing.is_empty() {
        findings.push(ok("templates", "one for every message, channel and language"));
    }
    findings.extend(
        missing.into_iter().map(|it| warn("templates", format!("none for {it}: it is skipped as no_template"))),
    );
    findings
}

/// Lists the messages that the settings ask for without a template, with channel and languages. Event types are checked
/// only if they have their own channels or language.
fn missing_templates(settings: &Settings) -> Vec<String> {
    let message = |message: &String, channels: &[Channel]| (MessageFilter::of(message), channels.to_vec());
    let mut wanted: Vec<_> = settings.channels.iter().map(|(name, channels)| message(name, channels)).collect();
    for (key, own) in &settings.event_types {
        for (name, channels) in &own.channels {
            let (filter, channels) = message(name, channels);
            wanted.push((MessageFilter { event_type: Some(key.clone()), ..filter }, channels));
        }
    }
    wanted.extend(settings.channel_overrides.iter().map(|it| (it.filter.clone(), it.channels.clone())));
    wanted.iter().flat_map(|(filter, channels)| missing_for(settings, filter, channels)).collect()
}

/// Lists the channels of some messages without a template.
fn missing_for(settings: &Settings, filter: &MessageFilter, channels: &[Channel]) -> Vec<String> {
    let own = filter.event_type.as_ref().and_then(|key| settings.event_types.get(key));
    let offsets = match filter.message.as_str() {
        "reminder" => own.and_then(|it| it.reminder_minutes.as_ref()).unwrap_or(&settings.reminder_minutes),
        "follow_up" => own.and_then(|it| it.follow_up_minutes.as_ref()).unwrap_or(&settings.follow_up_minutes),
        "reconfirmation" => own.and_then(|it| it.reconfirm_minutes.as_ref()).unwrap_or(&settings.reconfirm_minutes),
        "host_notice" if settings.hosts.is_empty() && settings.host_phone.is_none() => return Vec::new(),
        _ => &Vec::new(),
    };
    let is_timed = ["reminder", "follow_up", "reconfirmation"].contains(&filter.message.as_str());
    // Each offset may have a template of its own.
    let minutes: Vec<_> = match filter.minutes {
        None if is_timed => offsets.iter().copied().map(Some).collect(),
        own => vec![own],
    };
    let message = Message::SAMPLES.into_iter().find(|it| it.name() == filter.message);
    let has_template = |channel: Channel, language: Language| {
        let senders = message.map_or(&[][..], |it| settings.providers_of(it, channel));
        let for_minutes = |minutes: Option<u32>| {
            let filter = MessageFilter { language: Some(language), minutes, ..filter.clone() };
            senders.iter().any(|it| settings.template_for(&filter, *it).is_some())
        };
        // A provider that sends our wording needs no template.
        senders.iter().any(|it| !it.has_templates()) || minutes.iter().all(|it| for_minutes(*it))
    };
    let languages = own.and_then(|it| it.language.as_ref()).map_or(&Language::ALL[..], std::slice::from_ref);
    let missing = channels.iter().filter_map(|channel| {
        let untranslated: Vec<_> =
            languages.iter().filter(|it| !has_template(*channel, **it)).map(|it| it.tag()).collect();
        let channel = match channel {
            Channel::Sms => "SMS",
            Channel::Email => "e-mail",
        };
        let case = describe_case(filter);
        let languages = untranslated.join(", ");
        (!untranslated.is_empty()).then(|| format!("{}{case} by {channel} in {languages}", filter.message))
    });
    missing.collect()
}

/// Describes which messages of its name a filter matches.
fn describe_case(filter: &MessageFilter) -> String {
    let event_type = filter.event_type.as_ref().map(|it| format!(" of {it:?}"));
    let host = filter.host.as_ref().map(|it| format!(" with {it:?}"));
    let source = filter.source.map(|it| format!(" booked by {:?}", it.name()));
    let minutes = filter.minutes.map(|it| format!(" of {it} minutes"));
    [event_type, host, source, minutes].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::Level;

    fn settings(document: &serde_json::Value) -> Settings {
        Settings::check(document).expect("settings")
    }

    #[test]
    fn the_default_lacks_every_sms_template() {
        assert_eq!(
            missing_templates(&Settings::default()),
            ["cancellation", "confirmation", "follow_up", "move", "no_show", "not_booked", "reminder"]
                .map(|it| format!("{it} by SMS in en, ro, da, zh-Hant"))
        );
        assert!(check_settings(&Settings::default()).iter().all(|it| it.level == Level::Warn));
    }

    #[test]
    fn templates_are_missing_by_channel_language_and_event_type() {
        let template = |message: &str, language: &str| json!({"message": message, "provider": "engagelab", "language": language, "id": "1"});
        let off = json!({"confirmation": ["sms"], "move": [], "cancellation": [], "no_show": [], "not_booked": []});
        let settings = settings(&json!({
            "follow_up_minutes": [],
            "channels": off,
            "templates": [
                {"message": "confirmation", "provider": "engagelab", "id": "1"},
                template("reminder", "ro"), template("reminder", "en"),
            ],
            "event_types": {"Sales Demo": {"language": "ro", "channels": {"reminder": ["sms", "email"]}}},
        }));
        assert_eq!(
            missing_templates(&settings),
            ["reminder by SMS in da, zh-Hant", "reminder of \"Sales Demo\" by e-mail in ro"]
        );
    }

    #[test]
    fn a_provider_that_sends_our_wording_needs_no_template() {
        let missing = |sms: &[&str]| {
            let providers = json!({"sms": sms, "messages": {"move": {"sms": ["engagelab"]}}});
            let document = json!({"providers": providers, "senders": {"twilio": "VAI"}});
            missing_templates(&settings(&document))
        };
        assert_eq!(missing(&["twilio"]), ["move by SMS in en, ro, da, zh-Hant"]);
        assert_eq!(missing(&["engagelab", "twilio"]), missing(&["twilio"]));
        assert_eq!(missing(&["engagelab"]).len(), 7);
    }

    #[test]
    fn the_senders_are_the_providers_in_the_settings() {
        assert_eq!(senders(&Settings::default()), [Provider::Engagelab, Provider::Vai]);
        let document = json!({
            "providers": {"sms": ["twilio"], "email": ["vai"], "messages": {"reminder": {"email": ["ses"]}}},
            "senders": {"twilio": "VAI", "email": "a@example.com"},
        });
        let mut settings = settings(&document);
        assert_eq!(senders(&settings), [Provider::Twilio, Provider::Vai, Provider::Ses]);
        assert_eq!(check_ses(&Settings::default()), []);
        assert_eq!(check_ses(&settings)[0].level, Level::Warn, "bounces are not received");
        settings.senders.ses_configuration_set = Some("vai".to_owned());
        assert_eq!(check_ses(&settings)[0].level, Level::Ok);
    }

    #[test]
    fn a_queue_that_forgets_too_early_is_reported() {
        assert_eq!(rate_queue("due queue", 3, 14), ok("due queue", "3 waiting"));
        assert_eq!(rate_queue("due queue", 0, 4).level, Level::Warn);
    }

    #[test]
    fn a_second_subscription_of_ours_is_reported() {
        let at = |query: &str, created_at: &str| {
            serde_json::from_value::<calendly::Subscription>(json!({
                "uri": "…", "callback_url": format!("https://hooks.example.com{query}"), "state": "active",
                "created_at": created_at, "events": calendly::EVENTS,
            }))
            .expect("a subscription")
        };
        let (old, new) = (at("", "2026-11-20T09:00:00Z"), at("?rotated=1", "2026-11-21T09:00:00Z"));
        let levels = |all: &[&calendly::Subscription]| -> Vec<_> {
            let all = all.iter().map(|it| (*it).clone()).collect();
            check_subscriptions(all, "https://hooks.example.com").iter().map(|it| it.level).collect()
        };
        assert_eq!(levels(&[]), [Level::Fail]);
        assert_eq!(levels(&[&new]), [Level::Ok]);
        assert_eq!(levels(&[&new, &old]), [Level::Ok, Level::Warn]);
    }

    #[test]
    fn a_connection_needs_its_own_api_keys() {
        let keys = |connection: &str| {
            let entry = json!({"name": "vai-1", "connection": connection, "sha256": "0".repeat(64)});
            serde_json::from_value::<ApiKeys>(json!({"keys": [entry]})).expect("keys")
        };
        let level = |keys| check_api_keys(keys, &ConnectionName::default()).level;
        assert_eq!((level(Ok(keys("default"))), level(Ok(keys("acme")))), (Level::Ok, Level::Warn));
        assert_eq!(level(Err(SecretError::Unknown("api-keys".to_owned()))), Level::Warn);
        let malformed = SecretError::Malformed { name: "api-keys".to_owned(), problem: "…".to_owned() };
        assert_eq!(level(Err(malformed)), Level::Fail);
    }

    #[test]
    fn a_connection_without_a_signing_key_fails() {
        let now = Timestamp::UNIX_EPOCH;
        let key = |key: &str, until: Option<i64>| runtime::SigningKey {
            key: key.into(),
            until: until.map(|it| Timestamp::from_second(it).expect("an instant")),
        };
        let level = |calendly: Vec<runtime::SigningKey>| {
            let signing = Signing { calendly, ..Signing::default() };
            check_signing(&signing, now).level
        };
        assert_eq!(level(Vec::new()), Level::Fail);
        assert_eq!(level(vec![key("a", None)]), Level::Ok);
        assert_eq!(level(vec![key("a", None), key("b", Some(1))]), Level::Ok);
        assert_eq!(level(vec![key("a", None), key("b", Some(0))]), Level::Ok);
        assert_eq!(level(vec![key("a", None), key("b", None)]), Level::Warn);
    }
}
