//! What a service logs: text for people, JSON for machines, on standard error.

use anyhow::Result;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// The form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `HOSTLER_LOG` chooses what is logged, for instance `info,hostler_node=debug`.
pub(crate) fn start(format: LogFormat) -> Result<()> {
    let filter = EnvFilter::builder()
        .with_env_var("HOSTLER_LOG")
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into());
    let builder = fmt().with_env_filter(filter.from_env()?).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("logging does not start: {e}"))
}
