//! Questions to whoever sits at the terminal.

use crate::failure::Failure;
use anyhow::Context;
use std::io::{BufRead, IsTerminal, Write};

/// A line of text.
pub(crate) fn line(question: &str, instead: &str) -> Result<String, Failure> {
    needs_terminal(instead)?;
    eprint!("{question}: ");
    std::io::stderr().flush().context("can't write to the terminal")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("can't read from the terminal")?;
    Ok(answer.trim().to_string())
}

/// A password, from the environment or asked for without showing it.
pub(crate) fn password(question: &str, variable: &str) -> Result<String, Failure> {
    if let Ok(password) = std::env::var(variable) {
        return Ok(password);
    }
    needs_terminal(&format!("set {variable}"))?;
    Ok(rpassword::prompt_password(format!("{question}: ")).context("can't read the password")?)
}

/// A new password, asked for twice.
pub(crate) fn new_password(variable: &str) -> Result<String, Failure> {
    let first = password("New password", variable)?;
    if std::env::var_os(variable).is_some() || password("Again", variable)? == first {
        return Ok(first);
    }
    Err(Failure::Usage("the two passwords differ; nothing was changed".into()))
}

/// Whether to go on; "no" where nothing is typed.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    let answer = line(&format!("{question} [y/N]"), "give --yes where nobody can be asked")?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

fn needs_terminal(instead: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::Usage(format!("this has to be asked, and there is no terminal: {instead}")))
}
