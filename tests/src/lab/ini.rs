//! Changes single values in xrdp's configuration files and leaves everything else as the distribution wrote it.

use anyhow::{Result, bail};

/// Sets `key` in `[section]`, where it must be already.
pub(super) fn set(text: &str, section: &str, key: &str, value: &str) -> Result<String> {
    let mut current = "";
    let mut found = false;
    let mut result = String::with_capacity(text.len() + value.len());
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = name;
        }
        let is_it = current == section && trimmed.split_once('=').is_some_and(|(name, _)| name.trim_end() == key);
        if is_it && !found {
            result.push_str(&format!("{key}={value}\n"));
            found = true;
        } else {
            result.push_str(line);
            result.push('\n');
        }
    }
    if !found {
        bail!("xrdp's configuration has no {key} in [{section}]; this lab knows xrdp 0.9");
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_one_value_only() {
        let text = "[A]\n; port=1\nport=3389\nport=7\n[B]\nport=-1\n";
        assert_eq!(set(text, "A", "port", "5").unwrap(), "[A]\n; port=1\nport=5\nport=7\n[B]\nport=-1\n");
        assert_eq!(set(text, "B", "port", "5").unwrap(), "[A]\n; port=1\nport=3389\nport=7\n[B]\nport=5\n");
        let error = set(text, "B", "ip", "5").unwrap_err().to_string();
        assert_eq!(error, "xrdp's configuration has no ip in [B]; this lab knows xrdp 0.9");
    }
}
