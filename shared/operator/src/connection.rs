//! The rows of connections, for `doctor`.

use domain::{Connection, ConnectionName, ConnectionStatus};
use engine::PortError;

use crate::report::{Finding, fail, ok, warn};

const TOPIC: &str = "connection";

/// Returns a finding for each connection of the stack, and one if `own` is not among them.
pub(crate) fn check_connections(all: Result<Vec<Connection>, PortError>, own: &ConnectionName) -> Vec<Finding> {
    let all = match all {
        Ok(all) => all,
        Err(error) => return vec![fail(TOPIC, format!("can't be read: {}", domain::error_chain(&error)))],
    };
    let mut findings: Vec<_> = all.iter().map(|it| check_connection(it, it.name == *own)).collect();
    if !all.iter().any(|it| it.name == *own) {
        findings.push(warn(TOPIC, format!("{own} has no row: `make connect` writes it")));
    }
    findings
}

fn check_connection(connection: &Connection, is_own: bool) -> Finding {
    let Connection { name, status, created_at, .. } = connection;
    // A command in backticks is completed with the operator's own connection.
    let advice = if is_own { ": `make connect`" } else { ": connect it again" };
    match status {
        ConnectionStatus::Active => {
            ok(TOPIC, format!("{name} is active, connected first on {}", created_at.strftime("%Y-%m-%d")))
        }
        ConnectionStatus::AwaitingLogin => warn(TOPIC, format!("{name} has no Calendly account yet{advice}")),
        ConnectionStatus::Disabled => warn(TOPIC, format!("{name} is disabled{advice}")),
        ConnectionStatus::NeedsReconnect => warn(TOPIC, format!("{name} needs a new Calendly token{advice}")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::Level;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn all_connections_are_listed_and_a_missing_row_is_reported() {
        let own = ConnectionName::default();
        let connection = |name: &str, status| {
            let name = ConnectionName::parse(name).expect("a name");
            Connection::new(name, at("2026-11-01T08:00:00Z")).with_status(status)
        };
        let lines =
            |all: Vec<Connection>| check_connections(Ok(all), &own).iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = vec![
            connection("acme", ConnectionStatus::Disabled),
            connection("default", ConnectionStatus::Active),
            connection("new", ConnectionStatus::AwaitingLogin),
            connection("other", ConnectionStatus::NeedsReconnect),
        ];
        assert_eq!(
            lines(all),
            [
                "warn  connection    acme is disabled: connect it again",
                "ok    connection    default is active, connected first on 2026-11-01",
                "warn  connection    new has no Calendly account yet: connect it again",
                "warn  connection    other needs a new Calendly token: connect it again",
            ]
        );
        assert_eq!(
            lines(vec![connection("default", ConnectionStatus::NeedsReconnect)]),
            ["warn  connection    default needs a new Calendly token: `make connect`"]
        );
        assert_eq!(lines(vec![]), ["warn  connection    default has no row: `make connect` writes it"]);
        let failed = check_connections(Err(PortError::unavailable("DynamoDB gave no result")), &own);
        assert_eq!(failed[0].level, Level::Fail);
    }
}
