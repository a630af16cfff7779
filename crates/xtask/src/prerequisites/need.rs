//! The things themselves: what each is, which Debian 12 package brings it, and how to see that it is there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::process;

/// One thing that must be there.
pub(super) struct Need {
    /// In words.
    pub(super) what: &'static str,
    /// The package of Debian 12 that has it.
    pub(super) package: &'static str,
    sign: Sign,
}

/// By what it is recognised.
enum Sign {
    Program(&'static str),
    File(&'static str),
    /// What the crate cc will start: `$CXX`, else c++.
    Compiler,
    LibClang,
    ClangHeaders,
}

const fn program(what: &'static str, package: &'static str, name: &'static str) -> Need {
    Need { what, package, sign: Sign::Program(name) }
}

/// For building the workspace.
pub(super) const BUILD: &[Need] = &[
    Need { what: "a C++ compiler", package: "g++", sign: Sign::Compiler },
    Need { what: "libclang, for RocksDB's bindings", package: "libclang1-14", sign: Sign::LibClang },
    Need { what: "libclang's own headers", package: "libclang-common-14-dev", sign: Sign::ClangHeaders },
];

/// For the tests with real session hosts and a real client.
pub(super) const REAL_RDP: &[Need] = &[
    program("the RDP server", "xrdp", "xrdp"),
    Need {
        what: "its X server",
        package: "xorgxrdp",
        sign: Sign::File("/usr/lib/xorg/modules/drivers/xrdpdev_drv.so"),
    },
    program("the RDP client", "freerdp2-x11", "xfreerdp"),
    program("an X server in memory", "xvfb", "Xvfb"),
    program("xwininfo", "x11-utils", "xwininfo"),
    program("xwd", "x11-apps", "xwd"),
    program("xsetroot", "x11-xserver-utils", "xsetroot"),
    program("ImageMagick", "imagemagick", "convert"),
    program("a window manager", "openbox", "openbox"),
    program("a terminal", "xterm", "xterm"),
    program("xdotool", "xdotool", "xdotool"),
    program("dbus-launch", "dbus-x11", "dbus-launch"),
];

/// For the tests whose members have a network of their own each.
pub(super) const NETWORKS: &[Need] = &[program("ip", "iproute2", "ip"), program("nft", "nftables", "nft")];

/// For the figures side by side: what people would use instead.
pub(super) const PEERS: &[Need] = &[
    program("HAProxy", "haproxy", "haproxy"),
    program("etcd", "etcd-server", "etcd"),
    program("etcdctl", "etcd-client", "etcdctl"),
    program("ip", "iproute2", "ip"),
    program("nft", "nftables", "nft"),
];

/// For the tests that boot a machine with a root of its own.
pub(super) const MACHINES: &[Need] = &[
    program("debootstrap", "debootstrap", "debootstrap"),
    program("systemd-nspawn", "systemd-container", "systemd-nspawn"),
    program("the SSH client", "openssh-client", "ssh"),
    program("ip", "iproute2", "ip"),
    program("setpriv", "util-linux", "setpriv"),
];

/// Those that are not there.
pub(super) fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !is_there(need)).collect()
}

/// The packages of these needs, in their order.
pub(super) fn packages(needs: &[&Need]) -> Vec<&'static str> {
    needs.iter().map(|need| need.package).collect()
}

/// Whether a process here may have namespaces of its own; the error is the reason why not.
pub(super) fn namespaces() -> Result<(), String> {
    let mut probe = Command::new("unshare");
    probe.args(["--net", "--mount", "--uts", "--pid", "--fork", "true"]);
    match process::output(&mut probe) {
        Ok(_) => Ok(()),
        Err(problem) => Err(format!("no namespaces of their own: {problem}")),
    }
}

fn is_there(need: &Need) -> bool {
    match need.sign {
        Sign::Program(name) => process::find_program(name).is_some(),
        Sign::File(path) => Path::new(path).exists(),
        Sign::Compiler => crate::rocksdb::Compiler::find().is_ok(),
        Sign::LibClang => clang_folders().iter().any(|folder| has_libclang(folder)),
        Sign::ClangHeaders => clang_folders().iter().any(|folder| has_headers(folder)),
    }
}

/// Where libclang may be: as the crate clang-sys looks for it on Linux, in short.
fn clang_folders() -> Vec<PathBuf> {
    if let Some(own) = std::env::var_os("LIBCLANG_PATH") {
        return vec![own.into()];
    }
    let mut folders: Vec<PathBuf> = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from).into();
    let below = entries(Path::new("/usr/lib"));
    folders.extend(below.iter().filter(|path| named(path, |name| name.ends_with("-linux-gnu"))).cloned());
    folders.extend(below.iter().filter(|path| named(path, |name| name.starts_with("llvm"))).map(|p| p.join("lib")));
    folders
}

fn has_libclang(folder: &Path) -> bool {
    let is_library = |name: &str| {
        (name.starts_with("libclang.so") || name.starts_with("libclang-"))
            && name.contains(".so")
            && !name.contains("cpp")
    };
    entries(folder).iter().any(|path| named(path, is_library))
}

/// Clang's resource folder, with headers such as stddef.h, lies in `clang/<version>/include` beside the library.
fn has_headers(folder: &Path) -> bool {
    entries(&folder.join("clang")).iter().any(|version| version.join("include/stddef.h").exists())
}

fn named(path: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    path.file_name().is_some_and(|name| wanted(&name.to_string_lossy()))
}

/// What is in a folder; nothing if it can't be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}
