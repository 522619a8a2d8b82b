//! The flows of a configuration, read from their folder.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::config::Config;
use crate::probe::definition::Flow;
use crate::probe::error_pages::ErrorPages;
use crate::probe::flow_file::{self, ERROR_PAGES};
use crate::toml_reader::Problem;

/// Every flow below the configured folder, and the known error pages; or every mistake.
///
/// # Errors
/// One error that lists all mistakes, a line each.
pub fn read(config: &Config) -> anyhow::Result<(Vec<Arc<Flow>>, ErrorPages)> {
    let folder = &config.site.probes;
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| {
            format!(
                "the folder of flows, `{}`, cannot be read: `[site] probes` (or `--probes` of the \
                 demonstration) names it",
                folder.display()
            )
        })?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    let names = config.variable_names();
    let mut problems: Vec<Problem> = Vec::new();
    let mut flows = Vec::new();
    let mut error_pages = ErrorPages::built_in();
    for path in paths {
        if path.file_name().is_some_and(|name| name == ERROR_PAGES) {
            let text = std::fs::read_to_string(&path)?;
            match ErrorPages::load(&text, &path.display().to_string()) {
                Ok(pages) => error_pages = pages,
                Err(found) => problems.extend(found),
            }
        } else {
            match flow_file::open(&path, Some(&names)) {
                Ok(flow) => flows.push(Arc::new(flow)),
                Err(found) => problems.extend(found),
            }
        }
    }
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        bail!("the flows have mistakes:\n{}", lines.join("\n"));
    }
    if flows.is_empty() {
        bail!("there is no flow in {}", folder.display());
    }
    Ok((flows, error_pages))
}
