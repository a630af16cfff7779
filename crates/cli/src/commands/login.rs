//! Logging in, and forgetting it.

use crate::args::{GlobalArgs, LoginArgs};
use crate::client::{Ask, Client, parse_fingerprint};
use crate::context::{now_ms, print, print_json, read};
use crate::failure::Failure;
use crate::logon::{KnownBroker, Logon};
use crate::table::clean;
use crate::{prompt, times};
use hostler_broker::rest::brokers::BrokerRow;
use hostler_broker::rest::login::{Credentials, LoggedIn};
use hostler_broker::rest::sites::SiteRow;
use hostler_model::Address;
use hostler_wire::Fingerprint;
use reqwest::Method;

/// Logs in and stores the logon.
pub(super) async fn login(global: &GlobalArgs, args: &LoginArgs) -> Result<(), Failure> {
    let before = Logon::load().unwrap_or_default();
    let token = before.as_ref().map(|l| l.token.clone());
    let known = before.map(|l| l.brokers).unwrap_or_default();
    let brokers = match &global.broker {
        Some(address) => vec![trusted(global, &known, token, address).await?],
        None if known.is_empty() => {
            return Err(Failure::Usage("say which broker to ask: hostler login --broker ADDRESS".into()));
        }
        None => known,
    };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => prompt::line("Name", "give --name")?,
    };
    let password = prompt::password("Password", "HOSTLER_PASSWORD")?;
    let ask = || brokers.iter().map(|b| b.address.clone()).collect::<Vec<_>>();
    let client = Client::new(&brokers, ask(), None)?;
    let answer = client.json(Ask::new(Method::POST, &["login"]).with(&Credentials { name, password })?).await;
    let answer: LoggedIn = read(answer.map_err(wrong_password)?)?;
    // All brokers of the farm, so that any of them can be asked from now on.
    let client = Client::new(&brokers, ask(), Some(answer.token.clone()))?;
    let (brokers, site) = match farm(&client, global.site.as_deref()).await {
        Ok((all, site)) => (merged(brokers, &all), site),
        Err(failure) => {
            eprintln!("warning: the other brokers are not known yet: {}", clean(&failure.to_string()));
            (brokers, None)
        }
    };
    let logon = Logon {
        farm: answer.farm,
        name: answer.name,
        token: answer.token,
        expires_ms: Some(answer.expires_ms),
        brokers,
        site,
    };
    logon.save()?;
    show(global, &logon)
}

