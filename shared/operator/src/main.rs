//! The operator's program: connects a Calendly account, writes settings, previews messages, makes API keys, explains a
//! booking, checks a stack, lists unhandled events and checks the statistics of webhook endpoints.
//!
//! What it prints is for people, says what to do, and has no secret, phone number or e-mail address. There are two
//! exceptions, on request: `unhandled-events --show` prints personal data, and `api-key add` prints the new key.

mod account;
mod api_key;
mod callbacks;
mod concurrency;
mod connect;
mod connection;
mod doctor;
mod endpoints;
mod explain;
mod oauth_app;
mod options;
mod preview;
mod report;
mod secrets;
mod ses;
mod settings;
mod statistics;
mod unhandled_events;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::options::ConnectionOptions;
use crate::report::Terminal;

/// Operates a stack of vai-calendly. The environment selects the AWS account (`AWS_REGION`, `AWS_PROFILE`, …)
#[derive(Parser)]
#[command(name = "operator")]
struct Cli {
    #[command(flatten)]
    at: ConnectionOptions,
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
    Doctor(Box<doctor::Options>),
    UnhandledEvents(unhandled_events::Options),
    CheckStatistics(statistics::Options),
    OauthApp(oauth_app::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { at: ConnectionOptions { connection, stack }, command } = Cli::parse();
    let (connection, terminal) = (&connection, &Terminal::new(&connection, stack.as_deref()));
    let succeeded = match command {
        Command::Connect(options) => connect::run(options, connection, terminal).await,
        Command::Settings(options) => settings::run(options, connection, terminal).await,
        Command::Preview(options) => preview::run(options, connection, terminal).await,
        Command::ApiKey(options) => api_key::run(options, connection, terminal).await,
        Command::Explain(options) => explain::run(options, connection, terminal).await,
        Command::Doctor(options) => doctor::run(*options, connection, terminal).await,
        Command::UnhandledEvents(options) => unhandled_events::run(options, connection, terminal).await,
        Command::CheckStatistics(options) => statistics::run(options, connection, terminal).await,
        Command::OauthApp(options) => oauth_app::run(options, connection, terminal).await,
    };
    match succeeded {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            terminal.print_error(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
