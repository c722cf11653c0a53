//! A function's configuration, read from the environment at init. The error lists every problem at once, and the
//! function does not start. A missing secret is not an error here.

use std::fmt;
use std::net::SocketAddr;

use domain::ConnectionName;

/// The problems of the environment.
#[derive(Debug, thiserror::Error)]
#[error("the environment is invalid: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// Reads variables and collects their problems.
pub struct Environment {
    get: fn(&str) -> Option<String>,
    problems: Vec<String>,
    /// The variables whose URL is on this machine, as those of a sandbox are.
    loopback: Vec<String>,
    /// The variables that are set and must not be in prod.
    development: Vec<String>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} problems)", self.problems.len())
    }
}

impl Environment {
    /// Reads the process's environment.
    pub fn process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        Self::from(|name| std::env::var(name).ok())
    }

    /// Reads another source, for tests.
    pub fn from(get: fn(&str) -> Option<String>) -> Self {
        Self { get, problems: Vec::new(), loopback: Vec::new(), development: Vec::new() }
    }

    /// Reads a variable that must not be empty.
    pub fn required(&mut self, name: &str) -> String {
        match (self.get)(name).filter(|value| !value.trim().is_empty()) {
            Some(value) => value,
            None => {
                self.problems.push(format!("{name} is missing"));
                String::new()
            }
        }
    }

    /// Reads a variable that may be missing or empty.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.trim().is_empty())
    }

    /// Reads a base URL, `http(s)://…`, and removes its trailing slash.
    pub fn url(&mut self, name: &str, default: Option<&str>) -> String {
        match (self.optional_url(name), default) {
            (Some(url), _) => url,
            (None, Some(default)) => default.to_owned(),
            (None, None) => self.required(name),
        }
    }

    /// Reads an optional base URL.
    pub fn optional_url(&mut self, name: &str) -> Option<String> {
        let value = (self.get)(name).filter(|value| !value.trim().is_empty())?;
        let loopback = is_loopback(&value);
        if !value.starts_with("https://") && !loopback {
            self.problems.push(format!("{name} must begin with https:// (http:// is for loopback only)"));
        }
        if loopback {
            self.loopback.push(name.to_owned());
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// Reads a whole number in a range.
    pub fn number(&mut self, name: &str, default: u32, range: std::ops::RangeInclusive<u32>) -> u32 {
        let Some(value) = (self.get)(name).filter(|value| !value.trim().is_empty()) else { return default };
        match value.trim().parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.problems.push(format!("{name} must be a whole number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    /// Reads loopback addresses with their ports, separated by commas. They are allowed on stage dev only.
    pub fn loopback_addresses(&mut self, name: &str) -> Vec<SocketAddr> {
        let value = (self.get)(name).unwrap_or_default();
        let mut addresses = Vec::new();
        for text in value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            match text.parse::<SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => addresses.push(address),
                Ok(_) | Err(_) => {
                    self.problems.push(format!("{name} must list loopback addresses such as 127.0.0.1:4575"));
                }
            }
        }
        if !addresses.is_empty() {
            self.development.push(name.to_owned());
        }
        addresses
    }

    /// Reads how much faster than written time passes for retries. It may differ from 1 on stage dev only.
    pub fn speed(&mut self, name: &str) -> u32 {
        let speed = self.number(name, 1, 1..=10_000);
        if speed != 1 {
            self.development.push(name.to_owned());
        }
        speed
    }

    /// Reads `STAGE`: `dev` (the default) or `prod`. In `prod`, no API may be on this machine. Called after the URLs
    /// were read.
    pub fn stage(&mut self) {
        match (self.get)("STAGE").unwrap_or_default().trim() {
            "" | "dev" => {}
            "prod" => {
                for name in self.loopback.iter().filter(|it| it.ends_with("_API_URL") || it.ends_with("_AUTH_URL")) {
                    self.problems.push(format!("{name} is on this machine, but STAGE is prod"));
                }
                for name in &self.development {
                    self.problems.push(format!("{name} is for development, but STAGE is prod"));
                }
            }
            _ => self.problems.push("STAGE must be dev or prod".to_owned()),
        }
    }

    /// Reads `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub fn function_name(&mut self) -> String {
        (self.get)("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "local".to_owned())
    }

    /// Reads `LOG_LEVEL`: error, warn, info (the default), debug or trace.
    pub fn log_level(&mut self) -> tracing::Level {
        let value = (self.get)("LOG_LEVEL").unwrap_or_default();
        if value.trim().is_empty() {
            return tracing::Level::INFO;
        }
        value.trim().parse().unwrap_or_else(|_| {
            self.problems.push("LOG_LEVEL must be one of error, warn, info, debug, trace".to_owned());
            tracing::Level::INFO
        })
    }

    /// Returns the configuration, if there was no problem.
    ///
    /// # Errors
    /// Every problem.
    pub fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(config) } else { Err(ConfigError(self.problems)) }
    }
}

