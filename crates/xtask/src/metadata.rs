//! What `cargo metadata` tells about the workspace and its dependencies.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{cargo::cargo, process};

/// The part of cargo's answer that is used here.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// None for a normal dependency, else "dev" or "build".
    kind: Option<String>,
}

impl Package {
    /// The names of its benchmarks.
    pub(crate) fn bench_targets(&self) -> impl Iterator<Item = &str> {
        let benches = self.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench"));
        benches.map(|target| target.name.as_str())
    }
}

/// One package depends on another, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Needed by what is shipped, not only by tests and build scripts.
    pub(crate) normal: bool,
}

impl Edge {
    #[cfg(test)]
    pub(crate) fn normal(from: &str, to: &str) -> Self {
        Self { from: from.to_owned(), to: to.to_owned(), normal: true }
    }
}

impl Metadata {
    /// Asks cargo, which downloads the dependencies if they are not there yet.
    pub(crate) fn load() -> Result<Self> {
        let text = process::output(&mut cargo(&["metadata", "--format-version", "1"]))?;
        serde_json::from_str(&text).context("cannot read the answer of cargo metadata")
    }

    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The names of the packages of this workspace.
    pub(crate) fn member_names(&self) -> BTreeSet<&str> {
        self.members().map(|package| package.name.as_str()).collect()
    }

    /// All edges between packages, ours and others'.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let names: HashMap<&str, &str> =
            self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let name = |id: &str| names.get(id).map(|name| (*name).to_owned());
        let mut edges = Vec::new();
        for node in &self.resolve.nodes {
            for dependency in &node.deps {
                if let (Some(from), Some(to)) = (name(&node.id), name(&dependency.pkg)) {
                    let normal = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
                    edges.push(Edge { from, to, normal });
                }
            }
        }
        edges
    }

    /// Where a program of this workspace lies after a build in the dev profile.
    pub(crate) fn built_program(&self, name: &str) -> PathBuf {
        self.target_directory.join("debug").join(name)
    }

    /// The package with this name; where several versions are in use, the first.
    pub(crate) fn package(&self, name: &str) -> Result<&Package> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .with_context(|| format!("the workspace does not use the crate {name}"))
    }

    /// The features with which cargo builds this package.
    pub(crate) fn features(&self, package: &Package) -> Vec<String> {
        let node = self.resolve.nodes.iter().find(|node| node.id == package.id);
        node.map(|node| node.features.clone()).unwrap_or_default()
    }
}
