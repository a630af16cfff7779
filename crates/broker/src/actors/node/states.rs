//! The states that readers get.

use hostler_model::SiteId;
use hostler_views::{State, Views};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Brings the states of all sites in line with the views. One that did not change stays the same pointer; of one that
/// did, only what changed is copied.
pub(super) fn follow(sites: &mut BTreeMap<SiteId, Arc<State>>, views: &Views) {
    for (id, timeline) in views.timelines() {
        let state = sites.entry(*id).or_default();
        if **state != *timeline.state() {
            *state = Arc::new(timeline.state().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::testing::{SITE, Written};
    use hostler_brokering::CatalogKeeper;
    use hostler_events::payload::{HostJoined, TokenCreated, UserAdded};
    use hostler_events::{Actor, AuthorKey, Event};
    use hostler_model::{BrokerId, HostId, Incarnation, MemberRole, Mono, Now, PublicKey, TokenId, UserId, Wall};
    use hostler_node::{Command, Input, Node, NodeConfig, Output};
    use hostler_seating::site::{Site, SiteInput};
    use hostler_wire::MemberKey;
    use std::time::{Duration, Instant};

    const NOW: Now = Now { wall: Wall(3_000), mono: Mono(0) };
    const BATCHES: u32 = 30;
    const ROUNDS: u32 = 10;
    /// A command in the large farm may take so many times as long as in the small one. Before the maps were shared it
    /// was several hundred times.
    const TIMES: u32 = 3;

    /// A broker without its sockets and its disk: what a command passes through.
    struct Broker {
        node: Node,
        sites: BTreeMap<SiteId, Arc<State>>,
        keeper: CatalogKeeper,
        seating: Site,
    }

    impl Broker {
        fn of_farm(users: u32, hosts: u32) -> Self {
            let key = MemberKey::from_seed(&[1; 32]);
            let me = BrokerId(key.fingerprint().0);
            let mut farm = Written::new(&key);
            let token = TokenId([1; 16]);
            farm.write(&Event::TokenCreated(TokenCreated {
                token,
                role: MemberRole::Agent,
                issuer: me,
                verifier: [0; 32],
                expires: Wall(9_000),
            }));
            // Ids are random bits, so what belongs together in time is not together in the maps.
            let bytes = |n: u32| *blake3::hash(&n.to_be_bytes()).as_bytes();
            let id = |n: u32| *bytes(n).first_chunk().unwrap();
            for n in 0..hosts {
                farm.write(&Event::HostJoined(HostJoined {
                    host: HostId(id(n)),
                    name: format!("host{n}").parse().unwrap(),
                    key: PublicKey(bytes(n)),
                    address: "10.0.0.1:3389".parse().unwrap(),
                    token,
                }));
            }
            for n in 0..users {
                let name = format!("user{n:05}").parse().unwrap();
                farm.write(&Event::UserAdded(UserAdded { user: UserId(id(n)), name }));
            }
            let config = NodeConfig {
                me,
                site: SITE,
                key: AuthorKey::from_secret(key.secret()),
                trusted: vec![(me, key.public())],
                incarnation: Incarnation { ordinal: 1, random: 1 },
                seed: [1; 32],
                unread: Vec::new(),
            };
            let mut broker = Self {
                node: Node::new(config, farm.events, NOW),
                sites: BTreeMap::new(),
                keeper: CatalogKeeper::default(),
                seating: Site::new(me, [1; 32]),
            };
            broker.node.handle(NOW, Input::Tick);
            broker.publish();
            let state = &broker.sites[&SITE];
            assert_eq!((state.users.len(), state.hosts.len()), (users as usize, hosts as usize));
            broker
        }

        fn publish(&mut self) {
            follow(&mut self.sites, self.node.views());
            let catalog = self.keeper.follow(&self.sites[&SITE]);
            self.seating.handle(NOW, SiteInput::Catalog(Arc::new(catalog)));
        }

        fn command(&mut self, command: Command) {
            let input = Input::Command { token: 1, actor: Actor::System, command: Box::new(command) };
            self.node.handle(NOW, input);
            let mut answered = false;
            while let Some(output) = self.node.poll() {
                match output {
                    Output::Append { batch, .. } => self.node.handle(NOW, Input::Appended { batch }),
                    Output::Reply { result, .. } => {
                        answered = true;
                        result.unwrap();
                    }
                    _ => {}
                }
            }
            assert!(answered);
            self.publish();
        }

        /// How long a batch of commands takes.
        fn batch(&mut self, n: u32) -> Duration {
            let begun = Instant::now();
            for round in 0..ROUNDS {
                let name = format!("new{n}x{round}");
                let drain = Some(round % 2 == 0);
                self.command(Command::AddUser { name: name.parse().unwrap() });
                self.command(Command::ChangeHost {
                    host: "host1".into(),
                    name: None,
                    drain,
                    hard_cap: None,
                    logon_slots: None,
                    address: None,
                });
                self.command(Command::RemoveUser { user: name });
            }
            begun.elapsed()
        }
    }

    /// The fastest batch of each counts, and they take turns: what else the machine does only makes them slower.
    #[test]
    fn a_command_takes_no_longer_in_a_large_farm() {
        let mut farms = [Broker::of_farm(100, 20), Broker::of_farm(20_000, 5_000)];
        let [small, large] = (0..BATCHES).fold([Duration::MAX; 2], |[small, large], n| {
            let [in_small, in_large] = farms.each_mut().map(|farm| farm.batch(n));
            [small.min(in_small), large.min(in_large)]
        });
        println!("{} commands: {small:?} in the small farm, {large:?} in the large one", 3 * ROUNDS);
        assert!(large < small * TIMES, "{large:?} in the large farm, {small:?} in the small one");
    }
}
