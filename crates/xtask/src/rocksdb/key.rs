//! The name under which a built library is kept.

use std::fmt;

use super::Compiler;

/// Features of librocksdb-sys that change how its bindings are made or which system libraries are linked, but not
/// the archive.
const WITHOUT_EFFECT: [&str; 4] = ["bindgen-runtime", "bindgen-static", "default", "static"];

/// Everything that the archive depends on. Compiler flags are not in it: the build is started without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    version: String,
    compiler: Compiler,
    features: Vec<String>,
}

impl Key {
    pub(super) fn new(version: &str, compiler: &Compiler, features: &[String]) -> Self {
        let mut features: Vec<String> = features
            .iter()
            // An optional dependency is a feature too, "lz4-sys" beside the "lz4" that turns it on.
            .filter(|feature| !WITHOUT_EFFECT.contains(&feature.as_str()) && !feature.ends_with("-sys"))
            .cloned()
            .collect();
        features.sort();
        Self { version: version.to_owned(), compiler: compiler.clone(), features }
    }

    /// The version of librocksdb-sys, without the build metadata that a requirement may not have.
    pub(super) fn requirement(&self) -> String {
        format!("={}", self.version.split('+').next().unwrap_or_default())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compiler { family, version, target } = &self.compiler;
        let features = if self.features.is_empty() { "plain".to_owned() } else { self.features.join("+") };
        write!(f, "rocksdb-{}-{family}-{version}-{target}-{features}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(version: &str, features: &[&str]) -> Key {
        let compiler = Compiler { family: "gcc", version: "12.2.0".to_owned(), target: "x86_64-linux-gnu".to_owned() };
        let features: Vec<String> = features.iter().map(|feature| (*feature).to_owned()).collect();
        Key::new(version, &compiler, &features)
    }

    #[test]
    fn the_name_says_what_the_archive_depends_on() {
        let cases: [(&[&str], &str); 3] = [
            (&["static", "lz4-sys", "lz4", "bindgen-runtime"], "lz4"),
            (&["zstd", "lz4", "rtti"], "lz4+rtti+zstd"),
            (&["bindgen-runtime"], "plain"),
        ];
        for (features, end) in cases {
            assert_eq!(
                key("0.19.0+11.8.1", features).to_string(),
                format!("rocksdb-0.19.0+11.8.1-gcc-12.2.0-x86_64-linux-gnu-{end}")
            );
        }
    }

    #[test]
    fn the_requirement_is_exact() {
        assert_eq!(key("0.19.0+11.8.1", &[]).requirement(), "=0.19.0");
    }
}
