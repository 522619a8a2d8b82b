//! `siaga draw-picture`: what the service starts for each picture that somebody looks at.

use std::io;
use std::process::ExitCode;

use crate::pictures::{self, Reader};

/// Draw a picture anew, from the standard input to the standard output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who will see it.
    #[arg(long = "for")]
    reader: Reader,
    /// The memory that it may take, in bytes.
    #[arg(long)]
    memory: u64,
}

/// Draws it. Exit 1, and a line of why, where it cannot.
#[allow(clippy::print_stderr, reason = "the service logs it")]
pub fn run(args: &Args) -> ExitCode {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    match pictures::draw(&mut input, &mut output, args.reader, args.memory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
