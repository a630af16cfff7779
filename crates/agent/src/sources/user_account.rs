//! Looks up a user id in the host's account database, whatever stands behind it (files, LDAP, a domain).
//! The only place in the sources with foreign-function calls for accounts.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The largest record that is read; a directory service may put long comments into one.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// The first try's size, enough for nearly every record.
const FIRST_RECORD_BYTES: usize = 4 << 10;

/// An account of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserAccount {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
}

impl UserAccount {
    /// The account with this user id; `None` if there is none.
    pub(super) fn by_uid(uid: u32) -> io::Result<Option<Self>> {
        let mut buffer = vec![0u8; FIRST_RECORD_BYTES];
        loop {
            let mut record = MaybeUninit::<libc::passwd>::uninit();
            let mut found = std::ptr::null_mut();
            // SAFETY: all pointers are valid for the call, and the length is that of the buffer.
            let code = unsafe {
                libc::getpwuid_r(uid, record.as_mut_ptr(), buffer.as_mut_ptr().cast(), buffer.len(), &mut found)
            };
            match code {
                0 if found.is_null() => return Ok(None),
                0 => {
                    // SAFETY: `found` is not null, so it points to `record`, which is filled; its strings are
                    // terminated and live in `buffer`, which outlives this borrow.
                    let account = unsafe {
                        let record = &*found;
                        Self {
                            name: CStr::from_ptr(record.pw_name).to_string_lossy().into_owned(),
                            gid: record.pw_gid,
                            home: PathBuf::from(std::ffi::OsStr::from_bytes(CStr::from_ptr(record.pw_dir).to_bytes())),
                        }
                    };
                    return Ok(Some(account));
                }
                libc::EINTR => {}
                libc::ERANGE if buffer.len() < MAX_RECORD_BYTES => buffer.resize(buffer.len() * 2, 0),
                // Some account databases report "not there" this way.
                libc::ENOENT | libc::ESRCH => return Ok(None),
                code => return Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_root_and_not_a_stranger() {
        let root = UserAccount::by_uid(0).unwrap().unwrap();
        assert_eq!(root, UserAccount { name: "root".into(), gid: 0, home: "/root".into() });
        assert_eq!(UserAccount::by_uid(3_999_999_999).unwrap(), None);
    }
}
