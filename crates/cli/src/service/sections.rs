//! Sections of the configuration for roles that a machine shall have: those that are there stay as they are, to the
//! letter; others are put behind them.

use super::config::{AgentSection, BrokerSection, GatewaySection, LocalConfig};
use anyhow::{Context, Result};
use hostler_deploy::{Opening, RoleWanted};
use hostler_model::{Address, MemberRole};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What a role needs in a configuration that does not have it yet.
#[derive(Clone, Debug)]
pub(crate) struct NewRole {
    /// Which.
    pub(crate) role: MemberRole,
    /// By which others reach the machine; needed only where there is no section yet.
    pub(crate) address: Option<String>,
    /// Where it listens; everywhere unless given.
    pub(crate) listen: Option<IpAddr>,
    /// The RDP ports of a gateway or a session host.
    pub(crate) rdp_ports: Vec<u16>,
}

/// The configuration with sections for these roles: its text, and what it means.
pub(crate) fn with_roles(existing: Option<&str>, roles: &[NewRole]) -> Result<(String, LocalConfig)> {
    let there = match existing {
        Some(text) => toml::from_str(text).context("the configuration that is there is not understood")?,
        None => LocalConfig::fresh(),
    };
    let mut added = LocalConfig::default();
    for new in roles {
        match new.role {
            MemberRole::Broker if there.broker.is_none() => added.broker = Some(new.broker()?),
            MemberRole::Gateway if there.gateway.is_none() => added.gateway = Some(new.gateway()?),
            MemberRole::Agent if there.agent.is_none() => added.agent = Some(new.agent()?),
            _ => {}
        }
    }
    let text = match existing {
        None => LocalConfig { data_dir: there.data_dir, ..added }.text()?,
        Some(text) if added == LocalConfig::default() => text.to_string(),
        Some(text) => format!("{}\n\n{}", text.trim_end(), sections(&added)?),
    };
    let config = toml::from_str(&text).context("the sections can't be added to the configuration that is there")?;
    Ok((text, config))
}

/// The sections alone.
fn sections(config: &LocalConfig) -> Result<String> {
    let mut table = toml::Table::try_from(config)?;
    table.remove("data_dir");
    Ok(toml::to_string_pretty(&table)?)
}

impl NewRole {
    fn address(&self) -> Result<&str> {
        let role = self.role;
        self.address.as_deref().with_context(|| {
            format!("the configuration has no [{role}] section: say --address, by which others reach this machine")
        })
    }

    fn broker(&self) -> Result<BrokerSection> {
        let section = BrokerSection::at(self.address()?, self.everywhere());
        section.addresses().map(|_| section)
    }

    fn gateway(&self) -> Result<GatewaySection> {
        let mut section = GatewaySection::at(self.with_port()?, self.everywhere());
        if self.address()?.parse::<Address>().is_err() {
            section.listen = self.rdp_ports.iter().map(|port| SocketAddr::new(self.everywhere(), *port)).collect();
        }
        Ok(section)
    }

    fn agent(&self) -> Result<AgentSection> {
        Ok(AgentSection::at(self.with_port()?))
    }