/// Whether the host of a URL is this machine.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // The text before `@` is not the host.
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The webhook function's configuration.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// `INTAKE_QUEUE_URL`.
    pub intake_queue_url: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `PEPPER_SECRET`: the name or ARN of the secret that signs links.
    pub pepper_secret: String,
    /// `SIGNATURE_TOLERANCE_SECONDS`: how old a signature of Calendly's may be. 26 hours, which is also the most.
    pub signature_tolerance_seconds: u32,
    /// `PUBLIC_URL`: the base URL of the function. Twilio signs it, so without it Twilio's calls can't be verified.
    pub public_url: Option<String>,
    /// `LOG_LEVEL`.
    pub log_level: tracing::Level,
    /// The function's name, for its metrics.
    pub function_name: String,
}

impl WebhookConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Every problem of the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let config = Self {
            intake_queue_url: env.required("INTAKE_QUEUE_URL"),
            secret_prefix: env.required("SECRET_PREFIX"),
            pepper_secret: env.required("PEPPER_SECRET"),
            signature_tolerance_seconds: env.number("SIGNATURE_TOLERANCE_SECONDS", 93_600, 1..=93_600),
            public_url: env.optional_url("PUBLIC_URL"),
            log_level: env.log_level(),
            function_name: env.function_name(),
        };
        env.finish(config)
    }
}

/// What every function that works on bookings needs.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `DUE_QUEUE_URL`.
    pub due_queue_url: String,
    /// `DUE_QUEUE_ARN`.
    pub due_queue_arn: String,
    /// `SCHEDULE_GROUP`.
    pub schedule_group: String,
    /// `SCHEDULER_ROLE_ARN`: the role that EventBridge Scheduler assumes.
    pub scheduler_role_arn: String,
    /// `SCHEDULER_DLQ_ARN`: where EventBridge Scheduler puts what it could not deliver.
    pub scheduler_dlq_arn: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `PEPPER_SECRET`: the name or ARN of the secret under which contacts are kept.
    pub pepper_secret: String,
    /// `CALENDLY_API_URL`.
    pub calendly_api_url: String,
    /// `TOKENS_FUNCTION_ARN`: the admin function's alias that gives tokens of logins. Without it, only personal tokens
    /// work.
    pub tokens_function_arn: Option<String>,
    /// `RETRY_SPEED`: how much faster than written time passes for retries. 1 on AWS.
    pub retry_speed: u32,
    /// `LOG_LEVEL`.
    pub log_level: tracing::Level,
    /// The function's name, for its metrics.
    pub function_name: String,
}

impl WorldConfig {
    fn read(env: &mut Environment) -> Self {
        Self {
            table_name: env.required("TABLE_NAME"),
            due_queue_url: env.required("DUE_QUEUE_URL"),
            due_queue_arn: env.required("DUE_QUEUE_ARN"),
            schedule_group: env.required("SCHEDULE_GROUP"),
            scheduler_role_arn: env.required("SCHEDULER_ROLE_ARN"),
            scheduler_dlq_arn: env.required("SCHEDULER_DLQ_ARN"),
            secret_prefix: env.required("SECRET_PREFIX"),
            pepper_secret: env.required("PEPPER_SECRET"),
            calendly_api_url: env.url("CALENDLY_API_URL", Some("https://api.calendly.com")),
            tokens_function_arn: env.optional("TOKENS_FUNCTION_ARN"),
            retry_speed: env.speed("RETRY_SPEED"),
            log_level: env.log_level(),
            function_name: env.function_name(),
        }
    }
}

