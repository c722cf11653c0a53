//! Runs the sandbox world on `127.0.0.1:$SANDBOX_PORT`. With `TABLE_NAME` set, its agent writes the metadata of what it
//! books into that DynamoDB table.
#![expect(clippy::disallowed_methods, reason = "a port and a table are all there is to configure")]

use std::{env, error::Error, sync::Arc};

use domain::{ConnectionName, Private, Token};
use runtime::aws::{self, Patience};
use sandbox::agent::{Metadata, MetadataRows, NoRows, Put};

/// The program's own table.
struct Rows(store::Table);

impl MetadataRows for Rows {
    fn put<'a>(&'a self, connection: &'a str, token: &'a str, metadata: &'a Metadata) -> Put<'a> {
        Box::pin(async move {
            let connection = ConnectionName::parse(connection).ok_or("that is no connection's name")?;
            let token = Token::parse(token).ok_or("that is no token")?;
            let row = domain::Metadata {
                conversation_id: metadata.conversation_id.clone(),
                user_id: Some(metadata.user_id.clone()),
                agent_type: Some(metadata.agent_type.clone()),
                event_type: Some(metadata.event_type.clone()),
                source: Some(metadata.source.clone()),
                notes: metadata.notes.clone().map(Private::new),
                phone: metadata.phone.clone().map(Private::new),
                language: metadata.language.clone(),
                created_at: jiff::Timestamp::now(),
            };
            self.0.put_metadata(&connection, &token, &row).await.map_err(|error| error.to_string())
        })
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the address is what a person who starts the program wants to see")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match env::var("SANDBOX_PORT") {
        Ok(port) => port.parse().map_err(|_| format!("SANDBOX_PORT is not a port: {port}"))?,
        Err(_) => 4570,
    };
    let rows: Arc<dyn MetadataRows> = match env::var("TABLE_NAME") {
        Ok(table) => {
            let sdk = aws::config(Patience::STEADY).await;
            Arc::new(Rows(store::Table::new(aws_sdk_dynamodb::Client::new(&sdk), table)))
        }
        Err(_) => Arc::new(NoRows),
    };
    let sandbox = sandbox::start(port, rows).await?;
    println!("sandbox world: {}", sandbox.url());
    Ok(sandbox.run().await?)
}
