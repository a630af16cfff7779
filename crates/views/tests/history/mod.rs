//! Random histories of three brokers, and the dice for them.

use crate::kit::{ADMIN, OTHER, Pen, broker, founded, joined, published, renamed, setting};
use hostler_events::payload::*;
use hostler_events::{Actor, Event};
use hostler_model::ItemId;
use hostler_views::Loaded;
use std::sync::Arc;

/// xorshift64*: a few random choices from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

/// Three brokers that author at random, each knowing only what it has copied from the others. Their clocks are off by
/// less than `off`; where that is more than 10, a feed may be out of order in itself.
pub(crate) fn history(seed: u64, off: u64) -> Vec<Arc<Loaded>> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut pens = [Pen::new(1), Pen::new(2), Pen::new(3)];
    let mut all = founded(&mut pens[0]);
    let mut known: [Vec<Arc<Loaded>>; 3] = [all.clone(), all.clone(), all.clone()];
    for step in 0..60 {
        let n = usize::try_from(dice.roll(3)).unwrap();
        if dice.roll(3) == 0 {
            // Copies what another one knows.
            let from = known[usize::try_from(dice.roll(3)).unwrap()].clone();
            for event in from {
                if !known[n].iter().any(|k| k.reference == event.reference) {
                    known[n].push(event);
                }
            }
            continue;
        }
        let at = 1_000 + step * 10 + dice.roll(off);
        let epoch = known[n].iter().map(|k| k.header.epoch).max().unwrap();
        let actor = if dice.roll(3) == 0 { Actor::Admin(OTHER) } else { Actor::Admin(ADMIN) };
        let target = broker(1 + u8::try_from(dice.roll(3)).unwrap());
        let item = 1 + u8::try_from(dice.roll(5)).unwrap();
        let name = ["Office", "Desk", "Tools"][usize::try_from(dice.roll(3)).unwrap()];
        let waiting = &known[n][usize::try_from(dice.roll(known[n].len() as u64)).unwrap()];
        let reference = waiting.reference;
        let admin = if dice.roll(2) == 0 { ADMIN } else { OTHER };
        let event = match dice.roll(14) {
            0 | 1 => {
                let event = pens[n].promote(at, epoch.n + 1, PromotionKind::Forced, &known[n]);
                known[n].push(event.clone());
                all.push(event);
                continue;
            }
            2 => Event::AdminDisabled(AdminDisabled { admin }),
            3 => Event::AdminEnabled(AdminEnabled { admin }),
            4 => Event::BrokerRemoved(BrokerRemoved { broker: target }),
            5 => joined(target.0[0]),
            6 => Event::BrokerCompromised(BrokerCompromised { broker: target }),
            7 => Event::Reapplied(Reapplied { event: reference }),
            8 => Event::ItemUnpublished(ItemUnpublished { item: ItemId([item; 16]) }),
            9 => renamed(item, name),
            10 => {
                pens[n].renew();
                Event::Resumed(Resumed {})
            }
            11 => setting(name),
            _ => published(u8::try_from(20 + step).unwrap(), name),
        };
        let seen = known[n].clone();
        let loaded = pens[n].write(at, epoch, actor, event, &seen);
        known[n].push(loaded.clone());
        all.push(loaded);
    }
    all
}
