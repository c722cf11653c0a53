//! The part of HTTP/1.1 that the SDK, the Lambda runtime and the services here use: every body has a `Content-Length`.

use std::io::{self, BufRead};

/// A request or a response.
pub(crate) struct Message {
    /// All bytes, as received.
    pub(crate) bytes: Vec<u8>,
    /// `X-Amz-Target`, which names the call to AWS.
    pub(crate) target: String,
    body_at: usize,
}

impl Message {
    /// Reads the next message. `None` when the connection was closed.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let (mut bytes, mut target, mut length) = (Vec::new(), String::new(), 0);
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        loop {
            let line_at = bytes.len();
            reader.read_until(b'\n', &mut bytes)?;
            let line = String::from_utf8_lossy(&bytes[line_at..]);
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                "transfer-encoding" => return Err(io::Error::other("a body without a length")),
                "x-amz-target" => target = value.trim().to_owned(),
                _ => {}
            }
        }
        let body_at = bytes.len();
        bytes.resize(body_at + length, 0);
        reader.read_exact(&mut bytes[body_at..])?;
        Ok(Some(Self { bytes, target, body_at }))
    }

    /// Returns a request's method and path, without the query.
    pub(crate) fn method_and_path(&self) -> (&str, &str) {
        let line = self.bytes.split(|it| *it == b'\n').next().unwrap_or_default();
        let mut words = std::str::from_utf8(line).unwrap_or_default().split([' ', '?']);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body_at..]
    }
}
