//! A panic in a machine is a failure of that seed like any other, and not the end of all runs.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in a run.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// What the last panic of this thread said, and where.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `what`; `Err` says how and where it panicked. Nothing is printed: making a plan smaller may try hundreds of times.
pub(super) fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |info| match INSIDE.get() {
            true => SAID.with_borrow_mut(|said| *said = info.to_string().replace('\n', " ")),
            false => others(info),
        }));
    });
    INSIDE.set(true);
    let done = catch_unwind(AssertUnwindSafe(what));
    INSIDE.set(false);
    done.map_err(|_| SAID.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_where() {
        assert_eq!(caught(|| 7), Ok(7));
        let said = caught(|| assert_eq!(1, 2, "numbers")).expect_err("it panics");
        assert!(said.contains("numbers") && said.contains("caught.rs:"), "{said}");
    }
}
