//! Runs the sandbox world on `127.0.0.1:$SANDBOX_PORT`.
#![expect(clippy::disallowed_methods, reason = "a port is all there is to configure")]

use std::{env, error::Error};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the address is what a person who starts the program wants to see")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match env::var("SANDBOX_PORT") {
        Ok(port) => port.parse().map_err(|_| format!("SANDBOX_PORT is not a port: {port}"))?,
        Err(_) => 4570,
    };
    let sandbox = sandbox::start(port).await?;
    println!("sandbox world: {}", sandbox.url());
    Ok(sandbox.run().await?)
}
