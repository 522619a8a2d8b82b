//! What the process says of itself: logs and metrics.
//!
//! Owns the set-up of logging, the names of the metrics, and what is kept out of both:
//! personal data and secrets. Whoever has something to count calls a function here, or is
//! handed one, since lower floors must not know this file.

mod metrics;
mod redact;

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::domain::printable::one_line;

pub use metrics::{CONTENT_TYPE, Metrics};
pub use redact::redacted;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    #[default]
    Human,
    /// One JSON object a line, for collectors.
    Json,
}

/// What is logged where the environment says nothing: ours in full, and of the libraries
/// only trouble.
const DEFAULT: &str = "info,sqlx=warn,hyper=warn,h2=warn,lettre=warn,html5ever=error";
/// The variable of the environment that changes it, in `tracing`'s own words:
/// `SIAGA_LOG=debug`, `SIAGA_LOG=info,siaga::probe=trace`.
pub const VARIABLE: &str = "SIAGA_LOG";
/// What is never logged, whatever the variable says: this part of the IMAP library writes out
/// every command that it sends, and so the mailbox's password.
const NEVER: &str = "async_imap::imap_stream=off";

/// Starts logging to the error stream; every line passes [`redacted`] and
/// [`one_line`]. Call it once.
///
/// # Errors
/// Where the variable cannot be understood, or logging was started before.
pub fn init(format: Format) -> anyhow::Result<()> {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = filter(&wanted)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours would stand between names and values, where they keep `redacted` from seeing them.
        .with_ansi(false)
        .with_writer(Redacting(io::stderr));
    match format {
        Format::Human => lines.compact().with_target(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}

/// What is logged where the variable says this.
///
/// # Errors
/// Where it cannot be understood.
pub fn filter(wanted: &str) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        anyhow::anyhow!("{VARIABLE} is not understood ({error}); write for example `info`")
    })?;
    Ok(filter.add_directive(NEVER.parse()?))
}

/// Where log lines go, redacted on the way, with what would control a terminal written out.
#[derive(Clone, Copy, Debug)]
pub struct Redacting<M>(pub M);

/// One line on its way.
#[derive(Debug)]
pub struct Line<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = Line<M::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

impl<W: Write> Write for Line<W> {
    // The subscriber hands over a whole event at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = redacted(&text);
        let event = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(self.0, "{}", one_line(event))?;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
