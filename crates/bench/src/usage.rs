//! CPU and memory, of other processes and of this one: what the generators of load need is counted apart from what is
//! measured.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// Above this share of all cores the machine has nothing left.
const SATURATED: f64 = 0.93;

/// The CPU time that a process has used so far, of all its threads.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let pid = libc::pid_t::try_from(pid)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is to a value of ours of the right type.
    let found = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    ensure!(found == 0, "process {pid} is gone");
    clock_now(clock).with_context(|| format!("process {pid} is gone"))
}

/// The same of this process.
pub(crate) fn own_cpu() -> Result<Duration> {
    clock_now(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock_now(clock: libc::clockid_t) -> Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours of the right type.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) };
    ensure!(read == 0, "the system tells no CPU time: {}", std::io::Error::last_os_error());
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}

/// What a process has in memory now, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib * 1_024).with_context(|| format!("the system does not tell what process {pid} has in memory"))
}

/// The time that all cores together spent on anything.
fn busy() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("the system tells no CPU times")?;
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    ensure!(ticks.len() >= 8, "the system's CPU times are not understood: {line:?}");
    // user, nice, system, (idle, waiting for disks,) interrupts, soft interrupts, stolen
    let ticks: u64 = [0, 1, 2, 5, 6, 7].into_iter().map(|at| ticks[at]).sum();
    // SAFETY: sysconf takes one integer.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })?.max(1);
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

/// The cores of this machine.
#[must_use]
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Measures from its start on.
#[derive(Debug)]
pub(crate) struct Meter {
    pids: Vec<u32>,
    started: Instant,
    own: Duration,
    busy: Duration,
    each: Vec<Duration>,
}

impl Meter {
    /// Begins, for these processes.
    pub(crate) fn start(pids: &[u32]) -> Result<Self> {
        let each = pids.iter().map(|pid| cpu(*pid)).collect::<Result<_>>()?;
        Ok(Self { pids: pids.to_vec(), started: Instant::now(), own: own_cpu()?, busy: busy()?, each })
    }

    /// Ends.
    pub(crate) fn stop(&self) -> Result<Usage> {
        let wall = self.started.elapsed();
        let own = own_cpu()?.saturating_sub(self.own);
        let now = self.pids.iter().zip(&self.each).map(|(pid, before)| Ok(cpu(*pid)?.saturating_sub(*before)));
        let each = now.collect::<Result<Vec<_>>>()?;
        let all = busy()?.saturating_sub(self.busy);
        let others = all.saturating_sub(own + each.iter().sum::<Duration>());
        Ok(Usage { wall, own, each, others })
    }
}

/// What was used meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// How long it took.
    pub(crate) wall: Duration,
    /// By this process: the generators of load and the hosts.
    pub(crate) own: Duration,
    /// By each measured process.
    pub(crate) each: Vec<Duration>,
    /// By everything else on the machine.
    pub(crate) others: Duration,
}

impl Usage {
    /// All measured processes.
    #[must_use]
    pub(crate) fn measured(&self) -> Duration {
        self.each.iter().sum()
    }

    /// Cores in use: by the measured, by the generators, by others.
    #[must_use]
    pub(crate) fn cores(&self) -> [f64; 3] {
        let wall = self.wall.as_secs_f64().max(1e-9);
        [self.measured(), self.own, self.others].map(|time| time.as_secs_f64() / wall)
    }

    /// The machine had nothing left, and the generators took the greater part of it.
    #[must_use]
    pub(crate) fn generator_is_bottleneck(&self) -> bool {
        let [measured, own, others] = self.cores();
        measured + own + others >= SATURATED * cores() as f64 && own > measured
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [measured, own, others] = self.cores();
        write!(f, "{measured:.2} cores measured, {own:.2} load generator, {others:.2} others")?;
        if self.generator_is_bottleneck() {
            f.write_str(" (the load generator is the bottleneck)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(own: u64, each: &[u64], others: u64) -> Usage {
        let ms = |n: u64| Duration::from_millis(n * cores() as u64);
        Usage {
            wall: Duration::from_secs(1),
            own: ms(own),
            each: each.iter().map(|n| ms(*n)).collect(),
            others: ms(others),
        }
    }

    #[test]
    fn who_is_the_bottleneck() {
        for (own, each, others, bottleneck) in [
            (600, &[200, 190][..], 0, true),
            (400, &[300, 290], 0, false),
            (500, &[100], 100, false),
            (500, &[300], 190, true),
        ] {
            assert_eq!(usage(own, each, others).generator_is_bottleneck(), bottleneck, "{own} {each:?} {others}");
        }
    }

    #[test]
    fn this_process_is_seen_from_both_sides() {
        let me = std::process::id();
        let meter = Meter::start(&[me]).unwrap();
        while meter.stop().unwrap().own < Duration::from_millis(20) {
            std::hint::black_box(0);
        }
        assert!(meter.stop().unwrap().measured() >= Duration::from_millis(20));
        assert!(resident(me).unwrap() > 1_000_000);
    }
}
