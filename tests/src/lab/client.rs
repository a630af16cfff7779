//! A person at a remote desktop: FreeRDP on a display of its own, with eyes for colours and hands for the keyboard.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::folder::LabFolder;
use super::users::TERMINAL;
use super::{Colour, Display, User};
use crate::process::Process;
use crate::wait;

/// A colour counts as visible from this share of the screen on, in thousandths: more than any window's frame has.
const VISIBLE_SHARE: usize = 50;
/// How long typing may take.
const TYPES_WITHIN_S: &str = "30";
/// A place inside the terminal of a user's desktop, and inside one that an application session opens in the corner.
const IN_TERMINAL: [&str; 2] = ["300", "200"];

/// Where a client connects to and as whom.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    args: Vec<String>,
}

impl Connect {
    /// To an address with a port.
    pub fn to(address: impl std::fmt::Display) -> Self {
        Self::default().option(format!("/v:{address}"))
    }

    /// With everything that an .rdp file says.
    pub fn file(path: &Path) -> Self {
        Self::default().option(path.display())
    }

    /// As a user, with the password.
    #[must_use]
    pub fn login(self, user: User) -> Self {
        self.option(format!("/u:{}", user.name)).option(format!("/p:{}", user.password()))
    }

    /// With another option of xfreerdp, for instance `/sec:tls`.
    #[must_use]
    pub fn option(mut self, option: impl std::fmt::Display) -> Self {
        self.args.push(option.to_string());
        self
    }
}

/// A running xfreerdp. Dropping it ends the connection and the display.
#[derive(Debug)]
pub struct Client {
    name: String,
    process: Process,
    display: Display,
    folder: PathBuf,
    started: Instant,
    _lab: Arc<LabFolder>,
}

impl Client {
    pub(super) fn start(name: &str, lab: &Arc<LabFolder>, connect: &Connect) -> Result<Self> {
        let folder = lab.make(Path::new("clients").join(name))?;
        let display = Display::start(&folder)?;
        let mut command = Command::new("xfreerdp");
        command
            .args(&connect.args)
            .args(["/cert:ignore", "/size:1024x700", "/log-level:INFO"])
            .env("DISPLAY", display.name())
            // It keeps the keys of known servers there.
            .env("HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .current_dir(&folder);
        let process = Process::start("xfreerdp", &folder, command)?;
        Ok(Self { name: name.to_owned(), process, display, folder, started: Instant::now(), _lab: Arc::clone(lab) })
    }

    /// Waits until much of the screen has the colour. Tells how long after its start that was.
    pub fn wait_for_colour(&mut self, colour: Colour, within: Duration) -> Result<Duration> {
        let what = format!("{} sees {colour}", self.name);
        let seen = wait::until(&what, within, || {
            let running = self.process.is_running();
            if self.sees(colour)? {
                return Ok(Some(self.started.elapsed()));
            }
            if running { Ok(None) } else { bail!("{}'s connection ended before it saw {colour}", self.name) }
        });
        seen.map_err(|error| self.explain(error))
    }

    /// Waits until the colour is gone from the screen.
    pub fn wait_for_no_colour(&mut self, colour: Colour, within: Duration) -> Result<()> {
        let what = format!("{} no longer sees {colour}", self.name);
        let gone = wait::until_true(&what, within, || Ok(!self.sees(colour)?));
        gone.map_err(|error| self.explain(error))
    }

    /// Whether much of the screen has the colour now.
    pub fn sees(&self, colour: Colour) -> Result<bool> {
        Ok(self.display.colours()?.iter().any(|(seen, share)| *seen == colour && *share >= VISIBLE_SHARE))
    }

    /// The colours on the screen; see [`Display::colours`].
    pub fn colours(&self) -> Result<Vec<(Colour, usize)>> {
        self.display.colours()
    }

    /// Waits until the user's desktop is there, with its terminal, so that something can be typed into it. Tells how
    /// long after the client's start that was.
    pub fn wait_for_desktop(&mut self, user: User, within: Duration) -> Result<Duration> {
        self.wait_for_colour(user.colour, within)?;
        self.wait_for_colour(TERMINAL, within)
    }

    /// Types a text into the desktop's terminal, or into a terminal that was opened alone; `\n` is the Return key.
    pub fn type_text(&self, text: &str) -> Result<()> {
        let [x, y] = IN_TERMINAL;
        self.xdotool(&["mousemove", x, y, "click", "1"])?;
        for part in text.split_inclusive('\n') {
            let line = part.trim_end_matches('\n');
            if !line.is_empty() {
                self.xdotool(&["type", "--delay", "15", line])?;
            }
            // Typed as a character it would be the Linefeed key, which RDP does not know.
            if line.len() < part.len() {
                self.press("Return")?;
            }
        }
        Ok(())
    }

    /// Presses a key, by its X name, for instance `Return` or `ctrl+d`.
    pub fn press(&self, key: &str) -> Result<()> {
        self.xdotool(&["key", key])
    }

    fn xdotool(&self, args: &[&str]) -> Result<()> {
        let output = Command::new("timeout")
            .args([TYPES_WITHIN_S, "xdotool"])
            .args(args)
            .env("DISPLAY", self.display.name())
            .output()
            .context("can't start xdotool")?;
        if !output.status.success() {
            let problem = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("xdotool {args:?} for {} failed ({}): {problem}", self.name, output.status);
        }
        Ok(())
    }

    /// Whether the connection stands.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Ends the connection as a broken line or a closed laptop does. The session stays.
    pub fn disconnect(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Waits until the other side has ended the connection.
    pub fn wait_for_end(&mut self, within: Duration) -> Result<ExitStatus> {
        self.process.wait_for_end(within)
    }

    /// What FreeRDP has said so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Saves the screen in the client's folder as `name.png`.
    pub fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(format!("{name}.png"));
        self.display.screenshot(&path)?;
        Ok(path)
    }

    /// Adds to an error what the screen and the log show.
    fn explain(&self, error: impl std::fmt::Display) -> anyhow::Error {
        let seen = match self.display.colours() {
            Ok(mut colours) => {
                colours.truncate(4);
                format!("{colours:?}")
            }
            Err(error) => error.to_string(),
        };
        // For whoever keeps the lab's folder.
        let _ = self.screenshot("failed");
        anyhow!("{error}; on screen, in thousandths: {seen}; {}", self.process.tail())
    }
}
