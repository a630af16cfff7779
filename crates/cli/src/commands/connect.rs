//! A seat for a user: shown, or as the .rdp file that a client opens.

use crate::args::ConnectArgs;
use crate::client::Ask;
use crate::context::{Context, print};
use crate::failure::Failure;
use crate::table::Details;
use anyhow::Context as _;
use hostler_broker::rest::Labelled;
use hostler_broker::rest::connections::{ConnectionReply, NewConnection};
use hostler_model::limits;
use hostler_rdp::RdpFile;
use reqwest::Method;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Asks for a seat.
pub(super) async fn connect(context: &Context, args: &ConnectArgs) -> Result<(), Failure> {
    let wanted = NewConnection { user: args.user.clone(), item: args.item.clone(), gateway: args.gateway.clone() };
    let mut ask = Ask::new(Method::POST, &["connections"]).with(&wanted)?;
    let Some(out) = &args.out else {
        return context.one(context.client.json(ask).await?, |reply: ConnectionReply| text(&reply));
    };
    ask.accept = RdpFile::MIME_TYPE;
    let file = context.client.send(ask).await?;
    if out == Path::new("-") {
        return print(&String::from_utf8_lossy(&file));
    }
    write(out, &file).with_context(|| format!("can't write {}", out.display()))?;
    let hold_s = limits::SEAT_HOLD_MS / 1_000;
    eprintln!("{} is written; open it within {hold_s} s, for instance: xfreerdp {}", out.display(), out.display());
    Ok(())
}

/// The file lets its bearer in, so it is the user's only.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

fn text(reply: &ConnectionReply) -> String {
    let name = |thing: &Labelled| thing.name.clone().unwrap_or_else(|| thing.id.clone());
    let reason = match reply.reason.as_str() {
        "existing_session" => "back to the session there",
        "held_seat" => "a seat was held there already",
        _ => "a new session",
    };
    let mut details = Details::new();
    details.line("User", &reply.user);
    details.line("Item", name(&reply.item));
    details.line("Host", format!("{} ({reason})", name(&reply.host)));
    details.line("Gateway", reply.gateways.join(", "));
    details.line("Ticket", &reply.ticket);
    let gateway = reply.gateways.first().map_or("GATEWAY", String::as_str);
    // Of the client's own words only the application's command is quoted: the others have no special characters.
    let shell = reply.command.as_ref().map(|c| format!(" /shell:{}", quoted(c))).unwrap_or_default();
    format!(
        "{details}\nWithin {} s:\n  xfreerdp /v:{gateway} /u:{} /load-balance-info:{}{shell}\n",
        limits::SEAT_HOLD_MS / 1_000,
        quoted(&reply.user),
        reply.ticket
    )
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.@/".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_string()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_in_words() {
        let labelled = |name: &str| Labelled { kind: "host".into(), id: "abc".into(), name: Some(name.into()) };
        let reply = ConnectionReply {
            ticket: "hostler1.AAAA.".into(),
            user: "alice".into(),
            item: labelled("Terminal"),
            command: Some("xterm -e 'top'".into()),
            host: labelled("rdsh-1"),
            session: None,
            reason: "lowest_score".into(),
            gateways: vec!["gw-1:3389".into(), "gw-2:3389".into()],
        };
        assert_eq!(
            text(&reply),
            "User     alice\n\
             Item     Terminal\n\
             Host     rdsh-1 (a new session)\n\
             Gateway  gw-1:3389, gw-2:3389\n\
             Ticket   hostler1.AAAA.\n\
             \n\
             Within 60 s:\n  \
             xfreerdp /v:gw-1:3389 /u:alice /load-balance-info:hostler1.AAAA. /shell:'xterm -e '\\''top'\\'''\n"
        );
    }
}
