//! The history behind the golden log `two-masters`: a farm of three brokers is cut into three, two of them promote
//! themselves, and then they meet again. It is written once; the file stays as it is when this program writes events
//! otherwise.

use crate::kit::{ADMIN, OTHER, Pen, admin_added, broker, founded, joined, published, renamed, setting};
use hostler_events::payload::*;
use hostler_events::{Actor, AuthorKey, Event, EventRef, StoredEvent};
use hostler_model::{Address, AdminId, Epoch, GroupId, HostId, ItemId, Launch, MemberRole, TokenId, UserId, Wall};
use hostler_views::Loaded;
use std::sync::Arc;

const ME: Actor = Actor::Admin(ADMIN);
const THEM: Actor = Actor::Admin(OTHER);
const EVE: AdminId = AdminId([5; 16]);
const HOST: HostId = HostId([0x40; 16]);
const TOKEN: TokenId = TokenId([0x80; 16]);
const SPARE: TokenId = TokenId([0x81; 16]);

/// The history's events, feed by feed, the feed that all others rest on last.
pub(crate) fn history() -> Vec<StoredEvent> {
    let mut h = History { pens: [Pen::new(1), Pen::new(2), Pen::new(3), Pen::new(4)], events: Vec::new() };
    h.events = founded(&mut h.pens[0]);
    let first = h.events[0].header.epoch;
    let office = before_the_cut(&mut h, first);
    let whole = h.events.clone();

    // Broker 1 alone is still master and does not know that nobody hears it.
    let lost = h.write(1, 240, first, ME, setting("lost"), &whole);
    let eve = h.write(1, 241, first, ME, admin_added(EVE, "eve"), &whole);
    h.write(1, 242, first, ME, joined(4), &whole);
    let edit_of_one = h.edit(1, 243, first, renamed(1, "Office A"), &[Some(&office)]);
    h.write(4, 245, first, ME, published(9, "By nobody"), &whole);

    // Broker 2 promotes itself, and so does broker 3, which does not know it.
    let two = h.promote(2, 260, 2, &whole);
    let of_two = two.header.epoch;
    let knows_two: Vec<_> = whole.iter().cloned().chain([two.clone()]).collect();
    h.write(2, 270, of_two, ME, setting("two"), &knows_two);
    h.edit(2, 275, of_two, renamed(1, "Office B"), &[Some(&office)]);
    h.write(2, 280, of_two, ME, published(2, "Desk"), &knows_two);
    let three = h.promote(3, 262, 2, &whole);
    let of_three = three.header.epoch;
    h.write(3, 271, of_three, ME, setting("three"), &whole);
    h.write(3, 285, of_three, ME, published(3, "desk"), &whole);
    let knows_three: Vec<_> = whole.iter().cloned().chain([three.clone()]).collect();
    h.write(3, 290, of_three, ME, Event::AdminDisabled(AdminDisabled { admin: OTHER }), &knows_three);
    h.write(2, 295, of_two, THEM, published(4, "Quarantined"), &knows_two);
    h.edit(2, 297, of_two, renamed(4, "Orphaned"), &[None]);

    // Broker 3 loses its last event and goes on in a new incarnation.
    let before = h.events.clone();
    h.write(3, 305, of_three, ME, setting("not saved"), &before);
    h.pens[2].renew();
    h.write(3, 310, of_three, Actor::System, Event::Resumed(Resumed {}), &before);

    after_the_cut(&mut h, of_three, [&lost, &eve, &two], &edit_of_one);
    h.stored()
}

fn before_the_cut(h: &mut History, first: Epoch) -> Arc<Loaded> {
    let token = |token| {
        let (role, issuer) = (MemberRole::Agent, broker(3));
        Event::TokenCreated(TokenCreated { token, role, issuer, verifier: [1; 32], expires: Wall(9_999) })
    };
    let host = HostJoined {
        host: HOST,
        name: "rdsh-01".parse().unwrap(),
        key: AuthorKey::from_secret(&[0x40; 32]).public(),
        address: Address::new("rdsh-01.example.org", 3389).unwrap(),
        token: TOKEN,
    };
    let alice = Event::UserAdded(UserAdded { user: UserId([0x70; 16]), name: "alice".parse().unwrap() });
    let members = vec![UserId([0x70; 16])];
    let group = GroupAdded { group: GroupId([0x72; 16]), name: "Accounting".parse().unwrap(), members };
    let office = h.see(1, 200, first, ME, published(1, "Office"));
    h.see(2, 210, first, ME, alice);
    h.see(2, 211, first, ME, Event::GroupAdded(group));
    h.see(3, 220, first, ME, token(TOKEN));
    h.see(3, 221, first, ME, token(SPARE));
    h.see(3, 225, first, Actor::Token(TOKEN), Event::HostJoined(host));
    h.see(1, 230, first, ME, setting("known"));
    office
}

