//! Explanations, and the reason in words where nobody can be seated.

use super::Site;
use super::job::Job;
use crate::choose::Scored;
use crate::explanation::{Candidate, Excluded, Exclusion, Explanation, Reason};
use crate::host_set::Row;
use hostler_model::Now;
use std::sync::Arc;

/// How a decision came about.
pub(super) struct Ground<'a> {
    pub(super) reason: Reason,
    /// What was looked at, the chosen host first.
    pub(super) scored: &'a [Scored],
    pub(super) eligible: u32,
    /// Hosts that only this request excludes; `None` where other hosts played no part.
    pub(super) not: Option<&'a [(Row, Exclusion)]>,
}

impl Site {
    pub(super) fn explain(&mut self, now: Now, job: &Job, row: Row, ground: &Ground<'_>) -> Explanation {
        let candidates = ground.scored.iter().take(Explanation::CANDIDATES).map(|s| self.candidate(now, *s)).collect();
        let excluded = match ground.not {
            None => Arc::default(),
            Some([]) => self.usually_excluded(job),
            Some(not) => self.excluded(job, not).into(),
        };
        Explanation {
            at: now.wall,
            broker: self.me,
            user: job.user.clone(),
            item: job.item,
            host: self.hosts.get(row).map_or(hostler_model::HostId([0; 16]), |host| host.id),
            reason: ground.reason,
            candidates,
            excluded,
            eligible: ground.eligible,
        }
    }

    pub(super) fn excluded(&self, job: &Job, not: &[(Row, Exclusion)]) -> Vec<Excluded> {
        self.hosts.board.excluded(self.published.get(&job.item), not, |row| self.hosts.name(row))
    }

    /// What is excluded where the request itself excludes nothing; it seldom changes from one request to the next.
    fn usually_excluded(&mut self, job: &Job) -> Arc<[Excluded]> {
        let standings = self.hosts.board.standings();
        if let Some((_, excluded)) = self.excluded.get(&job.item).filter(|(as_of, _)| *as_of == standings) {
            return Arc::clone(excluded);
        }
        let excluded: Arc<[Excluded]> = self.excluded(job, &[]).into();
        self.excluded.insert(job.item, (standings, Arc::clone(&excluded)));
        excluded
    }

    /// A host with its score, where the score did not decide.
    pub(super) fn scored(&self, now: Now, row: Row) -> Scored {
        Scored { score: self.hosts.board.figures(row).score(now.mono), tie: 0, row }
    }

    fn candidate(&self, now: Now, scored: Scored) -> Candidate {
        let figures = self.hosts.board.figures(scored.row);
        let host = self.hosts.get(scored.row);
        Candidate {
            host: host.map_or(hostler_model::HostId([0; 16]), |host| host.id),
            name: self.hosts.name(scored.row),
            score: scored.score,
            cpu: figures.cpu,
            memory: figures.memory,
            taken: figures.taken,
            hard_cap: figures.cap,
            logons: figures.logons,
            report_age_ms: host.map_or(u64::MAX, |host| host.report_age_ms(now.mono)),
        }
    }
}

/// The causes in words: "3 full, 1 draining".
pub(super) fn in_words(excluded: &[Excluded]) -> String {
    if excluded.is_empty() {
        return "none is left to ask".into();
    }
    let causes: Vec<String> = excluded.iter().map(|e| format!("{} {}", e.count, e.why.words())).collect();
    causes.join(", ")
}
