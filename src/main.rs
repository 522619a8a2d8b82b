//! The `siaga` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    siaga::cli::main()
}
