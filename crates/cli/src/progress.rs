//! Shows that something goes on where it takes longer than a second: on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::future::Future;
use std::time::Duration;

/// After how long people begin to wonder, in ms.
const QUIET_MS: u64 = 1_000;
/// How often the picture changes, in ms.
const TURN_MS: u64 = 100;

/// Waits for `work`, and says `what` meanwhile where it takes long.
pub(crate) async fn waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(Duration::from_millis(QUIET_MS)) => {}
    }
    // indicatif draws nothing where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message(what.to_string());
    bar.enable_steady_tick(Duration::from_millis(TURN_MS));
    let done = work.await;
    bar.finish_and_clear();
    done
}
