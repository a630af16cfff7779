//! What a service logs: text for people, JSON for machines, on standard error.

use anyhow::{Context, Result};
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Chooses what is logged, for instance `info,hostler_node=debug`.
const VARIABLE: &str = "HOSTLER_LOG";
/// What is logged unless said otherwise: the web server's own start-up lines are of no use to anybody.
const DEFAULT: &str = "info,actix_server=warn";

/// The form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging.
pub(crate) fn start(format: LogFormat) -> Result<()> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text).with_context(|| format!("{VARIABLE}={text:?} is not understood"))?,
        Err(_) => EnvFilter::new(DEFAULT),
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("logging does not start: {e}"))
}
