//! Which pixels were drawn at least once: a picture is complete when all of them were.

use ironrdp_pdu::geometry::InclusiveRectangle;

/// One flag per pixel, and how many are still to come.
pub(super) struct Coverage {
    width: usize,
    height: usize,
    drawn: Vec<bool>,
    missing: usize,
}

impl Coverage {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, drawn: vec![false; width * height], missing: width * height }
    }

    /// Marks a rectangle as drawn; what lies outside the picture does not count.
    pub(super) fn add(&mut self, area: &InclusiveRectangle) {
        if self.missing == 0 {
            return;
        }
        let (left, right) = (usize::from(area.left), (usize::from(area.right) + 1).min(self.width));
        for y in usize::from(area.top)..(usize::from(area.bottom) + 1).min(self.height) {
            let Some(row) = self.drawn.get_mut(y * self.width + left..y * self.width + right) else { return };
            self.missing -= row.iter().filter(|drawn| !**drawn).count();
            row.fill(true);
        }
        if self.missing == 0 {
            // Never asked again, and a flag per pixel is much for a client that may live long.
            self.drawn = Vec::new();
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_when_every_pixel_was_drawn() {
        let mut coverage = Coverage::new(4, 4);
        for (left, top, right, bottom, missing) in [
            (0, 0, 1, 1, 12),
            (1, 1, 2, 2, 9),
            (9, 9, 12, 12, 9),
            (0, 0, 3, 1, 6),
            (0, 3, 99, 99, 2),
            (0, 0, 99, 99, 0),
            (0, 0, 99, 99, 0),
        ] {
            coverage.add(&InclusiveRectangle { left, top, right, bottom });
            assert_eq!((coverage.missing, coverage.is_complete()), (missing, missing == 0));
        }
    }
}
