//! Long histories for tests: three brokers, everyday work, and masterships that change hands in every way, written by
//! real authors. The same in every run.

use crate::{Author, Founding, found};
use hostler_events::payload::*;
use hostler_events::{Actor, AuthorKey, Event, EventRef, Frontier, Hash, StoredEvent};
use hostler_model::*;

/// The site of all histories.
pub const SITE: SiteId = SiteId([9; 16]);
/// The administrator who does everything.
pub const ADMIN: AdminId = AdminId([7; 16]);
/// When a history begins: 2023-11-14, 22:13:20 UTC.
pub const BEGIN: Wall = Wall(1_700_000_000_000);
const BROKERS: u8 = 3;
/// Users of whom one goes when another comes, so that the views stay small.
const USERS: usize = 500;

/// The secret of a history's broker: 1, 2 or 3.
#[must_use]
pub fn secret(broker: u8) -> [u8; 32] {
    [broker; 32]
}

/// A history of about `count` events with this many promotions beside the first, in the order of its writing. `id_of`
/// gives a broker the id that goes with its first key.
///
/// # Panics
/// Where an event can't be written, which would be an error in here.
#[must_use]
#[allow(clippy::expect_used)] // for tests only
pub fn history(count: usize, promotions: usize, id_of: fn(&PublicKey) -> BrokerId) -> Vec<StoredEvent> {
    let mut writing = Writing::begin(id_of).expect("the first events can be written");
    let rounds = promotions + 1;
    for round in 0..rounds {
        let until = count * (round + 1) / rounds;
        while writing.events.len() + 2 < until {
            writing.everyday();
        }
        if round < promotions {
            writing.change_master(round);
        }
    }
    writing.events
}

struct Writing {
    authors: Vec<Author>,
    seen: Frontier,
    epoch: Epoch,
    master: usize,
    wall: u64,
    turn: u64,
    users: Vec<UserId>,
    policy: Option<EventRef>,
    item: Option<EventRef>,
    events: Vec<StoredEvent>,
}

impl Writing {
    fn begin(id_of: fn(&PublicKey) -> BrokerId) -> Result<Self, Box<dyn std::error::Error>> {
        let key = |n| AuthorKey::from_secret(&secret(n));
        let incarnation = |n| Incarnation { ordinal: 1, random: u64::from(n) };
        let mut authors: Vec<Author> = (1..=BROKERS)
            .map(|n| {
                let feed = Feed { broker: id_of(&key(n).public()), incarnation: incarnation(n) };
                Author::new(key(n), feed, SITE, 0, Hash::ZERO, HlcClock::default())
            })
            .collect();
        let addresses = |n: u8| -> Result<BrokerAddresses, AddressError> {
            let at = |port| Address::new(&format!("127.0.0.{n}"), port);
            Ok(BrokerAddresses { join: at(1)?, access: at(2)?, agent: at(3)?, peer: at(4)? })
        };
        let founding = Founding {
            farm: "Office".parse()?,
            site: SITE,
            site_name: "main".parse()?,
            broker_name: "b1".parse()?,
            key: key(1).public(),
            addresses: addresses(1)?,
            admin: ADMIN,
            admin_name: "anna".parse()?,
            password_hash: String::new(),
            item: None,
        };
        let events = found(&mut authors[0], BEGIN, founding)?;
        let epoch = events[0].header().epoch;
        let mut writing = Self {
            authors,
            seen: Frontier::default(),
            epoch,
            master: 0,
            wall: BEGIN.0,
            turn: 0,
            users: Vec::new(),
            policy: None,
            item: None,
            events: Vec::new(),
        };
        events.into_iter().for_each(|event| writing.keep(event));
        for n in 2..=BROKERS {
            let (token, issuer) = (TokenId([n; 16]), writing.authors[0].broker());
            let expires = Wall(u64::MAX);
            let created = TokenCreated { token, role: MemberRole::Broker, issuer, verifier: [n; 32], expires };
            writing.write(0, Event::TokenCreated(created), Vec::new());
            let joined = BrokerJoined {
                broker: writing.authors[usize::from(n) - 1].broker(),
                name: format!("b{n}").parse()?,
                key: key(n).public(),
                addresses: addresses(n)?,
                token: Some(token),
                standby: false,
            };
            writing.write(0, Event::BrokerJoined(joined), Vec::new());
        }
        Ok(writing)
    }

