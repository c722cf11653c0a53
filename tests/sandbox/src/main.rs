//! Runs the sandbox on `127.0.0.1:$SANDBOX_PORT`.
#![expect(clippy::disallowed_methods, reason = "the port is the only configuration")]

use std::{env, error::Error};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the person who starts the program needs the address")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match env::var("SANDBOX_PORT") {
        Ok(port) => port.parse().map_err(|_| format!("SANDBOX_PORT is not a port: {port}"))?,
        Err(_) => 4570,
    };
    let sandbox = sandbox::start(port).await?;
    println!("sandbox: {}", sandbox.url());
    Ok(sandbox.run().await?)
}
