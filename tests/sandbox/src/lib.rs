//! The outside world on loopback: one server that plays Calendly, those who carry messages (`EngageLab`, Twilio, Brevo,
//! Amazon SES) and the VAI Portal.
//!
//! Every part holds state and refuses what the real service refuses. Every part can be told to misbehave (`faults`).
//! `/people` does what a person does on Calendly's pages, `/control` steers the world, and `/`, `/inbox.json` and
//! `/calendly.json` show what was received.
//!
//! | path | plays | module |
//! |---|---|---|
//! | `/calendly` | `https://api.calendly.com` | `calendly` |
//! | `/engagelab` | `https://smsapi.engagelab.com` | `engagelab` |
//! | `/twilio` | `https://api.twilio.com` | `twilio` |
//! | `/brevo` | `https://api.brevo.com` | `brevo` |
//! | `/ses` | `https://email.eu-west-1.amazonaws.com` | `ses` |
//! | `/vai` | the VAI Portal's own API | `vai` |
#![expect(
    clippy::disallowed_methods,
    reason = "the outside world has its own clock, its own client and tasks that stay"
)]

mod brevo;
mod calendly;
mod check;
mod control;
mod engagelab;
mod faults;
mod inbox;
mod mail;
mod people;
mod phones;
mod random;
mod receipts;
mod segments;
mod ses;
mod twilio;
mod vai;
mod world;

use std::{io, net::Ipv4Addr};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{faults::Target, world::World};

/// What a caller shows to be let in.
pub mod keys {
    /// Calendly's bearer token.
    pub const CALENDLY: &str = "sandbox-token";
    /// User name and password of the SMS provider's Basic authentication: `dev_key:dev_secret`.
    pub const ENGAGELAB: &str = "sandbox-key:sandbox-secret";
    /// User name and secret that its callbacks are signed with.
    pub const ENGAGELAB_CALLBACK: &str = "sandbox-callback-user:sandbox-callback-secret";
    /// The `Authorization` header of its callbacks.
    pub const ENGAGELAB_CALLBACK_AUTHORIZATION: &str = "Bearer sandbox-callback-auth";
    /// Twilio's account, the user name of its Basic authentication.
    pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
    /// Twilio's auth token: the password, and what its webhooks are signed with.
    pub const TWILIO_TOKEN: &str = "sandbox-twilio-token";
    /// Brevo's `api-key`.
    pub const BREVO: &str = "sandbox-brevo-key";
    /// The bearer token of Brevo's webhooks.
    pub const BREVO_BEARER: &str = "sandbox-brevo-bearer";
    /// The VAI Portal's bearer key.
    pub const VAI: &str = "sandbox-vai-key";
}

/// A running sandbox. It ends when dropped.
pub struct Sandbox {
    url: String,
    server: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Where it listens, for example `http://127.0.0.1:4570`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until the process ends or the listener fails.
    pub async fn run(mut self) -> io::Result<()> {
        (&mut self.server).await.map_err(io::Error::other)?
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Starts the world on 127.0.0.1 at `port` (0: any free one).
pub async fn start(port: u16) -> io::Result<Sandbox> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let world = World::new().map_err(io::Error::other)?;
    let server = tokio::spawn(async move { axum::serve(listener, routes(world)).await });
    Ok(Sandbox { url, server })
}

fn routes(world: World) -> Router {
    Router::new()
        .nest("/calendly", faults::guard(calendly::routes(&world), &world, Target::Calendly))
        .nest("/engagelab", faults::guard(engagelab::routes(), &world, Target::EngageLab))
        .nest("/twilio", faults::guard(twilio::routes(), &world, Target::Twilio))
        .nest("/brevo", faults::guard(brevo::routes(), &world, Target::Brevo))
        .nest("/ses", faults::guard(ses::routes(), &world, Target::Ses))
        .nest("/vai", faults::guard(vai::routes(), &world, Target::Vai))
        .merge(people::routes())
        .merge(phones::routes())
        .merge(control::routes())
        .merge(inbox::routes())
        .with_state(world)
}
