//! Printing what others wrote: names and messages of files, pages and sites.

use std::io::{self, Write};

use crate::domain::printable;

/// The standard output, to which only what can be seen gets.
pub(super) fn stdout() -> Printable<io::Stdout> {
    Printable(io::stdout())
}

/// The error stream, likewise.
pub(super) fn stderr() -> Printable<io::Stderr> {
    Printable(io::stderr())
}

/// A place for text, with what would control a terminal written out; what is no UTF-8 becomes
/// U+FFFD. Line breaks and tabs stay.
#[derive(Debug)]
pub struct Printable<W>(pub W);

impl<W: Write> Write for Printable<W> {
    // Whoever formats text hands over whole characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable::lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
