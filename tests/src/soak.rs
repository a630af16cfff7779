//! A farm of real processes, each in a network of its own, under faults that chance deals out: killed, paused and cut
//! off brokers, and disks that come back from an older copy, while administrators work on all of them. After each round
//! everything runs and the network is whole; then the invariants are looked at over REST and in the logs.
//!
//! The plan of faults follows from the seed alone; what happens between them is as real as the machine.

mod administrator;
mod fault;
mod invariants;
mod notes;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::netlab::{DataCopy, NetFarm, Plan};

use administrator::work;
use fault::{Act, Round};
use notes::Notes;
pub use report::Report;

/// Brokers of the farm.
const BROKERS: u8 = 3;
/// Administrators that work all the time.
const ADMINISTRATORS: u64 = 4;
/// After how long a silent master is replaced by the others.
const AUTOMATIC_AFTER: &str = "5s";
/// How long a round may take from the moment when all is whole again until all brokers have the same views.
const CONVERGES: Duration = Duration::from_secs(10);
/// How long a started broker may take until it listens and all have found each other.
const COMES_BACK: Duration = Duration::from_secs(60);
/// A broker is stopped and its log compared with what it said last in every round of this many.
const VERIFY_EVERY: u32 = 4;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long faults are dealt out; what is checked at the end comes on top.
    pub lasts: Duration,
    /// Decides about the faults.
    pub seed: u64,
    /// Where everything is kept when something does not hold.
    pub keep_in: PathBuf,
}

/// Whether administrators may work; true when all is over.
type Gate = Arc<RwLock<bool>>;

/// Runs until the time is over or something does not hold. The error then says what, when, and where everything is.
pub fn run(options: &Options) -> Result<Report> {
    println!("seed {}", options.seed);
    let mut soak = Soak::begin(options)?;
    let outcome = soak.all_rounds(options).and_then(|()| soak.conclude());
    match outcome {
        Ok(()) => Ok(soak.report),
        Err(error) => {
            let kept = soak.keep(&options.keep_in, options.seed);
            let kept = kept.map_or_else(|e| format!("and could not be kept: {e:#}"), |at| at.display().to_string());
            let (round, tails) = (soak.report.rounds + 1, soak.farm.tails());
            Err(anyhow!("round {round} of seed {}: {error:#}\n{tails}\neverything is in {kept}", options.seed))
        }
    }
}

struct Soak {
    farm: NetFarm,
    random: StdRng,
    notes: Notes,
    gate: Gate,
    administrators: Vec<JoinHandle<()>>,
    /// An older copy of a broker's data.
    copy: Option<(String, DataCopy)>,
    report: Report,
}

impl Soak {
    fn begin(options: &Options) -> Result<Self> {
        let farm = NetFarm::begin(Plan::new(BROKERS, 0))?;
        let value = json!({ "value": AUTOMATIC_AFTER });
        farm.rest.put(farm.ip("b1")?, "settings/promotion.automatic.after", value)?;
        let (mut random, notes, gate) = (StdRng::seed_from_u64(options.seed), Notes::default(), Gate::default());
        let brokers =
            farm.names("b").iter().map(|name| Ok((name.clone(), farm.ip(name)?))).collect::<Result<Vec<_>>>()?;
        let mut administrators = Vec::new();
        for number in 0..ADMINISTRATORS {
            let (rest, own) = (farm.rest.apart()?, StdRng::seed_from_u64(random.next_u64()));
            let work = work(rest, brokers.clone(), number, own, notes.clone(), gate.clone());
            administrators.push(farm.rest.spawn(work));
        }
        Ok(Self { farm, random, notes, gate, administrators, copy: None, report: Report::default() })
    }

