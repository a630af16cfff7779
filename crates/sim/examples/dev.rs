use hostler_sim::*;
fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap();
    let seeds: u64 = args.next().unwrap().parse().unwrap();
    let first: u64 = args.next().map_or(1, |a| a.parse().unwrap());
    let detail = args.next();
    let scenario = Scenario::parse(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{path}: {e}"));
    let t = std::time::Instant::now();
    let prepared = Prepared::new(scenario).unwrap();
    println!("{path}: setup {:?}", t.elapsed());
    if let Some(detail) = detail {
        let d = if detail == "m" { Detail::Messages } else { Detail::Timeline };
        let o = prepared.run(first, d);
        for l in &o.timeline {
            println!("{l}");
        }
        println!("{:?} {:?}", o.violation, o.stats);
        return;
    }
    let t = std::time::Instant::now();
    let c = Campaign { first, seeds, jobs: 1, twice: std::env::var("TWICE").is_ok(), stops_at_violation: false };
    let s = c.run(&prepared, &|_| {});
    let sim = s.stats.simulated_ms as f64 / 1000.0;
    println!(
        "{:?}: {:.0} sim s, {:.0} x; {:?}\nmarks {:?}",
        t.elapsed(),
        sim,
        sim / t.elapsed().as_secs_f64(),
        s.stats,
        s.marks.0
    );
    let mut by: std::collections::BTreeMap<&str, Vec<u64>> = Default::default();
    for (seed, v) in &s.failures {
        by.entry(v.invariant).or_default().push(*seed);
    }
    for (inv, seeds) in &by {
        println!("FAIL {inv}: {} {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
    for (seed, v) in s.failures.iter().take(4) {
        println!("  {seed} {} at {}: {}", v.invariant, v.at_ms, v.what);
    }
    let missing: Vec<_> = prepared.scenario.expect.reached.iter().filter(|m| !s.marks.has(m)).collect();
    if !missing.is_empty() {
        println!("NOT REACHED {missing:?}");
    }
}
