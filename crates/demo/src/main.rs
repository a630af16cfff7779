//! `hostler-demo`: a farm to try out, and its parts. What they do is in the library beside it.

use anyhow::Context;
use clap::{Parser, Subcommand};
use hostler_demo::farm::{self, FarmOptions};
use hostler_demo::host::{Alone, Colour, HostConfig, SessionHost, one_password};
use hostler_demo::member;
use hostler_model::Name;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The demo farm of Hostler. Without a command: the farm.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    farm: FarmOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Brokers, a gateway and session hosts as separate processes on this machine, and how to reach them
    Farm(FarmOptions),
    /// Run one session host that has joined a farm (hostler join TOKEN)
    Host {
        /// What is local to the host: its name, the address to listen on, its data directory
        #[arg(long)]
        config: PathBuf,
    },
    /// Run one session host without a farm: every user gets the same desktop, with one password
    Alone {
        /// The address to listen on
        #[arg(long, default_value = "127.0.0.1:3390")]
        listen: SocketAddr,
        /// The host's name
        #[arg(long, default_value = "rdsh1")]
        name: Name,
        /// The password of every user
        #[arg(long, env = "HOSTLER_DEMO_PASSWORD", default_value = "demo")]
        password: String,
        /// The name of the desktop
        #[arg(long, default_value = "Desktop")]
        item: Name,
    },
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Without a backtrace: what went wrong is in the words.
        eprintln!("hostler-demo: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOSTLER_LOG").unwrap_or_else(|_| {
        "info,ironrdp_server=error,ironrdp_acceptor=error,ironrdp_connector=off,rustls=error".into()
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    let Arguments { command, farm } = Arguments::parse();
    match command.unwrap_or(Command::Farm(farm)) {
        Command::Farm(options) => farm::run(&options),
        Command::Host { config } => member::run(&config).map(|()| ExitCode::SUCCESS),
        Command::Alone { listen, name, password, item } => {
            let colour = Colour::of_host(name.as_str());
            let (check, greeter) = (one_password(&password), Arc::new(Alone { item }));
            let host = SessionHost::start(HostConfig { name, listen, colour, check, greeter })?;
            println!("Try: xfreerdp /v:{} /u:alice /p:{password} /cert:ignore", host.address());
            wait_for_ctrl_c().map(|()| ExitCode::SUCCESS)
        }
    }
}

fn wait_for_ctrl_c() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c()).context("can't wait for Ctrl-C")
}
