//! `settings`: checks a settings document and writes it if it has no error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use connecting::{AppliedSettings, apply_settings};
use domain::{ConnectionName, Settings};
use engine::{CommitError, PortError, Store};
use runtime::SystemClock;
use settings_document::{Checked, DocumentError, Format};
use wire::due::Due;

use crate::options::{SecretOptions, TableOptions};
use crate::report::{Terminal, print_text};

/// Checks a connection's settings and writes them if they have no error; or shows the current ones.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableOptions,
    #[command(flatten)]
    secrets: SecretOptions,
    /// Brevo's base URL, to check the lists and attributes of the CRM
    #[arg(long, env = "BREVO_API_URL", default_value = "https://api.brevo.com")]
    brevo_api_url: String,
    /// The due queue, for the messages of meetings that are booked
    #[arg(long, env = "DUE_QUEUE_URL")]
    due_queue_url: String,
    #[command(flatten)]
    action: Action,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Action {
    /// The document: .toml, .yaml or .json. A missing key has its default
    #[arg(long)]
    file: Option<PathBuf>,
    /// Show the current settings
    #[arg(long)]
    show: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let Some(file) = &options.action.file else {
        let settings = options.table.open().await.load_settings(connection).await?;
        print_text(&toml::to_string_pretty(&settings)?);
        return Ok(true);
    };
    let checked = match read_file(file)? {
        Ok(settings) => prepare_crm(&options, connection, &settings, terminal).await?.map(|()| settings),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
    };
    match checked {
        Err(errors) => {
            errors.iter().for_each(|error| terminal.print_error(error));
            let count = count_errors(errors.len());
            terminal.print_error(format_args!("{count} in {}: nothing was written.", file.display()));
            Ok(false)
        }
        Ok(settings) => match write(&options, connection, &settings).await {
            Ok(applied) => {
                print_applied(&applied, connection, terminal);
                for warning in settings.find_country_warnings() {
                    terminal.print(format_args!("Warning: {warning}"));
                }
                Ok(true)
            }
            Err(CommitError::Conflict) => {
                bail!("Another operator has written settings at the same time: look at them (--show), then try again")
            }
            Err(error) => Err(error).context("It is not known whether the settings were written"),
        },
    }
}

/// Writes settings, and has the messages of booked meetings planned again.
async fn write(
    options: &Options,
    connection: &ConnectionName,
    settings: &Settings,
) -> Result<AppliedSettings, CommitError> {
    let sqs = aws_sdk_sqs::Client::new(&runtime::aws::config(runtime::aws::Timeouts::STEADY).await);
    let queue = runtime::Queue::new(sqs, options.due_queue_url.clone());
    let send = async |due: Due| {
        let sent = queue.send(due.to_json(), &due.group(), Duration::ZERO).await;
        sent.map_err(|error| PortError::unavailable_because("the due queue accepted no message", error))
    };
    apply_settings(&options.table.open().await, send, connection, settings, SystemClock.now()).await
}

fn print_applied(applied: &AppliedSettings, connection: &ConnectionName, terminal: &Terminal) {
    let AppliedSettings { version, changes, replan } = applied;
    if changes.is_empty() {
        terminal
            .print(format_args!("Version {version} of the settings of {connection} is the same. Nothing was written."));
    } else {
        terminal.print(format_args!(
            "Version {version} of the settings of {connection} is written. Functions use it within a minute. It changes:"
        ));
    }
    for change in changes {
        terminal.print(format_args!("  {}", change.path));
    }
    if replan.is_some() {
        terminal.print(format_args!("The messages of meetings that are booked are being planned again."));
    }
}

/// Checks the account at the CRM, and creates the attributes that it lacks. Returns what is wrong with the account.
async fn prepare_crm(
    options: &Options,
    connection: &ConnectionName,
    settings: &Settings,
    terminal: &Terminal,
) -> anyhow::Result<Result<(), Vec<String>>> {
    let Some(crm) = &settings.crm else { return Ok(Ok(())) };
    let aws = runtime::aws::config(runtime::aws::Timeouts::STEADY).await;
    let secrets = runtime::Secrets::new(aws_sdk_secretsmanager::Client::new(&aws), &options.secrets.prefix);
    let base_url = options.brevo_api_url.trim_end_matches('/');
    let brevo = crm::Brevo::new(http_client::client()?, base_url, Arc::new(secrets));
    let (created, problems) = brevo.prepare_account(connection, crm, false).await?;
    if !created.is_empty() {
        terminal.print(format_args!("Brevo has new attributes: {}.", created.join(", ")));
    }
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Ok(if problems.is_empty() { Ok(()) } else { Err(problems) })
}

/// Prints errors, each on a line.
pub(crate) fn print_errors(errors: &[DocumentError], terminal: &Terminal) {
    for error in errors {
        terminal.print_error(error);
    }
}

/// Returns `One error` or `2 errors`.
pub(crate) fn count_errors(errors: usize) -> String {
    if errors == 1 { "One error".to_owned() } else { format!("{errors} errors") }
}

/// Reads a .toml, .yaml or .json file, and checks it.
pub(crate) fn read_file(file: &Path) -> anyhow::Result<Checked> {
    let (text, format) = open_file(file)?;
    Ok(settings_document::read_text(&text, format, SystemClock.now()))
}

/// The settings of a file with the errors of their wording, or the errors of a file that can't be read.
pub(crate) type Shown = Result<(Settings, Vec<DocumentError>), Vec<DocumentError>>;

/// Reads a file whose wording may have errors.
pub(crate) fn read_file_for_preview(file: &Path) -> anyhow::Result<Shown> {
    let (text, format) = open_file(file)?;
    Ok(settings_document::read_text_for_preview(&text, format, SystemClock.now()))
}

fn open_file(file: &Path) -> anyhow::Result<(String, Format)> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    match file.extension().and_then(|it| it.to_str()).and_then(Format::parse) {
        Some(format) => Ok((text, format)),
        None => bail!("{} must be a .toml, .yaml or .json file", file.display()),
    }
}
