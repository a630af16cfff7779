//! Real xrdp hosts. Each has mounts, a host name, IPC and processes of its own; they share the machine's network and
//! answer on addresses of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::folder::LabFolder;
use super::ini;
use super::slot::{MAX_HOSTS, Slot};
use super::users::Accounts;
use crate::process::{Process, only_child};
use crate::wait;

const RDP_PORT: u16 = 3389;
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// How long a command inside a host may take.
const COMMAND_LIMIT_S: &str = "60";
/// The configuration that the distribution installs.
const XRDP_CONFIG: &str = "/etc/xrdp";

/// A session host. Dropping it ends everything that runs inside.
#[derive(Debug)]
pub struct Host {
    number: u8,
    ip: Ipv4Addr,
    sesman_port: u16,
    folder: PathBuf,
    running: Option<Running>,
    lab: Arc<LabFolder>,
    _slot: Arc<Slot>,
}

#[derive(Debug)]
struct Running {
    /// `unshare`, which waits for the host's first process and ends with it.
    unshare: Process,
}

impl Host {
    /// A host that is not up yet.
    pub(super) fn new(number: u8, lab: &Arc<LabFolder>, slot: &Arc<Slot>, accounts: &Accounts) -> Result<Self> {
        if number == 0 || number > MAX_HOSTS {
            bail!("a lab has hosts 1 to {MAX_HOSTS}, not {number}");
        }
        let folder = lab.make(format!("rdsh{number}"))?;
        for name in ["etc", "xrdp", "home", "log", "data"] {
            fs::create_dir_all(folder.join(name))?;
        }
        accounts.write(&folder.join("etc"), &folder.join("home"))?;
        let host = Self {
            number,
            ip: slot.host_ip(number),
            sesman_port: slot.sesman_port(number),
            folder,
            running: None,
            lab: Arc::clone(lab),
            _slot: Arc::clone(slot),
        };
        host.write_config(slot.first_display(number))?;
        fs::write(host.folder.join("init.sh"), host.init_script()?)?;
        Ok(host)
    }

    /// The host's name, `rdsh1` for the first.
    pub fn name(&self) -> String {
        format!("rdsh{}", self.number)
    }