/// What a function needs that sends messages and calls VAI.
#[derive(Clone, Debug)]
pub struct MessagingConfig {
    /// `ENGAGELAB_API_URL`.
    pub engagelab_api_url: String,
    /// `TWILIO_API_URL`.
    pub twilio_api_url: String,
    /// `BREVO_API_URL`.
    pub brevo_api_url: String,
    /// `SES_API_URL`: set where Amazon SES is a sandbox.
    pub ses_api_url: Option<String>,
    /// `STACK_NAME`: the stack, for Amazon SES to name in its events.
    pub stack_name: Option<String>,
    /// `VAI_API_URL`.
    pub vai_api_url: String,
    /// `PUBLIC_URL`: where people and webhooks reach us. It stands in links and callbacks.
    pub public_url: Option<String>,
    /// `DELIVERIES_QUEUE_URL`: told of new events for customers' systems.
    pub deliveries_queue_url: String,
}

impl MessagingConfig {
    fn read(env: &mut Environment) -> Self {
        Self {
            engagelab_api_url: env.url("ENGAGELAB_API_URL", Some("https://smsapi.engagelab.com")),
            twilio_api_url: env.url("TWILIO_API_URL", Some("https://api.twilio.com")),
            brevo_api_url: env.url("BREVO_API_URL", Some("https://api.brevo.com")),
            ses_api_url: env.optional_url("SES_API_URL"),
            stack_name: env.optional("STACK_NAME"),
            vai_api_url: env.url("VAI_API_URL", None),
            public_url: env.optional_url("PUBLIC_URL"),
            deliveries_queue_url: env.required("DELIVERIES_QUEUE_URL"),
        }
    }
}

/// The reminder function's configuration.
#[derive(Clone, Debug)]
pub struct ReminderConfig {
    /// What it needs to work on bookings.
    pub world: WorldConfig,
    /// What it needs to send messages.
    pub messaging: MessagingConfig,
    /// `SECRETS_KEY_ARN`: the key of KMS that encrypts the addresses of endpoints.
    pub secrets_key_arn: String,
    /// `DUE_DLQ_URL`.
    pub due_dlq_url: String,
}

impl ReminderConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let config = Self {
            world: WorldConfig::read(&mut env),
            messaging: MessagingConfig::read(&mut env),
            secrets_key_arn: env.required("SECRETS_KEY_ARN"),
            due_dlq_url: env.required("DUE_DLQ_URL"),
        };
        env.stage();
        env.finish(config)
    }
}

/// The processor function's configuration.
#[derive(Clone, Debug)]
pub struct ProcessorConfig {
    /// What it needs to work on bookings.
    pub world: WorldConfig,
    /// What it needs to send messages.
    pub messaging: MessagingConfig,
    /// `INTAKE_QUEUE_URL`: where its records come from.
    pub intake_queue_url: String,
    /// `INTAKE_DLQ_URL`.
    pub intake_dlq_url: String,
}

impl ProcessorConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let config = Self {
            world: WorldConfig::read(&mut env),
            messaging: MessagingConfig::read(&mut env),
            intake_queue_url: env.required("INTAKE_QUEUE_URL"),
            intake_dlq_url: env.required("INTAKE_DLQ_URL"),
        };
        env.stage();
        env.finish(config)
    }
}

/// What a direct invocation may do. It has no key: IAM admits it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DirectAccess {
    /// `DIRECT_CONNECTIONS`: the connections that it may name, separated by commas, or `*` for all. Default: `default`.
    pub connections: String,
    /// `DIRECT_TRUSTED`: whether it may see and change the bookings of every conversation. Default: `false`.
    pub is_trusted: bool,
}

impl DirectAccess {
    fn read(env: &mut Environment) -> Self {
        Self {
            connections: env.optional("DIRECT_CONNECTIONS").unwrap_or_else(|| "default".to_owned()),
            is_trusted: env.optional("DIRECT_TRUSTED").is_some_and(|it| it.trim() == "true"),
        }
    }

    /// Returns whether it may name a connection.
    pub fn allows(&self, connection: &ConnectionName) -> bool {
        self.allows_all() || self.names().any(|it| it == connection.as_str())
    }

    /// Returns whether it may name every connection.
    pub fn allows_all(&self) -> bool {
        self.names().any(|it| it == "*")
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.connections.split(',').map(str::trim)
    }
}

/// Where the lines of the audit go.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// `AUDIT_LOG_GROUP`: the log group.
    pub group: String,
    /// The log stream of this instance: the function's name and `AWS_LAMBDA_LOG_STREAM_NAME`, which Lambda sets.
    pub stream: String,
}

