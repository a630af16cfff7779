//! The script that looks at a machine. It changes nothing.

use crate::firewall::{NFT_FILE, OWN_CONFIGURATIONS};
use crate::shell::quote;
use crate::wanted::{PROGRAM, USER};

/// The script: it prints lines of a key, a space, and a value.
pub(super) fn script(config: &str, data_dir: &str) -> String {
    let data = data_dir.trim_end_matches('/');
    SCRIPT
        .replace("%PROGRAM%", PROGRAM)
        .replace("%USER%", USER)
        .replace("%CONFIG%", &quote(config))
        .replace("%DATA%", &quote(if data.is_empty() { "/" } else { data }))
        .replace("%NFT_FILE%", NFT_FILE)
        .replace("%NFT_CONFIGURATIONS%", &OWN_CONFIGURATIONS.join(" "))
}

const SCRIPT: &str = r#"say() { printf '%s %s\n' "$1" "$2"; }
text() { say "$1" "$(base64 | tr -d '\n')"; }
file() { if [ -f "$2" ]; then text "$1" < "$2"; fi; }
room() {
    folder=$1
    until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pk "$folder" | while read -r _ _ _ free _; do echo "$free"; done | tail -n 1
}
data=%DATA%
say host "$(cat /proc/sys/kernel/hostname)"
say architecture "$(uname -m)"
say system "$( . /etc/os-release 2>/dev/null && echo "$PRETTY_NAME" || uname -s)"
say program_room "$(room "$(dirname %PROGRAM%)")"
say data_room "$(room "$data")"
if [ -d /run/systemd/system ]; then say systemd yes; fi
if id -u %USER% >/dev/null 2>&1; then say user yes; fi
if [ -f %PROGRAM% ]; then say program "$(sha256sum %PROGRAM% | cut -d ' ' -f 1)"; fi
file config %CONFIG%
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | text tcp
cat /proc/net/udp /proc/net/udp6 2>/dev/null | text udp
for role in broker gateway agent; do
    unit=hostler-$role.service
    file "unit.$role" "/etc/systemd/system/$unit"
    if [ -d /run/systemd/system ]; then
        say "enabled.$role" "$(systemctl is-enabled "$unit" 2>/dev/null || true)"
        say "active.$role" "$(systemctl is-active "$unit" 2>/dev/null || true)"
        pid=$(systemctl show -p MainPID --value "$unit")
        if [ "${pid:-0}" != 0 ]; then say "runs.$role" "$(readlink "/proc/$pid/exe" || true)"; fi
    fi
    folder=$data/$role
    if [ -d "$folder" ]; then
        say "folder.$role" "$(stat -c '%U %a' "$folder")"
        owner=%USER%
        if [ "$role" = agent ]; then owner=root; fi
        if id -u "$owner" >/dev/null 2>&1; then
            say "stranger.$role" "$(find "$folder" ! -user "$owner" -print | head -n 1)"
        fi
        if [ -f "$folder/key" ]; then say "key.$role" yes; fi
        file "member.$role" "$folder/member.json"
    fi
done
if command -v ufw >/dev/null && ufw status | grep -q '^Status: active'; then
    say firewall ufw
    ufw show added | text ufw
elif command -v firewall-cmd >/dev/null && firewall-cmd --state >/dev/null 2>&1; then
    say firewall firewalld
    firewall-cmd --list-ports | text ports
    firewall-cmd --permanent --list-ports | text ports.later
    firewall-cmd --list-rich-rules | text rich
    firewall-cmd --permanent --list-rich-rules | text rich.later
elif command -v nft >/dev/null; then
    say firewall nftables
    nft -j list ruleset | text nft
    file nft.file %NFT_FILE%
    for path in %NFT_CONFIGURATIONS%; do
        if [ -f "$path" ]; then
            say nft.path "$path"
            say nft.mode "$(stat -c %a "$path")"
            file nft.configuration "$path"
            break
        fi
    done
    say nft.enabled "$(systemctl is-enabled nftables.service 2>/dev/null || true)"
elif command -v iptables >/dev/null && iptables -S INPUT 2>/dev/null | grep -Eq '^-P INPUT DROP|-j (DROP|REJECT)'; then
    say firewall iptables
fi
"#;
