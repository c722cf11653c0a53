//! A proxy to a service, which records each call and its times.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::http::Message;

/// A proxy, which runs as long as the process.
pub(crate) struct RecordingProxy {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// An answered call.
pub(crate) struct Call {
    /// Such as `DynamoDB.BatchGetItem` or `GET /scheduled_events`.
    pub(crate) name: String,
    /// When the whole request had arrived.
    pub(crate) started: Instant,
    /// When the whole answer had arrived.
    pub(crate) answered: Instant,
    /// The size of the answer's body.
    pub(crate) bytes: usize,
}

impl RecordingProxy {
    /// Starts a proxy to a service, such as `http://127.0.0.1:4570/calendly`.
    pub(crate) fn start(service: &str) -> Result<Self, Box<dyn Error>> {
        let rest = service.strip_prefix("http://").ok_or_else(|| format!("{service} does not begin with http://"))?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host: SocketAddr = host.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        let calls = Arc::new(Mutex::default());
        let (recorded, base) = (Arc::clone(&calls), path.to_owned());
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let (calls, base) = (Arc::clone(&recorded), base.clone());
                // A connection ends with the process that opened it, often with an error.
                thread::spawn(move || _ = forward(caller, host, &base, &calls));
            }
        });
        Ok(Self { url, calls })
    }

    /// The URL of the service through this proxy.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn forward(mut caller: TcpStream, host: SocketAddr, base: &str, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    let mut service = TcpStream::connect(host)?;
    caller.set_nodelay(true)?;
    service.set_nodelay(true)?;
    let (mut requests, mut answers) = (BufReader::new(caller.try_clone()?), BufReader::new(service.try_clone()?));
    while let Some(request) = Message::read(&mut requests)? {
        let started = Instant::now();
        service.write_all(&request.bytes)?;
        let Some(answer) = Message::read(&mut answers)? else { break };
        let call =
            Call { name: name_call(&request, base), started, answered: Instant::now(), bytes: answer.body().len() };
        // Recorded before the answer is forwarded, so that the receiver of the answer finds the call.
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        caller.write_all(&answer.bytes)?;
    }
    Ok(())
}

fn name_call(request: &Message, base: &str) -> String {
    // DynamoDB_20120810.BatchGetItem, AmazonSQS.SendMessage.
    if let Some((service, call)) = request.target.split_once('.') {
        let service = service.split('_').next().unwrap_or_default();
        return format!("{}.{call}", service.trim_start_matches("Amazon"));
    }
    let (method, path) = request.method_and_path();
    let family = path.strip_prefix(base).unwrap_or(path).split('/').nth(1).unwrap_or_default();
    format!("{method} /{family}")
}
