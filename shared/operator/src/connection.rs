//! The rows of connections: `connect` writes one, `doctor` lists all.

use anyhow::bail;
use domain::{CalendlyBinding, Connection, ConnectionName, ConnectionStatus};
use engine::{CommitError, Connections, PortError};
use jiff::Timestamp;

use crate::report::{Finding, fail, ok, warn};

const TOPIC: &str = "connection";

/// Concurrent writers of one row are two operators at most.
const WRITE_TRIES: usize = 3;

/// Writes a connection's row after Calendly was connected. Nothing is written if the row is as it should be.
pub(crate) async fn record_connection(
    store: &impl Connections,
    name: &ConnectionName,
    calendly: CalendlyBinding,
    now: Timestamp,
) -> anyhow::Result<Finding> {
    for _ in 0..WRITE_TRIES {
        let stored = store.load_connection(name).await?;
        let connection = match &stored {
            Some(stored) => stored.reconnected(calendly.clone()),
            None => Connection::new(name.clone(), calendly.clone(), now),
        };
        if stored.as_ref() == Some(&connection) {
            return Ok(ok(TOPIC, "its row is unchanged"));
        }
        match store.write_connection(&connection).await {
            Ok(()) => return Ok(ok(TOPIC, "its row is written")),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Port(error)) => return Err(error.into()),
        }
    }
    bail!("others keep writing it at the same time")
}

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
        ConnectionStatus::Disabled => warn(TOPIC, format!("{name} is disabled{advice}")),
        ConnectionStatus::NeedsReconnect => warn(TOPIC, format!("{name} needs a new Calendly token{advice}")),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::report::Level;

    /// One stored connection, and how many writes are answered with a conflict first.
    #[derive(Default)]
    struct Row {
        stored: RefCell<Option<Connection>>,
        conflicts: RefCell<usize>,
    }

    impl Connections for Row {
        async fn list_connections(&self) -> Result<Vec<Connection>, PortError> {
            Ok(self.stored.borrow().iter().cloned().collect())
        }

        async fn load_connection(&self, _: &ConnectionName) -> Result<Option<Connection>, PortError> {
            Ok(self.stored.borrow().clone())
        }

        async fn write_connection(&self, connection: &Connection) -> Result<(), CommitError> {
            if *self.conflicts.borrow() > 0 {
                *self.conflicts.borrow_mut() -= 1;
                return Err(CommitError::Conflict);
            }
            *self.stored.borrow_mut() = Some(Connection { revision: connection.revision + 1, ..connection.clone() });
            Ok(())
        }
    }

    fn binding(subscription: &str) -> CalendlyBinding {
        CalendlyBinding { organization: "O1".to_owned(), user: "U1".to_owned(), subscription: subscription.to_owned() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[tokio::test]
    async fn a_row_is_written_once_for_each_subscription_and_keeps_its_age() {
        let (row, name) = (Row::default(), ConnectionName::default());
        let connect = async |subscription: &str, now: &str| {
            record_connection(&row, &name, binding(subscription), at(now)).await.expect("a finding").to_string()
        };
        assert!(connect("S1", "2026-11-01T08:00:00Z").await.ends_with("written"));
        assert!(connect("S1", "2026-11-02T08:00:00Z").await.ends_with("unchanged"));
        *row.conflicts.borrow_mut() = 2;
        assert!(connect("S2", "2026-11-03T08:00:00Z").await.ends_with("written"));
        let first = Connection::new(name.clone(), binding("S2"), at("2026-11-01T08:00:00Z"));
        assert_eq!(*row.stored.borrow(), Some(Connection { revision: 2, ..first }));

        *row.conflicts.borrow_mut() = WRITE_TRIES;
        assert!(record_connection(&row, &name, binding("S3"), at("2026-11-04T08:00:00Z")).await.is_err());
    }

    #[test]
    fn all_connections_are_listed_and_a_missing_row_is_reported() {
        let own = ConnectionName::default();
        let connection = |name: &str, status| {
            let name = ConnectionName::parse(name).expect("a name");
            Connection { status, ..Connection::new(name, binding("S1"), at("2026-11-01T08:00:00Z")) }
        };
        let lines =
            |all: Vec<Connection>| check_connections(Ok(all), &own).iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = vec![
            connection("acme", ConnectionStatus::Disabled),
            connection("default", ConnectionStatus::Active),
            connection("other", ConnectionStatus::NeedsReconnect),
        ];
        assert_eq!(
            lines(all),
            [
                "warn  connection    acme is disabled: connect it again",
                "ok    connection    default is active, connected first on 2026-11-01",
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
