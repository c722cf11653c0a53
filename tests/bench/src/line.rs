//! A line to a service: passes everything on, and notes each call and when its answer was there.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::http::Message;

/// A line, open as long as the process lives.
pub(crate) struct Line {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// A call that was answered.
pub(crate) struct Call {
    /// `DynamoDB.BatchGetItem`, `GET /scheduled_events`.
    pub(crate) name: String,
    /// When the service had the whole request.
    pub(crate) asked: Instant,
    /// When its whole answer was here.
    pub(crate) answered: Instant,
    /// The answer's size.
    pub(crate) bytes: usize,
}

impl Line {
    /// Opens one to a service: `http://127.0.0.1:4570/calendly`.
    pub(crate) fn to(service: &str) -> Result<Self, Box<dyn Error>> {
        let rest = service.strip_prefix("http://").ok_or_else(|| format!("{service} does not begin with http://"))?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host: SocketAddr = host.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        let calls = Arc::new(Mutex::default());
        let (noted, base) = (Arc::clone(&calls), path.to_owned());
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let (calls, base) = (Arc::clone(&noted), base.clone());
                // A connection ends with whoever opened it, seldom politely.
                thread::spawn(move || _ = pass_on(caller, host, &base, &calls));
            }
        });
        Ok(Self { url, calls })
    }

    /// Where the service is reached by this line.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn pass_on(mut caller: TcpStream, host: SocketAddr, base: &str, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    let mut service = TcpStream::connect(host)?;
    caller.set_nodelay(true)?;
    service.set_nodelay(true)?;
    let (mut requests, mut answers) = (BufReader::new(caller.try_clone()?), BufReader::new(service.try_clone()?));
    while let Some(request) = Message::read(&mut requests)? {
        let asked = Instant::now();
        service.write_all(&request.bytes)?;
        let Some(answer) = Message::read(&mut answers)? else { break };
        let call = Call { name: name(&request, base), asked, answered: Instant::now(), bytes: answer.body().len() };
        // Noted before it is passed on: whoever has the answer finds the call.
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        caller.write_all(&answer.bytes)?;
    }
    Ok(())
}

fn name(request: &Message, base: &str) -> String {
    // DynamoDB_20120810.BatchGetItem, AmazonSQS.SendMessage.
    if let Some((service, call)) = request.target.split_once('.') {
        let service = service.split('_').next().unwrap_or_default();
        return format!("{}.{call}", service.trim_start_matches("Amazon"));
    }
    let (method, path) = request.method_and_path();
    let family = path.strip_prefix(base).unwrap_or(path).split('/').nth(1).unwrap_or_default();
    format!("{method} /{family}")
}
