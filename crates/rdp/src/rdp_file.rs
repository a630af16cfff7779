//! The text of a .rdp file, which mstsc and FreeRDP open: where to connect, as whom, with which ticket.

use crate::ticket::SignedTicket;
use hostler_model::{Address, UserName, limits};
use std::fmt::Write;

/// Why a .rdp file can't be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RdpFileError {
    /// It would end the line, or be invisible in it. The format knows no escape.
    #[error("the {0} contains {1:?}, which can't stand in a .rdp file: remove it")]
    Character(&'static str, char),
    /// Longer than a published application's command may be.
    #[error("the {0} has {1} bytes; {max} are allowed", max = limits::COMMAND_BYTES)]
    TooLong(&'static str, usize),
    /// Clients cut them off.
    #[error("the {0} begins or ends with a space, which clients cut off: remove it")]
    OuterSpace(&'static str),
}

/// What a .rdp file says. The client connects without a Windows RD gateway; TLS is used, CredSSP (NLA) is not, since
/// xrdp has none; and one application is the session's shell, for xrdp can't do RemoteApp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RdpFile {
    /// The gateway.
    pub address: Address,
    /// The user.
    pub user: UserName,
    /// The permission to take a seat; without one the gateway goes by the user's name.
    pub ticket: Option<SignedTicket>,
    /// The application's command line instead of a desktop.
    pub shell: Option<String>,
    /// The folder in which the application starts.
    pub shell_directory: Option<String>,
    /// Width and height in pixels; the client's own choice where nothing is said.
    pub size_px: Option<(u16, u16)>,
}

impl RdpFile {
    /// The type under which browsers hand it to a client.
    pub const MIME_TYPE: &str = "application/x-rdp";

    /// A file for a desktop at this gateway.
    #[must_use]
    pub fn new(address: Address, user: UserName) -> Self {
        Self { address, user, ticket: None, shell: None, shell_directory: None, size_px: None }
    }

    /// The file: UTF-8, lines that end in CR LF.
    ///
    /// # Errors
    /// Where a value can't be written into one line as it is.
    pub fn text(&self) -> Result<String, RdpFileError> {
        let mut lines = Lines(String::new());
        lines.text("full address", "address", &self.address.to_string())?;
        lines.text("username", "user name", self.user.as_str())?;
        if let Some(ticket) = &self.ticket {
            lines.text("loadbalanceinfo", "ticket", &ticket.to_string())?;
        }
        if let Some(shell) = &self.shell {
            lines.text("alternate shell", "command", shell)?;
        }
        if let Some(directory) = &self.shell_directory {
            lines.text("shell working directory", "working directory", directory)?;
        }
        if let Some((width, height)) = self.size_px {
            lines.number("desktopwidth", width);
            lines.number("desktopheight", height);
        }
        lines.number("remoteapplicationmode", 0);
        lines.number("gatewayusagemethod", 0);
        lines.number("enablecredsspsupport", 0);
        lines.number("negotiate security layer", 1);
        // Show a warning where the host's certificate can't be verified, and let the user decide.
        lines.number("authentication level", 2);
        // Without CredSSP mstsc asks for nothing by itself, and the user would meet the host's own login box.
        lines.number("prompt for credentials", 1);
        lines.number("autoreconnection enabled", 1);
        Ok(lines.0)
    }
}

struct Lines(String);

impl Lines {
    fn text(&mut self, key: &str, what: &'static str, value: &str) -> Result<(), RdpFileError> {
        if value.len() > limits::COMMAND_BYTES {
            return Err(RdpFileError::TooLong(what, value.len()));
        }
        // Unicode's own line ends are no control characters, and some readers stop at them.
        if let Some(c) = value.chars().find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')) {
            return Err(RdpFileError::Character(what, c));
        }
        if value.trim() != value {
            return Err(RdpFileError::OuterSpace(what));
        }
        self.line(format_args!("{key}:s:{value}"));
        Ok(())
    }

    fn number(&mut self, key: &str, value: u16) {
        self.line(format_args!("{key}:i:{value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a String never fails.
        let _written = write!(self.0, "{line}\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::{TICKET_TOKEN_BYTES, Ticket};
    use crate::user_tag::UserTag;
    use ed25519_dalek::SigningKey;
    use hostler_model::{BrokerId, HostId, ItemId, SeatId, TicketId, Wall};

    const TAIL: &str = "remoteapplicationmode:i:0\r\ngatewayusagemethod:i:0\r\nenablecredsspsupport:i:0\r\n\
        negotiate security layer:i:1\r\nauthentication level:i:2\r\nprompt for credentials:i:1\r\n\
        autoreconnection enabled:i:1\r\n";

    fn file() -> RdpFile {
        RdpFile::new("rdp.example:3389".parse().unwrap(), "Jürgen".parse().unwrap())
    }

    #[test]
    fn texts() {
        let desktop = format!("full address:s:rdp.example:3389\r\nusername:s:jürgen\r\n{TAIL}");
        assert_eq!(file().text(), Ok(desktop));
        let user = file().user;
        let ticket = Ticket {
            id: TicketId([1; 16]),
            user: UserTag::of(&user),
            item: ItemId([3; 16]),
            host: HostId([4; 16]),
            seat: SeatId([5; 16]),
            issuer: BrokerId([6; 16]),
            issued_at: Wall(7),
        };
        let signed = ticket.sign(&SigningKey::from_bytes(&[9; 32]));
        let application = RdpFile {
            address: "[::1]:3389".parse().unwrap(),
            ticket: Some(signed),
            shell: Some("xterm -e 'top -d 1'".into()),
            shell_directory: Some("/srv/a b".into()),
            size_px: Some((1280, 720)),
            ..file()
        };
        let want = format!(
            "full address:s:[::1]:3389\r\nusername:s:jürgen\r\nloadbalanceinfo:s:{signed}\r\n\
             alternate shell:s:xterm -e 'top -d 1'\r\nshell working directory:s:/srv/a b\r\n\
             desktopwidth:i:1280\r\ndesktopheight:i:720\r\n{TAIL}"
        );
        assert_eq!(application.text(), Ok(want));
        assert_eq!(signed.to_string().len(), TICKET_TOKEN_BYTES);
    }

    #[test]
    fn what_is_refused() {
        for (shell, want) in [
            ("xterm\r\nfull address:s:evil", RdpFileError::Character("command", '\r')),
            ("xterm\n", RdpFileError::Character("command", '\n')),
            ("xterm\u{2028}", RdpFileError::Character("command", '\u{2028}')),
            ("a\0", RdpFileError::Character("command", '\0')),
            (" xterm", RdpFileError::OuterSpace("command")),
            (&"x".repeat(1025), RdpFileError::TooLong("command", 1025)),
        ] {
            assert_eq!(RdpFile { shell: Some(shell.into()), ..file() }.text(), Err(want), "{shell:?}");
        }
        let directory = RdpFile { shell_directory: Some("/a\tb".into()), ..file() };
        assert_eq!(directory.text(), Err(RdpFileError::Character("working directory", '\t')));
    }
}
