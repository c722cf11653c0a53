//! A writer with a limit.

use std::io;

/// A text that refuses to grow beyond a limit.
#[derive(Debug)]
pub struct Bounded {
    text: String,
    longest: usize,
    full: bool,
}

impl Bounded {
    /// Makes an empty text of at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { text: String::new(), longest, full: false }
    }

    /// Returns whether a piece was refused because it did not fit.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Returns the text.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.longest - self.text.len() {
            self.full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.text.push_str(std::str::from_utf8(piece).map_err(io::Error::other)?);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