/// The brokers of all sites in which the caller may look at them, and the site that commands are about: the wanted one,
/// else that of the broker that answers. Its brokers come first.
async fn farm(client: &Client, wanted: Option<&str>) -> Result<(Vec<BrokerRow>, Option<String>), Failure> {
    let mut sites: Vec<SiteRow> = read(client.json(Ask::new(Method::GET, &["sites"])).await?)?;
    let meant = |site: &SiteRow| wanted.map_or(site.answers, |w| w == site.id || w.eq_ignore_ascii_case(&site.name));
    if let Some(wanted) = wanted.filter(|_| !sites.iter().any(meant)) {
        return Err(Failure::Usage(format!("there is no site {wanted:?}; list them with: hostler site list")));
    }
    sites.sort_by_key(|site| !meant(site));
    let mut brokers = Vec::new();
    for site in &sites {
        let ask = Ask { query: vec![("site", site.id.clone())], ..Ask::new(Method::GET, &["brokers"]) };
        match client.json(ask).await.and_then(read::<Vec<BrokerRow>>) {
            Ok(rows) => brokers.extend(rows),
            // An administrator may be limited to other sites.
            Err(Failure::Refused(problem)) if problem.code == "forbidden" => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok((brokers, sites.into_iter().find(meant).map(|site| site.id)))
}

/// Forgets the stored logon.
pub(super) fn logout() -> Result<(), Failure> {
    print(&if Logon::forget()? { "The logon is forgotten.\n" } else { "There was no logon.\n" })
}

/// The broker at this address, with the key that is accepted there: the given one, a known one, or, once, the one that
/// it shows, if the person says that it is right.
async fn trusted(
    global: &GlobalArgs,
    known: &[KnownBroker],
    token: Option<String>,
    address: &Address,
) -> Result<KnownBroker, Failure> {
    if let Some(fingerprint) = global.fingerprint {
        return Ok(KnownBroker::new(address.clone(), fingerprint));
    }
    let shown: Fingerprint = Client::look(address).await?;
    let is_known = known.iter().any(|b| parse_fingerprint(&b.fingerprint) == Some(shown));
    if is_known || global.yes || vouched(known, token, shown).await {
        return Ok(KnownBroker::new(address.clone(), shown));
    }
    eprintln!("The broker at {address} shows a key that is not known here. Its fingerprint:\n\n  {shown}\n");
    eprintln!("Compare it with what `hostler init` or `hostler broker list` shows on a machine that you trust.");
    let question = "Is it right?";
    let right = prompt::line(&format!("{question} [y/N]"), &format!("give --fingerprint {shown} where it is right"))?;
    if matches!(right.to_lowercase().as_str(), "y" | "yes") {
        return Ok(KnownBroker::new(address.clone(), shown));
    }
    Err(Failure::Usage("the broker's key was not accepted; nothing was sent to it".into()))
}

/// True where a broker whose key is known says that this is a broker's key now: keys are replaced now and then.
async fn vouched(known: &[KnownBroker], token: Option<String>, shown: Fingerprint) -> bool {
    let ask = known.iter().map(|b| b.address.clone()).collect();
    let Ok(client) = Client::new(known, ask, token) else { return false };
    let rows = client.json(Ask::new(Method::GET, &["brokers"])).await.and_then(read::<Vec<BrokerRow>>);
    rows.is_ok_and(|rows| rows.iter().any(|row| parse_fingerprint(&row.fingerprint) == Some(shown)))
}

/// The brokers that were asked first, then the others, each with its key.
fn merged(asked: Vec<KnownBroker>, all: &[BrokerRow]) -> Vec<KnownBroker> {
    let farm = all.iter().filter_map(|row| {
        Some(KnownBroker::new(row.addresses.access.parse().ok()?, parse_fingerprint(&row.fingerprint)?))
    });
    let farm: Vec<_> = farm.collect();
    // The address that was typed may be another one than the farm knows, and may be the only one that is reachable.
    let first = asked.into_iter().filter(|a| farm.iter().any(|b| b.fingerprint == a.fingerprint) && !farm.contains(a));
    let mut brokers: Vec<_> = first.collect();
    brokers.extend(farm);
    brokers
}

fn wrong_password(failure: Failure) -> Failure {
    match failure {
        // "Log in" is no advice for whoever just tries to.
        Failure::Refused(problem) if problem.code == "unauthorized" => Failure::NotLoggedIn(problem.detail),
        other => other,
    }
}

fn show(global: &GlobalArgs, logon: &Logon) -> Result<(), Failure> {
    let Logon { farm, name, expires_ms, brokers, .. } = logon;
    if global.json {
        let addresses: Vec<_> = brokers.iter().map(|b| b.address.to_string()).collect();
        let answer = serde_json::json!({ "farm": farm, "name": name, "expires_ms": expires_ms, "brokers": addresses });
        return print_json(&answer);
    }
    let farm = farm.as_deref().unwrap_or("the farm");
    let until = expires_ms.map(|at| format!(", until {}", times::date(at))).unwrap_or_default();
    let others = match brokers.len() {
        1 => "1 broker is known".to_string(),
        n => format!("{n} brokers are known"),
    };
    let left = expires_ms.map(|at| format!(" ({})", times::relative(now_ms(), at))).unwrap_or_default();
    print(&format!("Logged in to {} as {}{until}{left}; {others}.\n", clean(farm), clean(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_broker::rest::brokers::Addresses;

    #[test]
    fn all_brokers_of_the_farm_are_remembered_and_the_typed_address_stays_first() {
        let fingerprint = |n| Fingerprint([n; 16]);
        let row = |n: u8, access: &str| BrokerRow {
            id: String::new(),
            name: String::new(),
            priority: 1,
            state: "active".into(),
            master: false,
            enabled: true,
            standby: false,
            serving: true,
            alive: true,
            answers: false,
            fingerprint: fingerprint(n).to_string(),
            addresses: Addresses {
                join: String::new(),
                access: access.into(),
                agent: String::new(),
                peer: String::new(),
            },
            version: None,
            logons_last_hour: 0,
            logon_share_permille: None,
            lag_events: 0,
            lag_ms: 0,
            clock_behind_ms: 0,
            joined_ms: 0,
            master_since_ms: None,
        };
        let known = |n, address: &str| KnownBroker::new(address.parse().unwrap(), fingerprint(n));
        let all = [row(1, "b1:20002"), row(2, "b2:20002"), row(3, "no address")];
        for (asked, want) in [
            (known(1, "b1:20002"), vec![known(1, "b1:20002"), known(2, "b2:20002")]),
            (known(2, "10.0.0.2:20002"), vec![known(2, "10.0.0.2:20002"), known(1, "b1:20002"), known(2, "b2:20002")]),
            (known(9, "gone:20002"), vec![known(1, "b1:20002"), known(2, "b2:20002")]),
        ] {
            assert_eq!(merged(vec![asked], &all), want);
        }
    }
}
