//! The program that prints what arrives.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use jiff::Timestamp;
use signing::{Delivery, Secret, SigningKeyPair, SigningKeys, sign_delivery};

struct Catch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Drop for Catch {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a process that runs");
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

impl Catch {
    fn start(secret: &str) -> Self {
        let mut command = Command::new("python3");
        command.arg(file("catch.py")).args(["--port", "0"]).env("WEBHOOK_SECRET", secret).env_remove("KEYS_URL");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("Python");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let first = lines.next().expect("a line").expect("text");
        let url = first.strip_prefix("catch: ").and_then(|it| it.split_once(',')).expect("its address").0.to_owned();
        Self { child, lines, url }
    }

    /// Delivers a body signed with a secret. Returns the status of the answer, and what is printed but for the time.
    #[expect(clippy::disallowed_methods, reason = "the program compares timestamps with the machine's clock")]
    async fn deliver(&mut self, secret: &Secret, body: &str) -> (u16, Vec<String>) {
        let delivery =
            Delivery::new("evt_1", "booking.created", "wh_1", Timestamp::now(), body.as_bytes()).expect("a delivery");
        let ed25519 = Some(SigningKeyPair::from_seed([1; 32]));
        let keys = SigningKeys { current: secret.clone(), previous: Vec::new(), ed25519 };
        let request = http_client::client().expect("a client").post(&self.url).body(body.to_owned());
        let request =
            sign_delivery(&delivery, &keys).into_iter().fold(request, |it, (name, value)| it.header(name, value));
        let status = http_client::send(request).await.expect("an answer").status().as_u16();
        let mut lines: Vec<_> =
            self.lines.by_ref().map(|it| it.expect("text")).take_while(|it| !it.is_empty()).collect();
        lines[0].replace_range(..10, "");
        (status, lines)
    }
}

const BODY: &str = r#"{"sequence":{"stream":"booking/b","number":2,"previous":"sha256:0"},"name":"Ană\u202e\u001b"}"#;

#[tokio::test]
async fn deliveries_are_printed_with_what_their_signatures_show() {
    let (secret, other) = (Secret::generate([1; 32]), Secret::generate([2; 32]));
    let mut catch = Catch::start(secret.expose());
    let pretty = [
        "  {",
        "    \"sequence\": {",
        "      \"stream\": \"booking/b\",",
        "      \"number\": 2,",
        "      \"previous\": \"sha256:0\"",
        "    },",
        "    \"name\": \"Ană\\u202e\\u001b\"",
        "  }",
    ];
    let (status, lines) = catch.deliver(&secret, BODY).await;
    let head = ["booking.created  evt_1", "  booking/b number 2  v1 ok, v1a not checked"];
    assert_eq!(status, 200);
    assert_eq!(lines, [&head, &pretty[..]].concat());
    let (status, lines) = catch.deliver(&other, BODY).await;
    assert_eq!((status, lines[1].as_str()), (401, "  booking/b number 2  REFUSED: no signature v1 is right"));
    let (status, lines) = catch.deliver(&secret, "no JSON\n\u{1b}[2J").await;
    assert_eq!(
        (status, &lines[1..]),
        (200, &["  v1 ok, v1a not checked", "  no JSON", "  \\x1b[2J"].map(str::to_owned)[..])
    );
}

#[tokio::test]
async fn without_a_secret_nothing_is_checked() {
    let mut catch = Catch::start("");
    let (status, lines) = catch.deliver(&Secret::generate([2; 32]), "{}").await;
    assert_eq!((status, lines[1].as_str()), (200, "  v1 not checked, v1a not checked"));
}
