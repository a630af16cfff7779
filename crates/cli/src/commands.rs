//! The commands that ask a broker, one file for each group of them.

mod adding;
mod admins;
mod alarms;
mod backup;
mod connect;
mod items;
mod log;
mod login;
mod members;
mod own_services;
mod people;
mod sessions;
mod settings;
mod simulate;
mod sites;
mod status;
mod tokens;

use crate::args::{AgentCommand, AlarmCommand, BrokerCommand, Cli, Command, GatewayCommand, HostCommand, KeyCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::service;
use clap::CommandFactory;

/// Carries out a command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global;
    let context = || Context::new(global);
    match cli.command {
        Command::Login(args) => login::login(global, &args).await,
        Command::Logout => login::logout(),
        Command::Alarm(AlarmCommand::List) => alarms::list(&context()?).await,
        Command::Alarm(command) => alarms::show(&command, global.json),
        Command::Status => status::status(&context()?).await,
        Command::Init(args) => {
            on_own_thread(|| service::init(&args, global.site.as_deref(), &global.config, global.json))
        }
        Command::Join(args) => on_own_thread(|| service::join(&args, &global.config, global.json)),
        Command::Agent(AgentCommand::Run(args)) => on_own_thread(|| service::run_agent(&args, &global.config)),
        Command::Broker(BrokerCommand::Run(args)) => on_own_thread(|| service::run_broker(&args, &global.config)),
        Command::Gateway(GatewayCommand::Run(args)) => on_own_thread(|| service::run_gateway(&args, &global.config)),
        Command::Key(KeyCommand::Rotate { role }) => {
            on_own_thread(|| service::rotate_keys(role, &global.config, global.json))
        }
        Command::Service(command) => own_services::service(global, &command).await,
        Command::Broker(BrokerCommand::Add(args)) => adding::broker(global, &args).await,
        Command::Host(HostCommand::Add(args)) => adding::host(global, &args).await,
        Command::Gateway(GatewayCommand::Add(args)) => adding::gateway(global, &args).await,
        Command::Site(command) => sites::site(&context()?, &command).await,
        Command::Broker(BrokerCommand::Ask(command)) => members::broker(&context()?, &command).await,
        Command::Host(HostCommand::Ask(command)) => members::host(&context()?, &command).await,
        Command::Gateway(GatewayCommand::Ask(command)) => members::gateway(&context()?, &command).await,
        Command::User(command) => people::user(&context()?, &command).await,
        Command::Group(command) => people::group(&context()?, &command).await,
        Command::Admin(command) => admins::admin(&context()?, &command).await,
        Command::Token(command) => tokens::token(&context()?, &command).await,
        Command::ApiToken(command) => tokens::api_token(&context()?, &command).await,
        Command::Settings(command) => settings::settings(&context()?, &command).await,
        Command::Publish(command) => items::publish(&context()?, &command).await,
        Command::Unpublish { item } => items::unpublish(&context()?, &item).await,
        Command::Items => items::list(&context()?).await,
        Command::Item(command) => items::item(&context()?, &command).await,
        Command::Session(command) => sessions::session(&context()?, &command).await,
        Command::Why { session } => sessions::why(&context()?, &session).await,
        Command::Connect(args) => connect::connect(&context()?, &args).await,
        Command::Backup(args) => backup::backup(&context()?, &args).await,
        Command::Restore(args) => on_own_thread(|| service::restore(&args, &global.config, global.json)),
        Command::Log(command) => log::log(global, &command).await,
        Command::Simulate(args) => simulate::simulate(global, &args),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "hostler", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// A service brings runtimes of its own, which can't be started inside another: it gets a thread.
fn on_own_thread(service: impl FnOnce() -> anyhow::Result<()> + Send) -> Result<(), Failure> {
    let ended = std::thread::scope(|scope| scope.spawn(service).join());
    ended.unwrap_or_else(|_| Err(anyhow::anyhow!("the service ended by a fault of its own"))).map_err(Failure::from)
}
