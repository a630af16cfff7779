//! The three firewalls that a machine may have. Each lets SSH in and nothing else.

/// What rules a machine's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// The machine's own rules, as an administrator writes them.
    Nftables,
    /// As Ubuntu has it.
    Ufw,
    /// As Red Hat has it.
    Firewalld,
}

impl Firewall {
    /// What its administrator types to turn it on, for good.
    pub fn turn_on(self) -> &'static str {
        match self {
            Self::Nftables => NFTABLES,
            Self::Ufw => "set -e; ufw allow 22/tcp; ufw --force enable; systemctl enable ufw",
            Self::Firewalld => "systemctl enable --now firewalld && firewall-cmd --state",
        }
    }

    /// What its administrator types to see all of it.
    pub fn show(self) -> &'static str {
        match self {
            Self::Nftables => "nft list ruleset",
            Self::Ufw => "ufw status verbose",
            Self::Firewalld => "firewall-cmd --list-all; firewall-cmd --permanent --list-all",
        }
    }
}

const NFTABLES: &str = "set -e
cat > /etc/nftables.conf <<'END'
#!/usr/sbin/nft -f
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 22 accept
    }
}
END
systemctl enable --now nftables
";
