//! The picture of a running connection, shared between the thread that receives it and those who look at it.

use ironrdp_connector::DesktopSize;
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_session::image::DecodedImage;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The picture, and who waits for the next one.
pub(super) struct Live {
    state: Mutex<LiveState>,
    news: Condvar,
}

/// The picture, and what is known about its connection.
pub(super) struct LiveState {
    pub(super) image: DecodedImage,
    pub(super) changes: u64,
    pub(super) ended: Option<String>,
}

impl LiveState {
    /// A number that grows with everything worth looking at.
    pub(super) fn version(&self) -> u64 {
        self.changes + u64::from(self.ended.is_some())
    }
}

/// An empty picture.
pub(super) fn empty(size: DesktopSize) -> DecodedImage {
    DecodedImage::new(PixelFormat::RgbA32, size.width, size.height)
}

impl Live {
    pub(super) fn new(size: DesktopSize) -> Self {
        let state = LiveState { image: empty(size), changes: 0, ended: None };
        Self { state: Mutex::new(state), news: Condvar::new() }
    }

    /// Looks at the picture, or draws on it. A panic of the receiving thread ends the connection, not the looking.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut LiveState) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.version();
        let result = look(&mut state);
        if state.version() != before {
            self.news.notify_all();
        }
        result
    }

    /// Waits until there is something newer than version `seen`; false where there is nothing at the deadline.
    pub(super) fn wait_past(&self, seen: u64, deadline: Instant) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.news.wait_timeout_while(state, left, |state| state.version() == seen);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.version() != seen
    }
}
