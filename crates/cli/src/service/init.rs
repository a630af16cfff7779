//! Begins a farm: its first broker, its first administrator, and a desktop for everybody.

use super::config::{BrokerSection, LocalConfig, Place};
use super::member::{MemberDir, Membership};
use anyhow::{Context, Result, bail};
use clap::Args;
use hostler_broker::Clock;
use hostler_broker::rest::hash_password;
use hostler_events::AuthorKey;
use hostler_events::payload::{Audience, ItemPublished};
use hostler_log::EventLog;
use hostler_log_rocks::RocksLog;
use hostler_model::{AdminId, BrokerId, Feed, HlcClock, Incarnation, ItemId, Launch, MemberRole, Name, SiteId};
use hostler_node::{Author, Founding, found};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use rand::TryRng;
use rand::rngs::SysRng;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Letters and digits of a first password that can't be mistaken for each other.
const PASSWORD_LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
/// Characters of a first password: 80 bits.
const PASSWORD_CHARACTERS: usize = 16;

/// The first site's name unless `--site` gives another.
const FIRST_SITE: &str = "main";

/// Begins a farm on this machine.
#[derive(Args, Clone, Debug)]
pub(crate) struct InitArgs {
    /// The farm's name
    #[arg(long, default_value = "farm")]
    pub(crate) farm: Name,
    /// This broker's name; the machine's name unless given
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// The name or address by which others reach this machine; needed where there is no configuration file yet
    #[arg(long)]
    pub(crate) address: Option<String>,
    /// The address to listen on
    #[arg(long)]
    pub(crate) listen: Option<IpAddr>,
    /// The first administrator's name
    #[arg(long, default_value = "admin")]
    pub(crate) admin: Name,
    /// Publish no desktop for everybody
    #[arg(long)]
    pub(crate) no_desktop: bool,
    /// Where keys and the log are kept, where there is no configuration file yet
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// What `init` made, for programs.
#[derive(serde::Serialize)]
struct Made {
    farm: Name,
    broker: BrokerId,
    name: Name,
    admin: Name,
    password: String,
    config: PathBuf,
}

/// Begins a farm.
pub(crate) fn init(args: &InitArgs, site: Option<&str>, config_path: &Path, json: bool) -> Result<()> {
    let site_name: Name = site.unwrap_or(FIRST_SITE).parse().context("--site, the first site's name")?;
    let config = config(args, config_path)?;
    let section = config.broker()?;
    let folder = MemberDir::of(&config.data_dir, MemberRole::Broker);
    if folder.is_taken() {
        bail!("a broker is a member of a farm in {} already; nothing was changed", folder.path().display());
    }
    let key = folder.prepare()?;
    let log_path = folder.path().join("log");
    let mut log = RocksLog::open(&log_path)?;
    if log.count() > 0 {
        bail!("there is a log in {} already; nothing was changed", log_path.display());
    }
    let me = BrokerId(key.fingerprint().0);
    let name = args.name.clone().map_or_else(machine_name, Ok)?;
    let password = password()?;
    let wall = Clock::default().now().wall;
    let feed = Feed { broker: me, incarnation: Incarnation { ordinal: 1, random: u64::from_le_bytes(random()?) } };
    let site = SiteId(random()?);
    let author_key = AuthorKey::from_secret(key.secret());
    let mut author = Author::new(author_key, feed, site, 0, hostler_events::Hash::ZERO, HlcClock::default());
    let desktop = ItemPublished {
        item: ItemId(random()?),
        name: "Desktop".parse()?,
        launch: Launch::Desktop,
        audience: Audience { everyone: true, ..Audience::default() },
        hosts: None,
        default: true,
    };
    let founding = Founding {
        farm: args.farm.clone(),
        site,
        site_name,
        broker_name: name.clone(),
        key: key.public(),
        addresses: section.addresses()?,
        admin: AdminId(random()?),
        admin_name: args.admin.clone(),
        password_hash: hash_password(&password)?,
        item: (!args.no_desktop).then_some(desktop),
    };
    let events = found(&mut author, wall, founding)?;
    let epoch = events.first().map(|e| e.header().epoch).context("a farm begins with a promotion")?;
    log.append(&events)?;
    let entry =
        BrokerEntry { id: me, name: name.clone(), key: key.public(), addresses: section.addresses()?, enabled: true };
    let brokers = BrokerList { epoch, changed: epoch.hlc, brokers: vec![entry] };
    folder.keep(&Membership {
        role: MemberRole::Broker,
        id: Some(key.fingerprint()),
        farm: args.farm.clone(),
        site,
        name: name.clone(),
        brokers,
    })?;
    let made = Made {
        farm: args.farm.clone(),
        broker: me,
        name,
        admin: args.admin.clone(),
        password,
        config: config_path.to_path_buf(),
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(());
    }
    println!("The farm {:?} has begun, with this machine as its first broker, {}.", made.farm.as_str(), made.name);
    println!();
    println!("  administrator  {}", made.admin);
    println!(
        "  password       {}    (shown this once; change it with: hostler admin passwd {})",
        made.password, made.admin
    );
    println!("  key            {me}");
    println!();
    println!("Next:  hostler broker run --config {}", config_path.display());
    println!("then:  hostler login --broker {}", section.addresses()?.access);
    println!("and:   hostler token create broker | gateway | agent, for the machines that shall join");
    Ok(())
}

/// The configuration that is there, or a new one.
fn config(args: &InitArgs, path: &Path) -> Result<LocalConfig> {
    let place = Place { address: args.address.as_deref(), listen: args.listen, data_dir: args.data_dir.as_deref() };
    LocalConfig::load_or_create(path, &place, |config, address, listen| {
        config.broker = Some(BrokerSection::at(address, listen));
        config.broker()?.addresses().map(drop)
    })
}

/// The machine's name, as a member's name.
pub(crate) fn machine_name() -> Result<Name> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").context("can't read the machine's name")?;
    text.trim().parse().with_context(|| format!("the machine's name {text:?} can't be a member's name: say --name"))
}

fn password() -> Result<String> {
    let bytes: [u8; PASSWORD_CHARACTERS] = random()?;
    Ok(bytes.iter().map(|b| char::from(PASSWORD_LETTERS[usize::from(b % 32)])).collect())
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes)
}