    /// Where it answers to RDP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.ip, RDP_PORT))
    }

    /// Its own address, for services that a test runs inside.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// A folder that is kept over a crash, for what a test's programs on this host write.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Brings it up, again after a crash: what its sessions had in memory and in /tmp is gone, homes and data are not.
    pub fn up(&mut self) -> Result<()> {
        self.begin()?;
        self.wait_until_up()
    }

    /// Starts it and does not wait.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.running.is_some() {
            bail!("{} is up already", self.name());
        }
        let tmp = self.folder.join("tmp");
        match fs::remove_dir_all(&tmp) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("can't empty {}", tmp.display()));
            }
            _ => {}
        }
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh"])
            .arg(self.folder.join("init.sh"));
        self.running = Some(Running { unshare: Process::start("init", &self.folder, command)? });
        Ok(())
    }

    pub(super) fn wait_until_up(&mut self) -> Result<()> {
        let (rdp, sesman_port) = (self.address(), self.sesman_port);
        let what = format!("{} listens for RDP", self.name());
        let name = self.name();
        let Some(Running { unshare }) = &mut self.running else { bail!("{name} was not started") };
        wait::until_true(&what, STARTS_WITHIN, || {
            if !unshare.is_running() {
                bail!("{name} did not come up; {}", unshare.tail());
            }
            let listeners = listeners()?;
            // sesman takes 127.0.0.1 for any loopback address and listens on ::1.
            let sesman = |other: &SocketAddr| other.port() == sesman_port && other.ip().is_loopback();
            Ok(listeners.contains(&rdp) && listeners.iter().any(sesman))
        })
    }

    /// Whether it is up.
    pub fn is_up(&mut self) -> bool {
        self.running.as_mut().is_some_and(|running| running.unshare.is_running())
    }

    /// Kills its first process, and by that everything that runs on it, at once. Nothing happens if it is down.
    pub fn crash(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        if let Ok(init) = only_child(running.unshare.pid()) {
            // SAFETY: kill takes two integers; the process is the only child of a child that was not waited for.
            unsafe { libc::kill(libc::pid_t::try_from(init)?, libc::SIGKILL) };
        }
        // It ends when the kernel has removed the last process of the host.
        running.unshare.wait_for_end(ENDS_WITHIN)?;
        Ok(())
    }

    /// A command that will run inside the host as root; add arguments and environment, then start it with
    /// [`Process::start_inside`]. The process ends with whoever started it and with the host.
    pub fn command(&self, program: impl AsRef<Path>) -> Result<Command> {
        let Some(Running { unshare }) = &self.running else { bail!("{} is down", self.name()) };
        let init = only_child(unshare.pid()).with_context(|| format!("{} is down", self.name()))?;
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--uts", "--ipc", "--pid", "--target", &init.to_string(), "--"])
            // nsenter waits for it outside and must not leave it alone when it is killed.
            .args(["setpriv", "--pdeathsig", "KILL"])
            .arg(program.as_ref());
        Ok(command)
    }

    /// Runs a command inside the host as root to its end, and gives what it prints.
    pub fn run(&self, program: impl AsRef<Path>, args: &[&str]) -> Result<String> {
        let inside = self.command(program)?;
        let output = Command::new("timeout")
            .args(["-k", "1", COMMAND_LIMIT_S])
            .arg(inside.get_program())
            .args(inside.get_args())
            .args(args)
            .output()
            .context("can't start timeout")?;
        if !output.status.success() {
            let problem = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("{:?} {args:?} on {} failed ({}): {}", inside.get_args().last(), self.name(), output.status, problem);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts a command made by [`Host::command`]; its log is among the host's.
    pub fn start(&self, name: &str, command: Command) -> Result<Process> {
        Process::start_inside(name, &self.folder, command)
    }

    /// What the host's services have written to their logs.
    pub fn log(&self) -> String {
        ["xrdp-sesman.log", "xrdp.log"]
            .iter()
            .map(|name| {
                format!("{name}:\n{}", fs::read_to_string(self.folder.join("log").join(name)).unwrap_or_default())
            })
            .collect()
    }

    /// The distribution's files with other addresses, displays and logs. xrdp reads the port of sesman from this place
    /// only, which is why each host has a view of /etc of its own.
    fn write_config(&self, first_display: u32) -> Result<()> {
        let target = self.folder.join("xrdp");
        let copied = Command::new("cp").args(["-a", &format!("{XRDP_CONFIG}/."), "--"]).arg(&target).status()?;
        if !copied.success() {
            bail!("can't copy {XRDP_CONFIG}; is xrdp installed?");
        }
        let (rdp, sesman_port, first_display) =
            (format!("tcp://{}", self.address()), self.sesman_port.to_string(), first_display.to_string());
        for (file, section, key, value) in [
            ("xrdp.ini", "Globals", "port", rdp.as_str()),
            ("xrdp.ini", "Logging", "EnableSyslog", "false"),
            ("sesman.ini", "Globals", "ListenAddress", "127.0.0.1"),
            ("sesman.ini", "Globals", "ListenPort", &sesman_port),
            ("sesman.ini", "Sessions", "X11DisplayOffset", &first_display),
            ("sesman.ini", "Logging", "EnableSyslog", "false"),
            ("sesman.ini", "ChansrvLogging", "EnableSyslog", "false"),
        ] {
            let path = target.join(file);
            let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            fs::write(&path, ini::set(&text, section, key, value)?)?;
        }
        Ok(())
    }

    /// The host's first process. It hides from the host whatever of the machine a session could disturb; of /tmp only
    /// the lab and the programs under test stay visible, if they are there.
    fn init_script(&self) -> Result<String> {
        let folder = self.folder.display();
        let mut keep = String::new();
        for path in self.visible_folders()? {
            if let Ok(below) = path.strip_prefix("/tmp") {
                let (path, below) = (path.display(), below.display());
                keep.push_str(&format!(
                    "mkdir -p '{folder}/tmp/{below}'\nmount --bind '{path}' '{folder}/tmp/{below}'\n"
                ));
            }
        }
        Ok(format!(
            "set -e\n\
             hostname {name}\n\
             for file in passwd group shadow; do mount --bind '{folder}/etc/'$file /etc/$file; done\n\
             mount --bind '{folder}/xrdp' {XRDP_CONFIG}\n\
             mount --bind '{folder}/home' /home\n\
             mount --bind '{folder}/log' /var/log\n\
             mount -t tmpfs -o mode=755 tmpfs /run\n\
             mkdir -p /run/xrdp/sockdir\n\
             chown root:xrdp /run/xrdp /run/xrdp/sockdir\n\
             chmod 1755 /run/xrdp\n\
             chmod 3777 /run/xrdp/sockdir\n\
             mkdir -p '{folder}/tmp/.X11-unix'\n\
             chmod 1777 '{folder}/tmp' '{folder}/tmp/.X11-unix'\n\
             {keep}\
             mount --rbind '{folder}/tmp' /tmp\n\
             cd /\n\
             xrdp-sesman -n &\n\
             xrdp -n &\n\
             wait\n",
            name = self.name(),
        ))
    }

    fn visible_folders(&self) -> Result<Vec<PathBuf>> {
        let own = env::current_exe()?;
        let own = own.parent().context("the test program is in no folder")?;
        // The test is target/debug/deps/test-1234, the programs are in target/debug.
        let built = if own.ends_with("deps") { own.parent().unwrap_or(own) } else { own }.to_owned();
        let under_test = env::var_os("HOSTLER_BIN").and_then(|program| Some(Path::new(&program).parent()?.to_owned()));
        let mut folders = vec![self.lab.path().to_owned(), built];
        folders.extend(under_test.filter(|folder| !folders.contains(folder)));
        Ok(folders)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(error) = self.crash() {
            eprintln!("{error:#}");
        }
    }
}

/// Where somebody on this machine listens. Asking the kernel does not disturb the listener, as a connection would.
fn listeners() -> Result<Vec<SocketAddr>> {
    let mut listeners = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(path) {
            Ok(text) => listeners.extend(parse_listeners(&text)),
            // A machine without IPv6 has only the first.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("can't read {path}")),
        }
    }
    Ok(listeners)
}

