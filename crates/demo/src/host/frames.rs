//! When to draw: the whole picture when something about the session changed, and the age alone every second.

use super::canvas::{Canvas, PIXEL_BYTES};
use super::session_table::{Attachment, Look, SessionView};
use super::visit::Visit;
use ironrdp_server::{
    BitmapUpdate, DesktopSize, DisplayUpdate, PixelFormat, RdpServerDisplay, RdpServerDisplayUpdates,
};
use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The size of the screen where the client names none, in pixels.
pub(super) const DEFAULT_SIZE: (u16, u16) = (1024, 768);
/// The largest picture that is drawn, in pixels; on a larger screen the rest stays empty.
const LARGEST: (u16, u16) = (3840, 2160);

/// The screen of one connection.
pub(super) struct Screen {
    visit: Arc<Visit>,
    size: DesktopSize,
}

impl Screen {
    pub(super) fn new(visit: Arc<Visit>) -> Self {
        Self { visit, size: DesktopSize { width: DEFAULT_SIZE.0, height: DEFAULT_SIZE.1 } }
    }
}

#[async_trait::async_trait]
impl RdpServerDisplay for Screen {
    async fn size(&mut self) -> DesktopSize {
        self.size
    }

    async fn request_initial_size(&mut self, asked: DesktopSize) -> DesktopSize {
        // Whole blocks of four pixels: clients without surface commands get bitmaps in such widths only.
        let width = asked.width.min(LARGEST.0) / 4 * 4;
        self.size = DesktopSize { width, height: asked.height.min(LARGEST.1) };
        self.visit.resize(self.size.width, self.size.height);
        self.size
    }

    async fn updates(&mut self) -> anyhow::Result<Box<dyn RdpServerDisplayUpdates>> {
        let changes = self.visit.table().subscribe();
        Ok(Box::new(Frames { visit: Arc::clone(&self.visit), changes, shown: None, shown_age_s: 0 }))
    }
}

/// The stream of drawings for one connection.
struct Frames {
    visit: Arc<Visit>,
    changes: watch::Receiver<u64>,
    shown: Option<SessionView>,
    shown_age_s: u64,
}

impl Frames {
    /// What is to be drawn now, if anything. The connection ends where the session is not its any more.
    fn due(&mut self, view: SessionView) -> Option<BitmapUpdate> {
        let age_s = view.began.elapsed().as_secs();
        let picture = self.visit.picture();
        if self.shown.as_ref() != Some(&view) {
            let update = bitmap(0, 0, picture.draw(&view, age_s));
            (self.shown, self.shown_age_s) = (Some(view), age_s);
            return update;
        }
        if self.shown_age_s == age_s {
            return None;
        }
        self.shown_age_s = age_s;
        picture.draw_age(age_s).and_then(|(area, canvas)| bitmap(area.x, area.y, canvas))
    }
}

#[async_trait::async_trait]
impl RdpServerDisplayUpdates for Frames {
    async fn next_update(&mut self) -> anyhow::Result<Option<DisplayUpdate>> {
        loop {
            self.changes.mark_unchanged();
            // No attachment: the user was refused, or sent no credentials. Both see the connection close.
            let Some(Look::Shown(view)) = self.visit.attachment().map(Attachment::look) else { return Ok(None) };
            let next_second = view.began + Duration::from_secs(view.began.elapsed().as_secs() + 1);
            if let Some(update) = self.due(view) {
                return Ok(Some(DisplayUpdate::Bitmap(update)));
            }
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() { return Ok(None) },
                () = tokio::time::sleep_until(next_second.into()) => {}
            }
        }
    }
}

/// A canvas as the RDP server takes it. `None` for one without pixels.
fn bitmap(x: usize, y: usize, canvas: Canvas) -> Option<BitmapUpdate> {
    let (width, height) = (canvas.width(), canvas.height());
    Some(BitmapUpdate {
        x: u16::try_from(x).ok()?,
        y: u16::try_from(y).ok()?,
        width: NonZeroU16::new(u16::try_from(width).ok()?)?,
        height: NonZeroU16::new(u16::try_from(height).ok()?)?,
        format: PixelFormat::BgrX32,
        data: canvas.into_pixels().into(),
        stride: NonZeroUsize::new(width * PIXEL_BYTES)?,
    })
}
