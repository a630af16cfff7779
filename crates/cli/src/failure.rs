//! Why a command was not carried out, in a sentence that says what to do, and the exit code that goes with it.

use hostler_broker::rest::Problem;
use std::fmt;

/// Why a command was not carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A broker refused it.
    Refused(Problem),
    /// Nothing answers.
    NoAnswer(String),
    /// There is no logon.
    NotLoggedIn(String),
    /// It was not said right.
    Usage(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// As `hostler --help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(problem) if matches!(problem.code.as_str(), "unauthorized" | "forbidden") => 4,
            Self::Refused(_) | Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::NoAnswer(_) => 3,
            Self::NotLoggedIn(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => {
                f.write_str(&problem.detail)?;
                hint(&problem.code).map_or(Ok(()), |hint| write!(f, "\n{hint}"))
            }
            Self::NoAnswer(text) | Self::NotLoggedIn(text) | Self::Usage(text) => f.write_str(text),
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "unauthorized" => "Log in with: hostler login",
        "forbidden" => "Ask an owner for the role: hostler admin role NAME ROLE",
        "unknown_user" => "Make users known with: hostler user add NAME",
        "no_default_item" => {
            "Name an item (hostler items), or publish a default: hostler publish desktop NAME --default"
        }
        "not_entitled" => "See who may use what with: hostler items",
        "no_host" => "See what the hosts are doing with: hostler host list",
        "unanswered" | "too_slow" => "See whether it was done with: hostler log tail",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let refused = |code: &str| {
            Failure::Refused(Problem {
                kind: "about:blank".into(),
                title: String::new(),
                status: 400,
                detail: "no".into(),
                code: code.into(),
                retry_after_s: None,
            })
        };
        for (failure, code, text) in [
            (refused("exists"), 1, "no"),
            (refused("unauthorized"), 4, "no\nLog in with: hostler login"),
            (refused("forbidden"), 4, "no\nAsk an owner for the role: hostler admin role NAME ROLE"),
            (refused("not_entitled"), 1, "no\nSee who may use what with: hostler items"),
            (Failure::NoAnswer("a".into()), 3, "a"),
            (Failure::NotLoggedIn("a".into()), 4, "a"),
            (Failure::Usage("a".into()), 2, "a"),
            (anyhow::anyhow!("inner").context("outer").into(), 1, "outer: inner"),
        ] {
            assert_eq!((failure.exit_code(), failure.to_string().as_str()), (code, text));
        }
    }
}
