//! A program that runs as a function in Lambda, and Linux's statistics of its process.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

/// `USER_HZ`, which is 100 on every machine type of Lambda.
const TICKS_PER_SECOND: f64 = 100.0;

/// A function's binary.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) size: u64,
    binary: PathBuf,
}

impl Program {
    /// Finds `target/lambda/<name>/bootstrap`, which `make build` writes.
    pub(crate) fn find(name: &'static str) -> Result<Self, String> {
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lambda").join(name).join("bootstrap");
        let size = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
        Ok(Self { name, size, binary })
    }
}

/// A running function; dropping it ends the process.
pub(crate) struct Function {
    process: Child,
    started: Instant,
}

impl Function {
    /// Starts a program in an environment like Lambda's. Its log is beside its binary.
    pub(crate) fn start(program: &Program, stand_in: SocketAddr, extra: &[(String, String)]) -> io::Result<Self> {
        let log = File::create(program.binary.with_file_name("bench.log"))?;
        let mut command = Command::new(&program.binary);
        command
            .env_clear()
            .envs([
                ("_HANDLER", "bootstrap"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_DEFAULT_REGION", "eu-west-1"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
                ("AWS_LAMBDA_FUNCTION_NAME", program.name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef"),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                ("AWS_SESSION_TOKEN", "a-session-token"),
                ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
                ("LAMBDA_TASK_ROOT", "/var/task"),
                ("LANG", "en_US.UTF-8"),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("TZ", ":UTC"),
                // Those of the template.
                ("DELIVERIES_QUEUE_ARN", "arn:aws:sqs:eu-west-1:000000000000:deliveries"),
                ("DELIVERIES_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/000000000000/deliveries"),
                ("INTAKE_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/000000000000/intake"),
                ("LOG_LEVEL", "info"),
                ("SCHEDULER_DLQ_ARN", "arn:aws:sqs:eu-west-1:000000000000:scheduler-dlq"),
                ("SCHEDULER_ROLE_ARN", "arn:aws:iam::000000000000:role/scheduler"),
                ("SCHEDULE_GROUP", "vai-calendly"),
                ("SECRETS_KEY_ARN", "arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
                ("SECRET_PREFIX", "vai-calendly/"),
                ("PEPPER_SECRET", "vai-calendly/pepper"),
                ("SIGNATURE_TOLERANCE_SECONDS", "300"),
                ("TABLE_NAME", "vai-calendly"),
            ])
            .env("AWS_LAMBDA_RUNTIME_API", stand_in.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://{stand_in}"))
            .env("LOOPBACK_RECEIVERS", stand_in.to_string())
            .envs(extra.iter().cloned())
            .stdout(log);
        let started = Instant::now();
        Ok(Self { process: command.spawn()?, started })
    }

    /// Returns when the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Returns user and system time so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, String> {
        let stat = self.read_proc("stat")?;
        // The second field is the program's name in brackets; utime and stime are the 14th and the 15th.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|it| it.parse().ok()).collect();
        if ticks.len() == 2 { Ok((ticks[0] + ticks[1]) / TICKS_PER_SECOND) } else { Err(format!("stat: {stat}")) }
    }

    /// Returns the CPU time of the main thread, which does all the work of a function, to the nanosecond.
    pub(crate) fn main_thread_seconds(&self) -> Result<f64, String> {
        let stat = self.read_proc("schedstat")?;
        let nanoseconds: Option<f64> = stat.split(' ').next().and_then(|it| it.parse().ok());
        nanoseconds.map(|it| it / 1e9).ok_or_else(|| format!("schedstat: {stat}"))
    }

    /// Returns the peak of the resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64, String> {
        let status = self.read_proc("status")?;
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak.map(|kib: u64| kib * 1024).ok_or_else(|| format!("status: {status}"))
    }

    fn read_proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.process.id());
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Lambda kills functions too. A process that has ended by itself can't be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
