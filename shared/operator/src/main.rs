//! For the person who runs it: connects a Calendly account, writes settings, tells a booking's story, looks a stack
//! over, lists the events without effect. Whatever it prints is for people, says what to do, and holds no secret, phone
//! number or e-mail address; `kept --show` alone prints personal data, which is what it is asked for.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its terminal")]

mod account;
mod connect;
mod doctor;
mod explain;
mod kept;
mod report;
mod settings;
mod vault;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use domain::ConnectionName;

/// Runs vai-calendly: AWS is the one of the environment (`AWS_REGION`, `AWS_PROFILE`, …).
#[derive(Parser)]
#[command(name = "operator")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Connect(connect::Options),
    Settings(settings::Options),
    Explain(explain::Options),
    Doctor(doctor::Options),
    Kept(kept::Options),
}

/// Whose secrets, settings and bookings.
#[derive(Args)]
struct Connection {
    /// The connection: 1 to 40 of a-z, 0-9 and -
    #[arg(long = "connection", value_name = "NAME", default_value = "default", value_parser = connection)]
    name: ConnectionName,
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
        Ok(calendly::Account::new(notify::http::client()?, self.base_url.trim_end_matches('/'), token))
    }
}

fn connection(text: &str) -> Result<ConnectionName, String> {
    ConnectionName::parse(text).ok_or_else(|| "a connection is 1 to 40 of a-z, 0-9 and -".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let all_is_well = match Cli::parse().command {
        Command::Connect(options) => connect::run(options).await,
        Command::Settings(options) => settings::run(options).await,
        Command::Explain(options) => explain::run(options).await,
        Command::Doctor(options) => doctor::run(options).await,
        Command::Kept(options) => kept::run(options).await,
    };
    match all_is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
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