impl AuditConfig {
    fn read(env: &mut Environment) -> Self {
        let instance = env.optional("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_else(|| "local".to_owned());
        // Names of streams have neither.
        let stream = format!("{}/{instance}", env.function_name()).replace([':', '*'], "-");
        Self { group: env.required("AUDIT_LOG_GROUP"), stream }
    }
}

/// The schedule function's configuration. It sends no messages.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    /// What it needs to work on bookings.
    pub world: WorldConfig,
    /// `PUBLIC_URL`: where callers and Calendly's webhooks reach us.
    pub public_url: Option<String>,
    /// What a direct invocation may do.
    pub direct: DirectAccess,
    /// Where the lines of the audit go.
    pub audit: AuditConfig,
    /// `INTAKE_QUEUE_URL`.
    pub intake_queue_url: String,
    /// `INTAKE_DLQ_URL`.
    pub intake_dlq_url: String,
    /// `DUE_DLQ_URL`.
    pub due_dlq_url: String,
    /// `SCHEDULER_DLQ_URL`.
    pub scheduler_dlq_url: String,
}

impl ScheduleConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let config = Self {
            world: WorldConfig::read(&mut env),
            public_url: env.optional_url("PUBLIC_URL"),
            direct: DirectAccess::read(&mut env),
            audit: AuditConfig::read(&mut env),
            intake_queue_url: env.required("INTAKE_QUEUE_URL"),
            intake_dlq_url: env.required("INTAKE_DLQ_URL"),
            due_dlq_url: env.required("DUE_DLQ_URL"),
            scheduler_dlq_url: env.required("SCHEDULER_DLQ_URL"),
        };
        env.stage();
        env.finish(config)
    }
}

/// What a function needs that delivers events to customers' endpoints, or manages them.
#[derive(Clone, Debug)]
pub struct DeliveriesConfig {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `DELIVERIES_QUEUE_URL`.
    pub deliveries_queue_url: String,
    /// `DELIVERIES_QUEUE_ARN`.
    pub deliveries_queue_arn: String,
    /// `DUE_QUEUE_URL`: where e-mails are handed over to the function that sends messages.
    pub due_queue_url: String,
    /// `SCHEDULE_GROUP`.
    pub schedule_group: String,
    /// `SCHEDULER_ROLE_ARN`: the role that EventBridge Scheduler assumes.
    pub scheduler_role_arn: String,
    /// `SCHEDULER_DLQ_ARN`: where EventBridge Scheduler puts what it could not deliver.
    pub scheduler_dlq_arn: String,
    /// `SECRETS_KEY_ARN`: the key of KMS that encrypts the secrets of endpoints.
    pub secrets_key_arn: String,
    /// `LOOPBACK_RECEIVERS`: receivers on this machine, such as `127.0.0.1:4575`. Empty on AWS.
    pub loopback_receivers: Vec<SocketAddr>,
    /// `RETRY_SPEED`: how much faster than written time passes for retries. 1 on AWS.
    pub retry_speed: u32,
    /// `DISPATCHER_CONCURRENCY`: how many dispatchers run at the same time, at most.
    pub dispatcher_concurrency: u32,
    /// `LOG_LEVEL`.
    pub log_level: tracing::Level,
    /// The function's name, for its metrics.
    pub function_name: String,
}

impl DeliveriesConfig {
    fn read(env: &mut Environment) -> Self {
        Self {
            table_name: env.required("TABLE_NAME"),
            deliveries_queue_url: env.required("DELIVERIES_QUEUE_URL"),
            deliveries_queue_arn: env.required("DELIVERIES_QUEUE_ARN"),
            due_queue_url: env.required("DUE_QUEUE_URL"),
            schedule_group: env.required("SCHEDULE_GROUP"),
            scheduler_role_arn: env.required("SCHEDULER_ROLE_ARN"),
            scheduler_dlq_arn: env.required("SCHEDULER_DLQ_ARN"),
            secrets_key_arn: env.required("SECRETS_KEY_ARN"),
            loopback_receivers: env.loopback_addresses("LOOPBACK_RECEIVERS"),
            retry_speed: env.speed("RETRY_SPEED"),
            dispatcher_concurrency: env.number("DISPATCHER_CONCURRENCY", 60, 1..=1000),
            log_level: env.log_level(),
            function_name: env.function_name(),
        }
    }
}

/// The dispatcher's configuration.
#[derive(Clone, Debug)]
pub struct DispatcherConfig {
    /// What it needs to deliver events.
    pub deliveries: DeliveriesConfig,
    /// `DELIVERIES_DLQ_URL`.
    pub deliveries_dlq_url: String,
}

