//! The digest of a state: equal states, and only those, have the same.

use crate::names::Names;
use crate::records::{Admin, ApiToken, Gateway, Group, Host, Item, JoinToken, Settlement, User};
use crate::{State, Views};
use hostler_events::{EventRef, Hash, codec};
use hostler_model::{AdminId, GatewayId, GroupId, HostId, ItemId, SiteId, Thing, TokenId, UserId, UserName};
use imbl::{OrdMap, OrdSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const CONTEXT: &str = "hostler 1 view digest";

impl State {
    /// BLAKE3 over the state's stored form. All its maps are ordered, so the form is canonical.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Forms::default().digest(self)
    }
}

/// One digest for the states of all sites of a farm, which come in the order of their ids: equal views have the same.
#[must_use]
pub fn digest_of<'a>(sites: impl IntoIterator<Item = (&'a SiteId, &'a State)>) -> Hash {
    farm(sites.into_iter().map(|(site, state)| (site, state.digest())))
}

fn farm<'a>(sites: impl Iterator<Item = (&'a SiteId, Hash)>) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("hostler 1 farm digest");
    for (site, digest) in sites {
        hasher.update(&site.0);
        hasher.update(&digest.0);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// For one who wants the digest of views again and again: of what has not changed since, the stored form is kept.
#[derive(Clone, Debug, Default)]
pub struct Digests(BTreeMap<SiteId, Forms>);

impl Digests {
    /// What [`Views::digest`] gives.
    #[must_use]
    pub fn of(&mut self, views: &Views) -> Hash {
        farm(views.timelines().map(|(site, t)| (site, self.0.entry(*site).or_default().digest(t.state()))))
    }
}

/// The stored forms of a state's maps.
#[derive(Clone, Debug, Default)]
struct Forms {
    hosts: Form<OrdMap<HostId, Arc<Host>>>,
    gateways: Form<OrdMap<GatewayId, Arc<Gateway>>>,
    items: Form<OrdMap<ItemId, Arc<Item>>>,
    users: Form<OrdMap<UserId, User>>,
    groups: Form<OrdMap<GroupId, Arc<Group>>>,
    admins: Form<OrdMap<AdminId, Arc<Admin>>>,
    tokens: Form<OrdMap<TokenId, JoinToken>>,
    api_tokens: Form<OrdMap<TokenId, ApiToken>>,
    settled: Form<OrdMap<EventRef, Settlement>>,
    user_names: Form<OrdMap<UserName, Vec<UserId>>>,
    names: Form<Names>,
    removed: Form<OrdSet<Thing>>,
}

impl Forms {
    fn digest(&mut self, state: &State) -> Hash {
        let State { folded, farm, founder, sites, master, failbacks, brokers, order, brokers_changed, .. } = state;
        let State { hosts, gateways, items, users, groups, admins, tokens, api_tokens, .. } = state;
        let State { settings, policies, settled, user_names, names, removed, orphans, .. } = state;
        // A struct's stored form is that of its fields, one behind the other.
        let first = form(&(folded, farm, founder, sites, master, failbacks, brokers, order, brokers_changed));
        let (middle, last) = (form(&(settings, policies)), form(orphans));
        let parts = [
            &first,
            self.hosts.of(hosts),
            self.gateways.of(gateways),
            self.items.of(items),
            self.users.of(users),
            self.groups.of(groups),
            self.admins.of(admins),
            self.tokens.of(tokens),
            self.api_tokens.of(api_tokens),
            &middle,
            self.settled.of(settled),
            self.user_names.of(user_names),
            self.names.of(names),
            self.removed.of(removed),
            &last,
        ];
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        // At one go: then the hash of many blocks is computed at once.
        hasher.update(&parts.concat());
        Hash(*hasher.finalize().as_bytes())
    }
}

/// The stored form of a map, and the map: it shares all with those that it was copied from.
#[derive(Clone, Debug, Default)]
struct Form<M> {
    map: M,
    bytes: Vec<u8>,
}

impl<M: Shared> Form<M> {
    fn of(&mut self, map: &M) -> &[u8] {
        // Nothing that is there has no bytes: an empty map has its length.
        if self.bytes.is_empty() || !self.map.is(map) {
            (self.map, self.bytes) = (map.clone(), form(map));
        }
        &self.bytes
    }
}

/// A persistent map.
trait Shared: Clone + Serialize {
    /// True where both are one in memory: then nothing can differ. It is never true where something does, since what two
    /// share is not changed in place.
    fn is(&self, other: &Self) -> bool;
}

impl<K: Ord + Clone + Serialize, V: Clone + Serialize> Shared for OrdMap<K, V> {
    fn is(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<A: Ord + Clone + Serialize> Shared for OrdSet<A> {
    fn is(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl Shared for Names {
    fn is(&self, other: &Self) -> bool {
        self.is_same_map(other)
    }
}

/// Encoding to memory can't fail; were it to, the digest would differ and the alarm would tell.
fn form(what: &impl Serialize) -> Vec<u8> {
    codec::encode(what).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::Name;

    /// A field that was forgotten would be missing here, too.
    #[test]
    fn it_is_that_of_the_stored_form() {
        let mut forms = Forms::default();
        let mut state = State::default();
        for step in 0..6_u8 {
            match step {
                1 => state.farm = Some("Farm".parse().unwrap()),
                2 => {
                    state
                        .users
                        .insert(UserId([1; 16]), User { name: "ann".parse().unwrap(), added: Default::default() });
                }
                3 => drop(state.settings.insert("key".into(), "value".into())),
                4 => drop(state.names.take(Thing::User(UserId([1; 16])), &"ann".parse::<Name>().unwrap())),
                5 => drop(state.users.remove(&UserId([1; 16]))),
                _ => {}
            }
            let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
            hasher.update(&codec::encode(&state).unwrap());
            let want = Hash(*hasher.finalize().as_bytes());
            assert_eq!((forms.digest(&state), state.digest()), (want, want), "step {step}");
        }
    }
}