    fn all_rounds(&mut self, options: &Options) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < options.lasts {
            let names = self.farm.names("b");
            let round = Round::new(&mut self.random, &names, self.copy.as_ref().map(|(name, _)| name.as_str()));
            let healed = self.round(&round).with_context(|| format!("after {round}"))?;
            self.report.rounds += 1;
            println!(
                "{:>5.0?} of {:.0?}: {round}; healed within {healed:.1?}; {} changes acknowledged",
                begun.elapsed(),
                options.lasts,
                self.notes.acknowledged()
            );
        }
        Ok(())
    }

    /// Deals out faults, makes all whole, and looks whether all is well. Gives how long it took until it was.
    fn round(&mut self, round: &Round) -> Result<Duration> {
        let begun = Instant::now();
        for (at_ms, act) in round.acts() {
            // The moment is what was chosen; nothing is waited for.
            thread::sleep(Duration::from_millis(at_ms).saturating_sub(begun.elapsed()));
            self.act(&act).with_context(|| format!("at {act:?}"))?;
        }
        self.make_whole()?;
        let healed = Instant::now();
        let held = self.hold();
        let brokers = self.farm.names("b");
        self.farm.wait_for_equal_digests(&brokers, CONVERGES)?;
        let took = healed.elapsed();
        self.report.slowest = self.report.slowest.max(took);
        for fault in round.faults() {
            *self.report.faults.entry(fault).or_default() += 1;
        }
        self.farm.wait_until_whole_within(COMES_BACK)?;
        invariants::over_rest(&self.farm, &self.notes, &mut self.report)?;
        if self.report.rounds % VERIFY_EVERY == VERIFY_EVERY - 1 {
            let broker = brokers[self.random.random_range(0..brokers.len())].clone();
            self.verify(&broker)?;
            self.farm.member(&broker)?.run()?;
            self.farm.wait_until_whole_within(COMES_BACK)?;
        }
        // All have everything now: what is acknowledged from here on may be on one disk only.
        self.notes.all_have_all();
        if self.random.random_bool(0.5) {
            let broker = brokers[self.random.random_range(0..brokers.len())].clone();
            self.copy = Some((broker.clone(), self.farm.copy_data(&broker)?));
        }
        drop(held);
        Ok(took)
    }

    fn act(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::Kill(broker) => self.farm.member(broker)?.kill(),
            Act::Start(broker) => self.farm.member(broker)?.begin(),
            Act::Pause(broker) => self.farm.member(broker)?.pause(),
            Act::Resume(broker) => self.farm.member(broker)?.resume(),
            Act::CutOff(broker) => self.farm.cut_off(&[broker]),
            Act::Deafen(broker) => {
                let others: Vec<String> = self.farm.names("b").into_iter().filter(|name| name != broker).collect();
                self.farm.cut_one_way(&others.iter().map(String::as_str).collect::<Vec<_>>(), &[broker])
            }
            Act::CutBetween(one, other) => self.farm.cut(&[one], &[other]),
            Act::Mend => self.farm.heal(),
            Act::Restore(broker) => {
                let Some((of, copy)) = self.copy.take() else { return Ok(()) };
                ensure!(of == *broker, "the copy is of {of}, not of {broker}");
                let asked = self.farm.names("b").into_iter().find(|name| name != broker).context("nobody else")?;
                let id = crate::farm::text(&self.farm.row(&asked, broker)?, "id")?;
                self.farm.member(broker)?.kill()?;
                // What was on no other disk went with this one.
                self.notes.lost_with(&id);
                self.farm.restore_data(broker, &copy)?;
                self.farm.member(broker)?.begin()
            }
        }
    }

    /// Everybody runs, and reaches everybody.
    fn make_whole(&mut self) -> Result<()> {
        for name in self.farm.names("b") {
            let member = self.farm.member(&name)?;
            if member.is_paused() {
                member.resume()?;
            }
            if !member.is_running() {
                member.begin()?;
            }
            member.wait_until_it_runs()?;
        }
        self.farm.heal()
    }

    /// Lets no administrator do anything until this is dropped.
    fn hold(&self) -> tokio::sync::OwnedRwLockWriteGuard<bool> {
        let gate = self.gate.clone();
        // A panic of that task is not possible: it only waits.
        self.farm.rest.wait(self.farm.rest.spawn(gate.write_owned())).unwrap_or_else(|e| panic!("{e:#}"))
    }

    /// Kills a broker; what its log says must be what it said itself.
    fn verify(&mut self, broker: &str) -> Result<()> {
        let said = self.farm.digest(broker)?;
        self.farm.member(broker)?.kill()?;
        invariants::rebuilt(&mut self.farm, broker, &said)?;
        self.report.verified += 1;
        Ok(())
    }

    /// Stops everything and looks into all logs.
    fn conclude(&mut self) -> Result<()> {
        *self.hold() = true;
        for administrator in std::mem::take(&mut self.administrators) {
            self.farm.rest.wait(administrator)?;
        }
        let brokers = self.farm.names("b");
        self.farm.wait_for_equal_digests(&brokers, CONVERGES)?;
        let mut logs = Vec::new();
        for broker in &brokers {
            self.verify(broker)?;
            logs.push(self.farm.feeds(broker)?);
        }
        ensure!(logs.windows(2).all(|pair| pair[0] == pair[1]), "no gap in a feed: the logs differ at the end");
        self.notes.all_in(&logs[0].names())?;
        (self.report.events, self.report.feeds) = (logs[0].events(), logs[0].feeds());
        self.report.take(&self.notes);
        Ok(())
    }

    /// Copies everything, as it is now, to where it stays.
    fn keep(&mut self, keep_in: &Path, seed: u64) -> Result<PathBuf> {
        for name in self.farm.names("b") {
            let member = self.farm.member(&name)?;
            if member.is_running() {
                member.kill()?;
            }
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let to = keep_in.join(format!("soak-{seed}-{}", now.as_secs()));
        fs::create_dir_all(keep_in)?;
        let copied = Command::new("cp").arg("-a").arg("--").args([self.farm.folder(), &to]).status()?;
        ensure!(copied.success(), "can't copy {} to {}", self.farm.folder().display(), to.display());
        Ok(to)
    }
}