    /// Something that happens every day, by any of the brokers.
    fn everyday(&mut self) {
        self.turn += 1;
        let by = usize::try_from(self.turn % u64::from(BROKERS)).unwrap_or(0);
        let random = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
        let id = random(self.turn).first_chunk::<16>().copied().unwrap_or_default();
        match self.turn % 10 {
            0..=3 => {
                let value = Some(format!("{}s", self.turn % 600));
                let set = PolicySet { key: "hosts.slow_start".into(), value };
                self.policy = Some(self.write(by, Event::PolicySet(set), vec![self.policy]));
            }
            4..=6 => {
                let Ok(name) = format!("user{}", self.turn).parse() else { return };
                self.users.push(UserId(id));
                self.write(by, Event::UserAdded(UserAdded { user: UserId(id), name }), Vec::new());
            }
            7 | 8 if self.users.len() > USERS => {
                let user = self.users.remove(0);
                self.write(by, Event::UserRemoved(UserRemoved { user }), Vec::new());
            }
            9 => {
                let set = SettingSet { key: "tokens.life".into(), value: Some(format!("{}m", self.turn % 60)) };
                self.write(self.master, Event::SettingSet(set), Vec::new());
            }
            _ => self.item(by),
        }
    }

    /// One item is published, and then renamed for ever.
    fn item(&mut self, by: usize) {
        let item = ItemId([1; 16]);
        let Ok(name) = format!("Office {}", self.turn).parse::<Name>() else { return };
        self.item = Some(match self.item {
            None => {
                let audience = Audience { everyone: true, ..Audience::default() };
                let published =
                    ItemPublished { item, name, launch: Launch::Desktop, audience, hosts: None, default: true };
                self.write(by, Event::ItemPublished(published), Vec::new())
            }
            Some(base) => {
                let changed = ItemChanged { item, fields: vec![ItemField::Name(name)] };
                self.write(by, Event::ItemChanged(changed), vec![Some(base)])
            }
        });
    }

    /// The next broker becomes the master: planned, forced, or by votes. A forced one does not know the last that its
    /// predecessor did.
    fn change_master(&mut self, round: usize) {
        let next = (self.master + 1) % self.authors.len();
        let (old, candidate) = (self.master, self.authors[next].broker());
        let n = self.epoch.n + 1;
        let whole = self.seen.clone();
        let kind = match round % 3 {
            0 => {
                self.write(old, Event::Sealed(Sealed { successor: candidate }), Vec::new());
                PromotionKind::Planned
            }
            1 => {
                let set = SettingSet { key: "admins.login_life".into(), value: Some(format!("{n}h")) };
                self.write(old, Event::SettingSet(set), Vec::new());
                self.seen = whole;
                PromotionKind::Forced
            }
            _ => {
                let voted = Voted { n, candidate, succeeds: self.epoch, silent_ms: 30_000 };
                for voter in (0..self.authors.len()).filter(|v| *v != old) {
                    self.write(voter, Event::Voted(voted.clone()), Vec::new());
                }
                PromotionKind::Automatic
            }
        };
        let others = self.authors.iter().map(Author::broker).filter(|b| *b != candidate);
        let lost = self.authors[old].broker();
        let evidence = others.map(|broker| Evidence {
            broker,
            reachable: kind == PromotionKind::Planned || broker != lost,
            last_heard: Some(Wall(self.wall)),
        });
        let promoted = Promoted {
            kind,
            voters: self.authors.iter().map(Author::broker).collect(),
            evidence: evidence.collect(),
            lost: (kind == PromotionKind::Forced).then_some(lost),
            reason: format!("round {round}"),
        };
        self.epoch = Epoch { n, ..self.epoch };
        self.write(next, Event::Promoted(promoted), Vec::new());
        self.master = next;
    }

    #[allow(clippy::expect_used)] // for tests only
    fn write(&mut self, by: usize, event: Event, bases: Vec<Option<EventRef>>) -> EventRef {
        self.wall += 250;
        let last = self.events.last().map(|e| e.header().hlc).unwrap_or_default();
        let author = &mut self.authors[by];
        author.clock_mut().observe(last);
        let stored = author
            .write(Wall(self.wall), Actor::Admin(ADMIN), &event, self.epoch, &self.seen, bases, None)
            .expect("an event of a test is not too large");
        let reference = stored.reference();
        self.keep(stored);
        reference
    }

    fn keep(&mut self, event: StoredEvent) {
        let reference = event.reference();
        self.seen.raise(reference.feed, reference.seq, reference.hash);
        self.epoch = self.epoch.max(event.header().epoch);
        self.events.push(event);
    }
}