impl DispatcherConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let deliveries = DeliveriesConfig::read(&mut env);
        let config = Self { deliveries, deliveries_dlq_url: env.required("DELIVERIES_DLQ_URL") };
        env.stage();
        env.finish(config)
    }
}

/// The admin function's configuration.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// What it needs to manage endpoints.
    pub deliveries: DeliveriesConfig,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `PUBLIC_URL`: where callers reach us.
    pub public_url: Option<String>,
    /// What a direct invocation may do.
    pub direct: DirectAccess,
    /// Where the lines of the audit go.
    pub audit: AuditConfig,
    /// `CALENDLY_API_URL`.
    pub calendly_api_url: String,
    /// `CALENDLY_AUTH_URL`: where people log in to Calendly, and where tokens are refreshed.
    pub calendly_auth_url: String,
    /// `BREVO_API_URL`: the customer's CRM, whose account is checked when settings are written.
    pub brevo_api_url: String,
}

impl AdminConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub fn read(mut env: Environment) -> Result<Self, ConfigError> {
        let config = Self {
            deliveries: DeliveriesConfig::read(&mut env),
            secret_prefix: env.required("SECRET_PREFIX"),
            public_url: env.optional_url("PUBLIC_URL"),
            direct: DirectAccess::read(&mut env),
            audit: AuditConfig::read(&mut env),
            calendly_api_url: env.url("CALENDLY_API_URL", Some("https://api.calendly.com")),
            calendly_auth_url: env.url("CALENDLY_AUTH_URL", Some("https://auth.calendly.com")),
            brevo_api_url: env.url("BREVO_API_URL", Some("https://api.brevo.com")),
        };
        env.stage();
        env.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_listed_at_once() {
        let env = Environment::from(|name| match name {
            "INTAKE_QUEUE_URL" => Some(String::new()),
            "SIGNATURE_TOLERANCE_SECONDS" => Some("100000".to_owned()),
            "LOG_LEVEL" => Some("loud".to_owned()),
            _ => None,
        });
        let error = WebhookConfig::read(env).expect_err("problems").to_string();
        assert_eq!(
            error,
            "the environment is invalid: INTAKE_QUEUE_URL is missing; SECRET_PREFIX is missing; \
             PEPPER_SECRET is missing; SIGNATURE_TOLERANCE_SECONDS must be a whole number from 1 to 93600; \
             LOG_LEVEL must be one of error, warn, info, debug, trace"
        );
    }

    #[test]
    fn urls_are_https_and_have_a_default() {
        let env = Environment::from(|name| match name {
            "VAI_API_URL" => Some("http://example.com".to_owned()),
            "CALENDLY_API_URL" => Some("http://127.0.0.1:4570/calendly/".to_owned()),
            name if name.ends_with("_URL") && !name.ends_with("QUEUE_URL") && !name.ends_with("DLQ_URL") => None,
            "LOG_LEVEL" | "STAGE" | "RETRY_SPEED" => None,
            _ => Some("x".to_owned()),
        });
        let error = ReminderConfig::read(env).expect_err("http").to_string();
        assert!(error.ends_with("VAI_API_URL must begin with https:// (http:// is for loopback only)"), "{error}");
    }

    #[test]
    fn the_urls_of_providers_have_defaults() {
        let given = |name: &str| match name {
            "VAI_API_URL" => Some("https://vai.example.com".to_owned()),
            "SES_API_URL" => Some("http://127.0.0.1:4570/ses/".to_owned()),
            name if name.ends_with("_URL") && !name.ends_with("QUEUE_URL") && !name.ends_with("DLQ_URL") => None,
            "LOG_LEVEL" | "STAGE" | "RETRY_SPEED" => None,
            _ => Some("x".to_owned()),
        };
        let config = ReminderConfig::read(Environment::from(given)).expect("a configuration");
        assert_eq!(config.messaging.twilio_api_url, "https://api.twilio.com");
        assert_eq!(config.messaging.brevo_api_url, "https://api.brevo.com");
        assert_eq!(config.messaging.ses_api_url.as_deref(), Some("http://127.0.0.1:4570/ses"));
        assert_eq!(config.messaging.stack_name.as_deref(), Some("x"));
        assert_eq!(config.messaging.public_url, None);
    }