/// Addresses are hexadecimal, in words of 32 bits as this machine has them in memory. An IPv4
/// address may be inside an IPv6 one.
fn parse_listeners(text: &str) -> Vec<SocketAddr> {
    const LISTENING: &str = "0A";
    let ip = |text: &str| -> Option<IpAddr> {
        let words: Vec<[u8; 4]> = text
            .as_bytes()
            .chunks(8)
            .map(|word| Some(u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
            .collect::<Option<_>>()?;
        match <[u8; 16]>::try_from(words.concat()) {
            Ok(v6) => Some(IpAddr::from(v6).to_canonical()),
            Err(v4) => Some(IpAddr::from(<[u8; 4]>::try_from(v4).ok()?)),
        }
    };
    text.lines()
        .skip(1)
        .filter_map(|line| {
            // sl local_address rem_address st …
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (address, port) = fields.next()?.split_once(':')?;
            let address = SocketAddr::from((ip(address)?, u16::from_str_radix(port, 16).ok()?));
            (fields.nth(1)? == LISTENING).then_some(address)
        })
        .collect()
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 65004D7F:0D3D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6077 1\n\
            \x20  1: 0100007F:C350 0100007F:0D3D 01 00000000:00000000 00:00000000 00000000     0        0 6078 1\n\
            \x20  0: 0000000000000000FFFF00000100007F:5BCD 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n\
            \x20  1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n\
            broken\n";
        let expected = ["127.77.0.101:3389", "127.0.0.1:23501", "[::1]:22"];
        assert_eq!(parse_listeners(text), expected.map(|address| address.parse().unwrap()));
    }
}