fn after_the_cut(h: &mut History, epoch: Epoch, [lost, eve, two]: [&Arc<Loaded>; 3], edit_of_one: &Arc<Loaded>) {
    let reapplied = |of: &Arc<Loaded>| Event::Reapplied(Reapplied { event: of.reference });
    let policy =
        |value: &str| Event::PolicySet(PolicySet { key: "seating.slow_start".into(), value: Some(value.to_string()) });
    h.see(3, 320, epoch, ME, reapplied(eve));
    h.see(3, 321, epoch, ME, Event::Discarded(Discarded { event: lost.reference, reason: "done by hand".into() }));
    h.see(3, 322, epoch, ME, reapplied(lost));
    h.see(3, 323, epoch, ME, reapplied(two));
    h.see(3, 330, epoch, ME, Event::AdminEnabled(AdminEnabled { admin: OTHER }));
    h.see(2, 340, epoch, THEM, published(5, "Again"));

    // Edits that meet: a late one of an edit long replaced, two of one host, one of an item that is gone.
    h.edit(1, 345, epoch, renamed(1, "Office C"), &[Some(edit_of_one)]);
    let fields = vec![HostField::Drain(true), HostField::HardCap(Some(20))];
    h.edit(3, 350, epoch, Event::HostChanged(HostChanged { host: HOST, fields }), &[None, None]);
    h.see(3, 351, epoch, ME, Event::ItemUnpublished(ItemUnpublished { item: ItemId([2; 16]) }));
    let launch = ItemField::Launch(Launch::Application { command: "xterm".into() });
    let fields = vec![launch, ItemField::Default(true)];
    h.edit(
        2,
        360,
        epoch,
        Event::ItemChanged(ItemChanged { item: ItemId([2; 16]), fields: fields.clone() }),
        &[None, None],
    );
    h.edit(2, 361, epoch, Event::ItemChanged(ItemChanged { item: ItemId([3; 16]), fields }), &[None, None]);
    let slow = h.see(1, 370, epoch, ME, policy("30 s"));
    h.edit(1, 371, epoch, policy("60 s"), &[Some(&slow)]);
    h.edit(2, 372, epoch, policy("90 s"), &[Some(&slow)]);
    h.see(2, 380, epoch, ME, Event::TokenRevoked(TokenRevoked { token: SPARE }));

    h.see(3, 390, epoch, ME, Event::BrokersOrdered(BrokersOrdered { order: vec![broker(3), broker(1), broker(2)] }));
    h.see(3, 391, epoch, ME, Event::BrokerDisabled(BrokerDisabled { broker: broker(2) }));
}

struct History {
    pens: [Pen; 4],
    events: Vec<Arc<Loaded>>,
}

impl History {
    /// Broker `n` writes, having seen these events.
    fn write(
        &mut self,
        n: usize,
        at: u64,
        epoch: Epoch,
        actor: Actor,
        event: Event,
        seen: &[Arc<Loaded>],
    ) -> Arc<Loaded> {
        let loaded = self.pens[n - 1].write(at, epoch, actor, event, seen);
        self.events.push(loaded.clone());
        loaded
    }

    /// Broker `n` writes, having seen everything.
    fn see(&mut self, n: usize, at: u64, epoch: Epoch, actor: Actor, event: Event) -> Arc<Loaded> {
        let seen = self.events.clone();
        self.write(n, at, epoch, actor, event, &seen)
    }

    /// Broker `n` edits on these bases.
    fn edit(&mut self, n: usize, at: u64, epoch: Epoch, event: Event, bases: &[Option<&Arc<Loaded>>]) -> Arc<Loaded> {
        let bases: Vec<Option<EventRef>> = bases.iter().map(|b| b.map(|l| l.reference)).collect();
        let loaded = self.pens[n - 1].write_on(at, epoch, ME, event, &[], bases);
        self.events.push(loaded.clone());
        loaded
    }

    fn promote(&mut self, n: usize, at: u64, number: u64, seen: &[Arc<Loaded>]) -> Arc<Loaded> {
        let loaded = self.pens[n - 1].promote(at, number, PromotionKind::Forced, seen);
        self.events.push(loaded.clone());
        loaded
    }

    /// The exact bytes: signing is deterministic.
    fn stored(&self) -> Vec<StoredEvent> {
        let mut events: Vec<&Arc<Loaded>> = self.events.iter().collect();
        events.sort_by_key(|e| {
            (std::cmp::Reverse(e.reference.feed.broker), e.reference.feed.incarnation, e.reference.seq)
        });
        let seal = |e: &Arc<Loaded>| {
            let key = AuthorKey::from_secret(&[e.reference.feed.broker.0[0]; 32]);
            let stored = StoredEvent::seal(e.header.clone(), e.event.as_ref().unwrap(), &key).unwrap();
            assert_eq!(stored.hash(), e.reference.hash);
            stored
        };
        events.into_iter().map(seal).collect()
    }
}
