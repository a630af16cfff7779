//! What a user or an administrator can paste: a line for each way into the farm.

use super::plan::{APPLICATION, APPLICATION_USERS, PASSWORD, USERS};
use super::raise::Farm;
use super::rest::{BASE, RDP_FILE, Rest, RestError};
use anyhow::{Context, Result};
use hostler_model::ports;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Whose .rdp file it is.
const USER: &str = "carol";
/// How often the file is made anew: its seat is held for a minute.
const FRESH_FOR: Duration = Duration::from_secs(40);
/// How long to wait after it could not be made.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// A .rdp file that can be opened at any time while the farm runs.
pub(super) struct RdpFile {
    path: PathBuf,
    due: Instant,
}

impl RdpFile {
    pub(super) fn new(farm: &Farm) -> Self {
        Self { path: farm.folder.path().join(format!("{USER}.rdp")), due: Instant::now() }
    }

    /// Makes it anew.
    pub(super) async fn refresh(&mut self, rest: &Rest) -> Result<()> {
        self.due = Instant::now() + TRY_AGAIN;
        let bytes = rest.rdp_file(USER).await?;
        // In one step, for whoever opens it at this moment.
        let draft = self.path.with_extension("new");
        let written = std::fs::write(&draft, bytes).and_then(|()| std::fs::rename(&draft, &self.path));
        written.with_context(|| format!("can't write {}", self.path.display()))?;
        self.due = Instant::now() + FRESH_FOR;
        Ok(())
    }

    /// Makes it anew where its time is nearly over. A farm that does not answer now may do so later.
    pub(super) async fn keep_fresh(&mut self, rest: &Rest) {
        if Instant::now() >= self.due
            && let Err(error) = self.refresh(rest).await
            // Somebody tries out what happens without hosts or brokers.
            && !matches!(error.downcast_ref(), Some(RestError::NoAnswer { .. } | RestError::Refused { .. }))
        {
            tracing::warn!(error = format!("{error:#}"), "the .rdp file could not be made anew");
        }
    }
}

/// The lines. Also writes the file that they use to say who asks.
pub(super) fn text(farm: &Farm, file: &RdpFile) -> Result<String> {
    let bearer = format!("Authorization: Bearer {}\n", farm.rest.token());
    let bearer = farm.folder.write("bearer", bearer.as_bytes())?;
    let broker = farm.plan.brokers.first().context("a farm has at least one broker")?;
    let facts = Facts {
        gateway: farm.plan.gateway.ip.to_string(),
        rdp_file: file.path.display().to_string(),
        bearer: bearer.display().to_string(),
        rest: format!("https://{}{BASE}", broker.at(ports::ACCESS)),
        broker: broker.ip.to_string(),
        fingerprint: farm.fingerprint.clone(),
        hostler: farm.hostler.path().display().to_string(),
        folder: farm.folder.path().display().to_string(),
        admin: farm.admin.clone(),
    };
    Ok(facts.text())
}

struct Facts {
    gateway: String,
    rdp_file: String,
    bearer: String,
    rest: String,
    broker: String,
    fingerprint: String,
    hostler: String,
    folder: String,
    admin: (String, String),
}

impl Facts {
    fn text(&self) -> String {
        let Self { gateway, rdp_file, bearer, rest, broker, fingerprint, hostler, folder, admin: (admin, secret) } =
            self;
        let ((application, _), users) = (APPLICATION, USERS.join(", "));
        let theirs = APPLICATION_USERS.join(" and ");
        let ask = format!("curl -sk -H @{bearer}");
        let json = "-H 'Content-Type: application/json'";
        let user = APPLICATION_USERS[0];
        format!(
            "\
Administrator {admin}, password {secret}
Users {users}, password {PASSWORD}; all have the item Desktop, {theirs} also {application}

Any RDP client, through the gateway (close it, and log on again: the session waits)
  xfreerdp /v:{gateway} /u:{user} /p:{PASSWORD} /cert:ignore
A .rdp file with a ticket, kept fresh here; mstsc opens it too, on this machine
  xfreerdp {rdp_file} /p:{PASSWORD} /cert:ignore
The application, with a .rdp file of your own, good for a minute
  {ask} {json} -H 'Accept: {RDP_FILE}' -d '{{\"user\":\"{user}\",\"item\":\"{application}\"}}' {rest}/connections >{folder}/own.rdp
  xfreerdp {folder}/own.rdp /p:{PASSWORD} /cert:ignore
REST
  {ask} {rest}/hosts
The command line
  export HOSTLER_CONFIG_DIR={folder}/logon
  HOSTLER_PASSWORD={secret} {hostler} login --broker {broker} --fingerprint {fingerprint} --name {admin}
  {hostler} session list"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_paste() {
        let [gateway, rdp_file, bearer, rest, broker, fingerprint, hostler, folder] =
            ["GW", "/t/carol.rdp", "/t/bearer", "https://B/api/v1", "B", "FP", "/bin/hostler", "/t"].map(String::from);
        let admin = ("admin".to_string(), "secret".to_string());
        let text = Facts { gateway, rdp_file, bearer, rest, broker, fingerprint, hostler, folder, admin }.text();
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        assert_eq!(
            lines,
            [
                "xfreerdp /v:GW /u:alice /p:demo /cert:ignore",
                "xfreerdp /t/carol.rdp /p:demo /cert:ignore",
                "curl -sk -H @/t/bearer -H 'Content-Type: application/json' -H 'Accept: application/x-rdp' \
                 -d '{\"user\":\"alice\",\"item\":\"Notes\"}' https://B/api/v1/connections >/t/own.rdp",
                "xfreerdp /t/own.rdp /p:demo /cert:ignore",
                "curl -sk -H @/t/bearer https://B/api/v1/hosts",
                "export HOSTLER_CONFIG_DIR=/t/logon",
                "HOSTLER_PASSWORD=secret /bin/hostler login --broker B --fingerprint FP --name admin",
                "/bin/hostler session list",
            ]
        );
        assert!(
            text.starts_with("Administrator admin, password secret\nUsers alice, bob, carol, dave, erin, "),
            "{text}"
        );
    }
}
