//! The sandbox: one server on loopback that simulates Calendly, the messaging providers (`EngageLab`, Twilio, Brevo,
//! Amazon SES) and the VAI Portal.
//!
//! Each simulated service has state and refuses what the real one refuses. Faults can be ordered for each (`faults`).
//! `/people` does what a person does on Calendly's pages, `/control` changes the sandbox, and `/`, `/inbox.json`,
//! `/calendly.json` and `/receiver.json` show what was received.
//!
//! | path | simulates | module |
//! |---|---|---|
//! | `/calendly` | `https://api.calendly.com` | `calendly` |
//! | `/calendly-auth` | `https://auth.calendly.com` | `calendly::login_routes` |
//! | `/engagelab` | `https://smsapi.engagelab.com` | `engagelab` |
//! | `/twilio` | `https://api.twilio.com` | `twilio` |
//! | `/brevo` | `https://api.brevo.com` | `brevo` (e-mails), `crm` |
//! | `/ses` | `https://email.eu-west-1.amazonaws.com` | `ses` |
//! | `/vai` | the VAI Portal's own API | `vai` |
//! | `/receiver` | a customer's receiver of our webhooks | `receiver` |
#![expect(
    clippy::disallowed_methods,
    reason = "the sandbox uses the real clock, its own HTTP client and background tasks"
)]

mod brevo;
mod brevo_error;
mod calendly;
mod callbacks;
mod check;
mod control;
mod crm;
mod crm_account;
mod engagelab;
mod faults;
mod inbox;
pub mod keys;
mod local_only;
mod mail;
mod mailboxes;
mod misbehave;
mod people;
mod phones;
mod random;
mod rate;
mod receipts;
mod receiver;
mod receiver_routes;
mod replies;
mod segments;
mod ses;
mod settings;
mod signature;
mod sms;
mod twilio;
mod vai;
mod world;

use std::{io, net::Ipv4Addr};

use axum::{Router, middleware};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{faults::Target, world::World};

/// A running sandbox. Dropping it stops the server.
pub struct Sandbox {
    url: String,
    server: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Returns its base URL, for example `http://127.0.0.1:4570`.
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

/// Starts the sandbox on 127.0.0.1 at `port` (0: any free port).
pub async fn start(port: u16) -> io::Result<Sandbox> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let world = World::new().map_err(io::Error::other)?;
    let server = tokio::spawn(async move { axum::serve(listener, routes(world)).await });
    Ok(Sandbox { url, server })
}

fn routes(world: World) -> Router {
    Router::new()
        .nest("/calendly", misbehave::guard(calendly::routes(&world), &world, Target::Calendly))
        .nest("/calendly-auth", misbehave::guard(calendly::login_routes::routes(), &world, Target::CalendlyAuth))
        .nest("/engagelab", misbehave::guard(engagelab::routes(), &world, Target::EngageLab))
        .nest("/twilio", misbehave::guard(twilio::routes(), &world, Target::Twilio))
        .nest("/brevo", misbehave::guard(brevo::routes().merge(crm::routes()), &world, Target::Brevo))
        .nest("/ses", misbehave::guard(ses::routes(), &world, Target::Ses))
        .nest("/vai", misbehave::guard(vai::routes(), &world, Target::Vai))
        .merge(people::routes())
        .merge(replies::routes())
        .merge(receiver_routes::routes())
        .merge(control::routes())
        .merge(inbox::routes())
        .with_state(world)
        .layer(middleware::from_fn(local_only::refuse_foreign))
}
