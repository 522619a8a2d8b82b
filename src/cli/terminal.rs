//! The one place where commands print. Names and messages come from files, pages, sites and the
//! database: whatever in them would control a terminal is written out.

use std::fmt;
use std::io::{self, Write};

use crate::domain::printable;

/// As the macro of the standard library.
macro_rules! checked_print {
    ($($text:tt)*) => {
        $crate::cli::terminal::print(format_args!($($text)*))
    };
}

/// As the macro of the standard library.
macro_rules! checked_println {
    ($($text:tt)*) => {
        $crate::cli::terminal::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// As the macro of the standard library.
macro_rules! checked_eprintln {
    ($($text:tt)*) => {
        $crate::cli::terminal::eprint(format_args!("{}\n", format_args!($($text)*)))
    };
}

pub(super) use {checked_eprintln as eprintln, checked_print as print, checked_println as println};

#[allow(clippy::print_stdout, reason = "all commands print here")]
pub(super) fn print(text: fmt::Arguments<'_>) {
    std::print!("{}", printable::lines(&text.to_string()));
}

#[allow(clippy::print_stderr, reason = "all commands print here")]
pub(super) fn eprint(text: fmt::Arguments<'_>) {
    std::eprint!("{}", printable::lines(&text.to_string()));
}

/// The standard output for `writeln!`, where a reader that went away is to be noticed.
pub(super) fn stdout() -> Printable<io::Stdout> {
    Printable(io::stdout())
}

/// The error stream, likewise.
pub(super) fn stderr() -> Printable<io::Stderr> {
    Printable(io::stderr())
}

/// A place for text. Line breaks and tabs stay as they are.
#[derive(Debug)]
pub(super) struct Printable<W>(W);

impl<W: Write> Write for Printable<W> {
    // Whoever formats text hands over whole characters; the rest of any other becomes U+FFFD.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable::lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
