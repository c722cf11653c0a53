//! Stands in for AWS on loopback: SQS and Secrets Manager, whose calls it answers at once and counts, and the Lambda Runtime
//! API, by which the benchmark hands out events.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::event::SIGNING_KEY;
use crate::http::Message;

/// How long a function may let us wait; Lambda's own limit for init.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it has for an event, as it is told. The schedule function begins nothing within the last ten seconds.
const TIME_OUT: Duration = Duration::from_secs(30);

const RUNTIME_API: &str = "/2018-06-01/runtime/";
const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// AWS, on one port.
pub(crate) struct StandIn {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    asked: Receiver<Asked>,
}

/// A request that was read from a connection and waits for its response.
pub(crate) struct Asked {
    request: Message,
    arrived: Instant,
    connection: TcpStream,
}

/// How a function answered an event.
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) body: String,
    /// From the event's handing out.
    pub(crate) seconds: f64,
}

impl StandIn {
    /// Listens, on any free port.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicUsize::new(0));
        let (sender, asked) = channel();
        let counter = Arc::clone(&calls);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (sender, counter) = (sender.clone(), Arc::clone(&counter));
                // A connection ends with the function that opened it, seldom politely.
                thread::spawn(move || _ = serve(connection, &sender, &counter));
            }
        });
        Ok(Self { address, calls, asked })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often AWS was called so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The function's asking for an event.
    pub(crate) fn ready(&self) -> Result<Asked, Box<dyn Error>> {
        self.wait_for("/invocation/next")
    }

    /// Hands an event to a function that asks for one: its answer, and its asking for the next.
    pub(crate) fn invoke(&self, asked: Asked, event: &str) -> Result<(Answer, Asked), Box<dyn Error>> {
        let deadline = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + TIME_OUT;
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: {REQUEST_ID}\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:000000000000:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-67890abc-0123456789abcdef01234567;Sampled=0\r\n",
            deadline.as_millis()
        );
        let begun = Instant::now();
        asked.respond("200 OK", &headers, event)?;
        let answer = self.wait_for("/response")?;
        let seconds = answer.since(begun);
        let response: Value = serde_json::from_slice(answer.request.body())?;
        answer.respond("202 Accepted", "", r#"{"status":"OK"}"#)?;
        let status = response["statusCode"].as_u64().unwrap_or_default();
        let body = response["body"].as_str().unwrap_or_default().to_owned();
        Ok((Answer { status, body, seconds }, self.ready()?))
    }

    fn wait_for(&self, what: &str) -> Result<Asked, Box<dyn Error>> {
        let asked = self.asked.recv_timeout(PATIENCE).map_err(|_| format!("the function is silent: no …{what}"))?;
        let (_, path) = asked.request.method_and_path();
        if path.ends_with(what) {
            return Ok(asked);
        }
        Err(format!("instead of …{what}: {path} {}", String::from_utf8_lossy(asked.request.body())).into())
    }
}

impl Asked {
    /// Seconds from an instant to this request's arrival.
    pub(crate) fn since(&self, instant: Instant) -> f64 {
        self.arrived.duration_since(instant).as_secs_f64()
    }

    fn respond(mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        // One write: a second one would be a second packet to wait for.
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.connection.write_all(response.as_bytes())
    }
}

/// Reads one connection's requests: those of the Runtime API are for the benchmark, all else is a call of AWS.
fn serve(connection: TcpStream, runtime: &Sender<Asked>, calls: &AtomicUsize) -> Result<(), Box<dyn Error>> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    while let Some(request) = Message::read(&mut reader)? {
        let asked = Asked { request, arrived: Instant::now(), connection: connection.try_clone()? };
        if asked.request.method_and_path().1.starts_with(RUNTIME_API) {
            runtime.send(asked)?;
        } else {
            calls.fetch_add(1, Ordering::SeqCst);
            answer_as_aws(asked)?;
        }
    }
    Ok(())
}

fn answer_as_aws(asked: Asked) -> io::Result<()> {
    let body = match asked.request.target.as_str() {
        "AmazonSQS.SendMessage" => json!({
            "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
            "MD5OfMessageBody": "fafb00f5732ab283681e124bf8747ed1",
        }),
        "AmazonSQS.GetQueueAttributes" => json!({
            "Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:000000000000:intake"},
        }),
        "secretsmanager.GetSecretValue" => json!({
            "ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:vai-calendly/default/signing-a1b2c3",
            "Name": "vai-calendly/default/signing",
            "SecretString": json!({"calendly": [SIGNING_KEY]}).to_string(),
            "VersionId": "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
        }),
        _ => return asked.respond("400 Bad Request", "", r#"{"__type":"UnknownOperationException"}"#),
    };
    asked.respond("200 OK", "", &body.to_string())
}