    fn everywhere(&self) -> IpAddr {
        self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// The address with the port that it names, else with the first of the role's.
    fn with_port(&self) -> Result<Address> {
        let port = *self.rdp_ports.first().context("say at least one RDP port")?;
        let text = self.address()?;
        text.parse().or_else(|_| Address::new(text, port)).with_context(|| format!("the address {text:?}"))
    }
}

/// The ports that others must reach for a role, by its configuration.
pub(crate) fn wanted(config: &LocalConfig, role: MemberRole) -> Result<RoleWanted> {
    let mut openings = match role {
        MemberRole::Broker => {
            let broker = config.broker()?;
            vec![
                Opening::udp(broker.join_port),
                Opening::tcp(broker.access_port),
                Opening::udp(broker.access_port),
                Opening::udp(broker.agent_port),
                Opening::udp(broker.peer_port),
            ]
        }
        MemberRole::Gateway => {
            let from_outside = config.gateway()?.listen.iter().filter(|listen| !listen.ip().is_loopback());
            from_outside.map(|listen| Opening::tcp(listen.port())).collect()
        }
        MemberRole::Agent => vec![Opening::tcp(config.agent()?.address.port())],
    };
    let mut seen = Vec::new();
    openings.retain(|opening| {
        !seen.contains(opening) && {
            seen.push(*opening);
            true
        }
    });
    Ok(RoleWanted { role, openings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(role: MemberRole, address: &str, ports: &[u16]) -> NewRole {
        NewRole { role, address: Some(address.into()), listen: None, rdp_ports: ports.to_vec() }
    }

    const HEAD: &str =
        "# What is local to this machine. Everything else is in the farm's log.\ndata_dir = \"/var/lib/hostler\"\n";
    const BROKER: &str = "[broker]\naddress = \"b2\"\nlisten = \"0.0.0.0\"\njoin_port = 20001\naccess_port = 20002\n\
                          agent_port = 20003\npeer_port = 20030\n";

    #[test]
    fn what_is_there_stays() {
        let gateway = "[gateway]\naddress = \"b2:3389\"\nlisten = [\n    \"0.0.0.0:3389\",\n    \"0.0.0.0:443\",\n]\n";
        let both = [new(MemberRole::Broker, "b2", &[]), new(MemberRole::Gateway, "b2", &[3_389, 443])];
        let agent = [new(MemberRole::Agent, "h1", &[3_390])];
        let own = "# mine\ndata_dir = \"/srv\" # here\n[broker]\naddress = \"old\"\n";
        for (existing, roles, want) in [
            (None, &both[..], format!("{HEAD}\n{BROKER}\n{gateway}")),
            (None, &agent[..], format!("{HEAD}\n[agent]\naddress = \"h1:3390\"\nsource = \"xrdp\"\n")),
            (Some(own), &both[..1], own.to_string()),
            (Some(own), &both[..], format!("{own}\n{gateway}")),
        ] {
            let (text, _) = with_roles(existing, roles).unwrap();
            assert_eq!(text, want);
            // To do it again changes nothing.
            assert_eq!(with_roles(Some(&text), roles).unwrap().0, text);
        }
    }

    #[test]
    fn what_can_not_be_done() {
        let nowhere = NewRole { address: None, ..new(MemberRole::Broker, "", &[]) };
        for (existing, role, want) in [
            (Some("nonsense"), new(MemberRole::Broker, "b2", &[]), "the configuration that is there is not understood"),
            (
                None,
                nowhere,
                "the configuration has no [broker] section: say --address, by which others reach this machine",
            ),
            (None, new(MemberRole::Broker, "b 2", &[]), "[broker] address \"b 2\""),
            (None, new(MemberRole::Gateway, "g", &[]), "say at least one RDP port"),
        ] {
            assert_eq!(with_roles(existing, &[role]).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn which_ports_others_must_reach() {
        let text = "[broker]\naddress = \"b\"\npeer_port = 30030\n[gateway]\naddress = \"g:3389\"\n\
                    listen = [\"0.0.0.0:3389\", \"[::]:3389\", \"127.0.0.1:9\", \"10.0.0.1:443\"]\n[agent]\naddress = \"h:3390\"\n";
        let config: LocalConfig = toml::from_str(text).unwrap();
        for (role, want) in [
            (MemberRole::Broker, "20001/udp 20002/tcp 20002/udp 20003/udp 30030/udp"),
            (MemberRole::Gateway, "3389/tcp 443/tcp"),
            (MemberRole::Agent, "3390/tcp"),
        ] {
            let openings: Vec<String> =
                wanted(&config, role).unwrap().openings.iter().map(ToString::to_string).collect();
            assert_eq!(openings.join(" "), want);
        }
    }
}
