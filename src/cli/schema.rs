//! `siaga schema`: what editors check the files that people write against.

use std::process::ExitCode;

use super::terminal::println;
use crate::config;
use crate::probe::flow_file::keys;

/// Print the JSON schema (draft 7) of flow files or of siaga.toml, for editors.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which file it is for.
    pub file: File,
    /// Print the reference for people instead.
    #[arg(long)]
    pub reference: bool,
}

/// The files that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum File {
    /// A flow file.
    Flow,
    /// The configuration.
    Config,
}

/// Prints it.
pub fn run(args: &Args) -> ExitCode {
    let text = match (args.file, args.reference) {
        (File::Flow, true) => keys::reference(),
        (File::Config, true) => config::EXAMPLE.to_owned(),
        (File::Flow, false) => format!("{:#}\n", keys::schema()),
        (File::Config, false) => format!("{:#}\n", config::schema()),
    };
    println!("{}", text.trim_end());
    ExitCode::SUCCESS
}
