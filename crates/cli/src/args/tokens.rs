//! Tokens: to join the farm with, and for programs.

use clap::Subcommand;
use hostler_model::MemberRole;

/// Tokens to join with.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once
    Create {
        /// What shall join: broker, gateway or agent
        role: MemberRole,
    },
    /// All tokens, used ones too
    List,
    /// Make a token worth nothing; what joined with it stays
    Revoke {
        /// Its id, or the beginning of it
        token: String,
    },
}

/// Programs' tokens.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiTokenCommand {
    /// Make a token with which a program acts for you; it is shown once
    Create {
        /// What it is for
        label: String,
        /// How long it is good, in days; for ever unless given
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        days: Option<u32>,
    },
    /// All programs' tokens, revoked ones too
    List,
    /// Make a program's token worth nothing
    Revoke {
        /// Its id, or the beginning of it
        token: String,
    },
}