    #[test]
    fn in_production_no_api_is_on_this_machine() {
        fn given(name: &str) -> Option<String> {
            match name {
                "CALENDLY_API_URL" => Some("http://127.0.0.1:4570/calendly".to_owned()),
                "TWILIO_API_URL" => Some("http://localhost:4570/twilio".to_owned()),
                "SES_API_URL" => Some("https://[::1]:4570/ses".to_owned()),
                "VAI_API_URL" => Some("https://vai.example.com".to_owned()),
                // Our own URL is not the API of a provider.
                "PUBLIC_URL" => Some("http://127.0.0.1:4566".to_owned()),
                name if name.ends_with("_API_URL") || ["LOG_LEVEL", "RETRY_SPEED"].contains(&name) => None,
                "STAGE" => Some("prod".to_owned()),
                _ => Some("x".to_owned()),
            }
        }
        let error = ReminderConfig::read(Environment::from(given)).expect_err("a sandbox").to_string();
        assert_eq!(
            error,
            "the environment is invalid: CALENDLY_API_URL is on this machine, but STAGE is prod; \
             TWILIO_API_URL is on this machine, but STAGE is prod; SES_API_URL is on this machine, but STAGE is prod"
        );
        let dev = |name: &str| if name == "STAGE" { Some("dev".to_owned()) } else { given(name) };
        ReminderConfig::read(Environment::from(dev)).expect("a configuration");
        let other = |name: &str| if name == "STAGE" { Some("live".to_owned()) } else { given(name) };
        let error = ReminderConfig::read(Environment::from(other)).expect_err("no stage").to_string();
        assert!(error.ends_with("STAGE must be dev or prod"), "{error}");
    }

    #[test]
    fn a_direct_invocation_names_only_allowed_connections() {
        let names = ["default", "acme"].map(|it| ConnectionName::parse(it).expect("a name"));
        for (connections, trusted, allowed) in [
            (None, None, [true, false]),
            (Some("acme"), Some("false"), [false, true]),
            (Some("default, acme"), Some("true"), [true, true]),
            (Some("*"), Some("yes"), [true, true]),
        ] {
            let (connections, trusted) = (connections.map(str::to_owned), trusted.map(str::to_owned));
            let is_trusted = trusted.as_deref() == Some("true");
            let connections = connections.unwrap_or_else(|| "default".to_owned());
            let access = DirectAccess { connections, is_trusted };
            assert_eq!(names.each_ref().map(|it| access.allows(it)), allowed);
        }
        let access = DirectAccess::read(&mut Environment::from(|_| None));
        assert_eq!(access, DirectAccess { connections: "default".to_owned(), is_trusted: false });
        let given = |name: &str| (name == "DIRECT_TRUSTED").then(|| "true".to_owned());
        assert!(DirectAccess::read(&mut Environment::from(given)).is_trusted);
    }

    #[test]
    fn the_schedule_function_needs_four_more_queues_and_the_log_of_the_audit() {
        let given = |name: &str| match name {
            "LOG_LEVEL" | "STAGE" | "RETRY_SPEED" => None,
            "PUBLIC_URL" => Some("https://api.example.com/".to_owned()),
            name if name.ends_with("_API_URL") => Some(format!("https://{name}.example.com")),
            name => Some(format!("the {name}")),
        };
        let config = ScheduleConfig::read(Environment::from(given)).expect("a configuration");
        assert_eq!(
            [&config.world.table_name, &config.intake_queue_url, &config.intake_dlq_url, &config.due_dlq_url],
            ["the TABLE_NAME", "the INTAKE_QUEUE_URL", "the INTAKE_DLQ_URL", "the DUE_DLQ_URL"]
        );
        assert_eq!(config.public_url.as_deref(), Some("https://api.example.com"));
        assert_eq!(config.audit.group, "the AUDIT_LOG_GROUP");
        let instance = "the AWS_LAMBDA_FUNCTION_NAME/the AWS_LAMBDA_LOG_STREAM_NAME";
        assert_eq!(config.audit.stream, instance, "each instance has a stream of its own");
        let error = ScheduleConfig::read(Environment::from(|_| None)).expect_err("problems").to_string();
        for name in [
            "TABLE_NAME",
            "SCHEDULE_GROUP",
            "INTAKE_QUEUE_URL",
            "INTAKE_DLQ_URL",
            "DUE_DLQ_URL",
            "SCHEDULER_DLQ_URL",
            "AUDIT_LOG_GROUP",
        ] {
            assert!(error.contains(&format!("{name} is missing")), "{error}");
        }
        // It sends no messages.
        assert!(!error.contains("PUBLIC_URL") && !error.contains("VAI_API_URL"), "{error}");
    }
}
