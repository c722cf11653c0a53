//! A stand-in for AWS on loopback: SQS, Secrets Manager, DynamoDB and KMS, whose calls it answers at once and counts,
//! and the Lambda Runtime API, through which the benchmark sends events. It is a receiver of deliveries, too.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::answer::Answer;
use crate::delivery::{self, DeliveryServices};
use crate::event::SIGNING_KEY;
use crate::http::Message;

/// The longest wait for a function: Lambda's limit for init.
const WAIT_LIMIT: Duration = Duration::from_secs(10);

/// The time-out of an event that the function sees. The schedule function begins no effect in its last ten seconds.
const TIME_OUT: Duration = Duration::from_secs(30);

const RUNTIME_API: &str = "/2018-06-01/runtime/";
const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// The stand-in, on one port.
pub(crate) struct StandIn {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    requests: Receiver<PendingRequest>,
}

/// A request that waits for its response.
pub(crate) struct PendingRequest {
    message: Message,
    arrived: Instant,
    connection: TcpStream,
}

impl StandIn {
    /// Starts it on any free port.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = channel();
        let (counter, services) = (Arc::clone(&calls), Arc::new(DeliveryServices::new(address)?));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (sender, counter, services) = (sender.clone(), Arc::clone(&counter), Arc::clone(&services));
                // A connection ends with the function that opened it, often with an error.
                thread::spawn(move || _ = serve(connection, &sender, &counter, &services));
            }
        });
        Ok(Self { address, calls, requests })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of calls to AWS so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until the function asks for an event.
    pub(crate) fn ready(&self) -> Result<PendingRequest, Box<dyn Error>> {
        self.wait_for("/invocation/next")
    }

    /// Sends an event to a function that request for one; returns its answer and its request for the next event.
    pub(crate) fn invoke(
        &self,
        request: PendingRequest,
        event: &str,
    ) -> Result<(Answer, PendingRequest), Box<dyn Error>> {
        let deadline = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + TIME_OUT;
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: {REQUEST_ID}\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:000000000000:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-67890abc-0123456789abcdef01234567;Sampled=0\r\n",
            deadline.as_millis()
        );
        let started = Instant::now();
        request.respond("200 OK", &headers, event)?;
        let answer = self.wait_for("/response")?;
        let seconds = answer.since(started);
        let response = serde_json::from_slice(answer.message.body())?;
        answer.respond("202 Accepted", "", r#"{"status":"OK"}"#)?;
        Ok((Answer { response, seconds }, self.ready()?))
    }

    fn wait_for(&self, path_end: &str) -> Result<PendingRequest, Box<dyn Error>> {
        let request =
            self.requests.recv_timeout(WAIT_LIMIT).map_err(|_| format!("the function is silent: no …{path_end}"))?;
        let (_, path) = request.message.method_and_path();
        if path.ends_with(path_end) {
            return Ok(request);
        }
        Err(format!("instead of …{path_end}: {path} {}", String::from_utf8_lossy(request.message.body())).into())
    }
}

impl PendingRequest {
    /// Returns the seconds from an instant to this request's arrival.
    pub(crate) fn since(&self, instant: Instant) -> f64 {
        self.arrived.duration_since(instant).as_secs_f64()
    }

    fn respond(mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        // One write: a second write would be a second packet to wait for.
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.connection.write_all(response.as_bytes())
    }
}

/// Serves one connection. Requests of the Runtime API go to the benchmark; all others are deliveries or calls to AWS.
fn serve(
    connection: TcpStream,
    runtime: &Sender<PendingRequest>,
    calls: &AtomicUsize,
    services: &DeliveryServices,
) -> Result<(), Box<dyn Error>> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    while let Some(message) = Message::read(&mut reader)? {
        let request = PendingRequest { message, arrived: Instant::now(), connection: connection.try_clone()? };
        match request.message.method_and_path().1 {
            path if path.starts_with(RUNTIME_API) => runtime.send(request)?,
            delivery::RECEIVER => request.respond("200 OK", "", r#"{"received":true}"#)?,
            _ => {
                calls.fetch_add(1, Ordering::SeqCst);
                answer_as_aws(request, services)?;
            }
        }
    }
    Ok(())
}

fn answer_as_aws(request: PendingRequest, services: &DeliveryServices) -> Result<(), Box<dyn Error>> {
    let body = match request.message.target.as_str() {
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
        target => match services.answer(target, &serde_json::from_slice(request.message.body())?) {
            Some(body) => body,
            None => {
                request.respond("400 Bad Request", "", r#"{"__type":"UnknownOperationException"}"#)?;
                return Ok(());
            }
        },
    };
    request.respond("200 OK", "", &body.to_string())?;
    Ok(())
}
