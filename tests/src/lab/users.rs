//! The lab's users. They exist on its hosts only: each host has its own copies of the account files and its own /home.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Colour;

/// Someone who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The account's name.
    pub name: &'static str,
    /// The background of this user's desktop, which no other user's has.
    pub colour: Colour,
    uid: u32,
}

/// Has a blue desktop.
pub const ALICE: User = User { name: "alice", colour: Colour(0x33_66_99), uid: 61_001 };
/// Has a brown desktop.
pub const BOB: User = User { name: "bob", colour: Colour(0x99_66_33), uid: 61_002 };
/// Has a green desktop.
pub const CAROL: User = User { name: "carol", colour: Colour(0x66_99_33), uid: 61_003 };
/// Has a red desktop.
pub const DAVE: User = User { name: "dave", colour: Colour(0x99_33_66), uid: 61_004 };
/// Has a violet desktop.
pub const ERIN: User = User { name: "erin", colour: Colour(0x66_33_99), uid: 61_005 };
/// All of them.
pub const USERS: [User; 5] = [ALICE, BOB, CAROL, DAVE, ERIN];

/// The background of the terminal on every desktop; nothing else is quite as dark.
pub(super) const TERMINAL: Colour = Colour(0x0a_0b_0c);

impl User {
    /// The password, on every host of the lab.
    pub fn password(&self) -> String {
        format!("Passw0rd-{}", self.name)
    }

    /// What the user's desktop consists of, as files in the home folder: a colour, a window manager, and a terminal that
    /// says where it is. The window manager starts it when it is ready; a window that opens while the window manager is
    /// still starting may stay hidden for ever.
    fn home_files(&self) -> [(&'static str, String); 2] {
        let xsession =
            format!("#!/bin/sh\nxsetroot -solid '{}'\nexec openbox --startup \"$HOME/.terminal\"\n", self.colour);
        let terminal = format!(
            "#!/bin/sh\nexec xterm -bg '{TERMINAL}' -fg white -geometry 90x24+40+40 -e sh -c \
             'echo \"HOST $(hostname) USER $(id -un) DISPLAY $DISPLAY\"; exec bash --norc'\n"
        );
        [(".xsession", xsession), (".terminal", terminal)]
    }
}

/// The account files of a host: the machine's own, with the lab's users in place of any of the same name or number.
#[derive(Debug)]
pub(super) struct Accounts {
    /// Name, text and file mode.
    files: Vec<(&'static str, String, u32)>,
}

impl Accounts {
    pub(super) fn of_this_machine() -> Result<Self> {
        let hashes = hash_passwords()?;
        let read = |name: &str| {
            let path = Path::new("/etc").join(name);
            fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
        };
        let mut passwd = others(&read("passwd")?);
        let mut group = others(&read("group")?);
        let mut shadow = others(&read("shadow")?);
        for (user, hash) in USERS.iter().zip(hashes) {
            let User { name, uid, .. } = user;
            passwd.push_str(&format!("{name}:x:{uid}:{uid}:A user of the lab:/home/{name}:/bin/bash\n"));
            group.push_str(&format!("{name}:x:{uid}:\n"));
            shadow.push_str(&format!("{name}:{hash}:19000:0:99999:7:::\n"));
        }
        Ok(Self { files: vec![("passwd", passwd, 0o644), ("group", group, 0o644), ("shadow", shadow, 0o600)] })
    }

    /// Writes the account files to `etc` and fresh home folders to `home`.
    pub(super) fn write(&self, etc: &Path, home: &Path) -> Result<()> {
        for (name, text, mode) in &self.files {
            let path = etc.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
        }
        for user in USERS {
            let folder = home.join(user.name);
            fs::create_dir_all(&folder)?;
            own(&folder, user)?;
            for (name, text) in user.home_files() {
                let path = folder.join(name);
                fs::write(&path, text)?;
                own(&path, user)?;
            }
        }
        Ok(())
    }
}

fn own(path: &Path, user: User) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(chown(path, Some(user.uid), Some(user.uid))?)
}

/// The lines that are not about a user of the lab: neither its name nor its number.
fn others(text: &str) -> String {
    text.lines()
        .filter(|line| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
            !USERS.iter().any(|user| user.name == name || user.uid.to_string() == number)
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The passwords as /etc/shadow holds them. openssl comes with xrdp, whose certificate it made.
fn hash_passwords() -> Result<Vec<String>> {
    let mut openssl = Command::new("openssl")
        .args(["passwd", "-6", "-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start openssl")?;
    let passwords: String = USERS.iter().map(|user| user.password() + "\n").collect();
    // Dropped at once, so that openssl sees the end.
    openssl.stdin.take().context("openssl has no input")?.write_all(passwords.as_bytes())?;
    let output = openssl.wait_with_output()?;
    let hashes: Vec<String> = String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect();
    if !output.status.success() || hashes.len() != USERS.len() {
        bail!("openssl made {} hashes of {} passwords ({})", hashes.len(), USERS.len(), output.status);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_people_of_the_same_name_are_left_out_of_the_copy() {
        let text = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/a:/bin/sh\nx:x:61002:1::/:/bin/sh\n";
        assert_eq!(others(text), "root:x:0:0:root:/root:/bin/bash\n");
    }

    #[test]
    fn desktops_differ() {
        let mut colours = USERS.map(|user| user.colour);
        colours.sort_unstable();
        assert!(colours.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
