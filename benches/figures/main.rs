//! The figures that Siaga promises, each measured beside its reference in the same run.
//!
//! `make bench` runs all of them; names of figures as arguments choose some. Everything
//! stays on this machine's loopback, every load is bounded in count or time, and what was
//! started is stopped. The figures are reported, never asserted: a busy machine makes a
//! slow clock, not a wrong program.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what this program prints is its product"
)]

mod browser;
mod checks;
mod memory;
mod outages;
mod page;
mod process;
mod reports;
mod servers;
mod table;

use std::process::ExitCode;

use table::Row;

/// The figures by name, and what each is about.
const FIGURES: [(&str, &str); 7] = [
    ("checks", "CPU of one HTTP check"),
    ("memory", "memory of a thousand flows"),
    ("page", "GET / beside nginx"),
    ("reports", "reports acknowledged beside bare writes"),
    ("outages", "from the first failure to page and webhook"),
    ("browser", "a browser flow beside a bare script"),
    (
        BROWSER_MEMORY,
        "500 browser runs: memory, leftovers (8 minutes; only when named)",
    ),
];
/// The figure that takes so long that it is only measured when it is asked for.
const BROWSER_MEMORY: &str = "browser-memory";
/// With more than this running already, the figures are noise.
const IDLE: f64 = 0.7;

fn main() -> ExitCode {
    // `cargo bench` adds an option of its own.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let unknown: Vec<&String> = asked
        .iter()
        .filter(|name| FIGURES.iter().all(|(known, _)| known != name))
        .collect();
    if !unknown.is_empty() {
        eprintln!("There is no figure {unknown:?}. There are:");
        for (name, about) in FIGURES {
            eprintln!("  {name:14} {about}");
        }
        return ExitCode::from(2);
    }
    // As the program itself does: two libraries bring a provider of their own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("No runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let load_before = process::load();
    if load_before > IDLE {
        println!(
            "Warning: the load is {load_before:.2} before anything began; take these figures as noise."
        );
    }
    let mut rows = Vec::new();
    for (name, about) in FIGURES {
        let is_asked = asked.iter().any(|one| one == name);
        if !is_asked && (!asked.is_empty() || name == BROWSER_MEMORY) {
            continue;
        }
        println!("\n== {name}: {about}");
        let measured = runtime.block_on(async {
            match name {
                "checks" => checks::measure().await,
                "memory" => memory::measure().await,
                "page" => page::measure().await,
                "reports" => reports::measure().await,
                "outages" => Box::pin(outages::measure()).await,
                "browser" => browser::measure().await,
                _ => browser::memory().await,
            }
        });
        match measured {
            Ok(measured) => rows.extend(measured),
            Err(error) => rows.push(Row::failed(name, &format!("{error:#}"))),
        }
    }
    table::print(&rows, load_before, process::load());
    ExitCode::SUCCESS
}
