//! For the person who runs it: connects a Calendly account, writes settings, shows messages, makes keys to our API, tells a
//! booking's story, looks a stack over, lists unhandled events. Whatever it prints is for people, says what to do, and
//! holds no secret, phone number or e-mail address. Two print just that, being asked for it: `unhandled-events --show` personal data,
//! and `api-key add` the key that it has made.

mod account;
mod api_key;
mod callbacks;
mod connect;
mod connection;
mod doctor;
mod explain;
mod preview;
mod report;
mod secrets;
mod settings;
mod unhandled_events;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use domain::ConnectionName;
use runtime::aws::{Timeouts, config};
use store::Table;

use crate::report::Terminal;

/// Runs vai-calendly: AWS is the one of the environment (`AWS_REGION`, `AWS_PROFILE`, …).
#[derive(Parser)]
#[command(name = "operator")]
struct Cli {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Connect(connect::Options),
    Settings(settings::Options),
    Preview(preview::Options),
    ApiKey(api_key::Options),
    Explain(explain::Options),
    Doctor(doctor::Options),
    UnhandledEvents(unhandled_events::Options),
}

/// Whose secrets, settings and bookings.
#[derive(Args)]
struct At {
    /// The connection: 1 to 40 of a-z, 0-9 and -
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = connection, global = true)]
    connection: ConnectionName,
    /// The stack that the environment is of, for the commands that are proposed
    #[arg(long, env = "STACK", global = true, hide = true)]
    stack: Option<String>,
}

/// The stack's table.
#[derive(Args)]
struct Rows {
    /// The table's name
    #[arg(long, env = "TABLE_NAME")]
    table_name: String,
}

impl Rows {
    async fn table(&self) -> Table {
        Table::new(aws_sdk_dynamodb::Client::new(&config(Timeouts::STEADY).await), &self.table_name)
    }
}

/// The stack's secrets.
#[derive(Args)]
struct SecretNames {
    /// What the secrets' names begin with
    #[arg(long = "secret-prefix", env = "SECRET_PREFIX")]
    prefix: String,
}

/// Where Calendly is.
#[derive(Args)]
struct CalendlyApi {
    /// Calendly's base URL
    #[arg(long = "calendly-api-url", env = "CALENDLY_API_URL", default_value = "https://api.calendly.com")]
    base_url: String,
}

impl CalendlyApi {
    fn account(&self, token: domain::Private<String>) -> anyhow::Result<calendly::Account> {
        Ok(calendly::Account::new(http_client::client()?, self.base_url.trim_end_matches('/'), token))
    }
}

fn connection(text: &str) -> Result<ConnectionName, String> {
    ConnectionName::parse(text).ok_or_else(|| "a connection is 1 to 40 of a-z, 0-9 and -".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { at: At { connection, stack }, command } = Cli::parse();
    let (connection, terminal) = (&connection, &Terminal::new(&connection, stack.as_deref()));
    let all_is_well = match command {
        Command::Connect(options) => connect::run(options, connection, terminal).await,
        Command::Settings(options) => settings::run(options, connection, terminal).await,
        Command::Preview(options) => preview::run(options, connection, terminal).await,
        Command::ApiKey(options) => api_key::run(options, connection, terminal).await,
        Command::Explain(options) => explain::run(options, connection, terminal).await,
        Command::Doctor(options) => doctor::run(options, connection, terminal).await,
        Command::UnhandledEvents(options) => unhandled_events::run(options, connection, terminal).await,
    };
    match all_is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            terminal.complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
