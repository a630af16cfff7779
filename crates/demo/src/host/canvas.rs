//! A rectangle of pixels that can be filled and written on. Which things stand where is the picture's business.

use super::colour::Colour;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::Drawable;
use embedded_graphics::text::{Baseline, Text};
use std::convert::Infallible;

/// Bytes of one pixel: blue, green, red, and one that nobody reads. This is what RDP sends uncompressed.
pub(super) const PIXEL_BYTES: usize = 4;

/// A place on a canvas, in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Area {
    pub(super) fn contains(&self, x: usize, y: usize) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}

/// A font and how many times its own size it is written in.
#[derive(Clone, Copy)]
pub(super) struct Face {
    pub(super) font: &'static MonoFont<'static>,
    pub(super) scale: f32,
}

impl Face {
    /// The height of a line in pixels.
    pub(super) fn height(&self) -> usize {
        scaled(self.font.character_size.height, self.scale)
    }

    /// The width of `characters` letters in pixels.
    pub(super) fn width(&self, characters: usize) -> usize {
        let letter = self.font.character_size.width + self.font.character_spacing;
        scaled(letter * u32::try_from(characters).unwrap_or(u32::MAX), self.scale)
    }

    /// How many letters fit beside each other into `width` pixels; at least one.
    pub(super) fn letters_in(&self, width: usize) -> usize {
        (width / self.width(1).max(1)).max(1)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn scaled(length: u32, scale: f32) -> usize {
    (length as f32 * scale).round() as usize
}

/// The pixels.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A canvas of one colour.
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Self {
        let mut canvas = Self { width, height, pixels: vec![0; width * height * PIXEL_BYTES] };
        canvas.fill(Area { x: 0, y: 0, width, height }, colour);
        canvas
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// The pixels, row by row from the top, without gaps.
    pub(super) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Fills an area; what lies outside the canvas is left out.
    pub(super) fn fill(&mut self, area: Area, colour: Colour) {
        let (left, right) = (area.x.min(self.width), (area.x + area.width).min(self.width));
        // One row, copied into place: far quicker than pixel by pixel where the compiler does not optimise.
        let row = [colour.blue, colour.green, colour.red, u8::MAX].repeat(right - left);
        for y in area.y.min(self.height)..(area.y + area.height).min(self.height) {
            let start = (y * self.width + left) * PIXEL_BYTES;
            self.pixels[start..start + row.len()].copy_from_slice(&row);
        }
    }

    /// Writes one line with its upper left corner at (`x`, `y`); what lies outside the canvas is left out.
    pub(super) fn write(&mut self, x: usize, y: usize, face: Face, colour: Colour, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mask = Mask::of(face.font, &text);
        let (width, height) = (face.width(text.chars().count()), face.height());
        for row in 0..height.min(self.height.saturating_sub(y)) {
            for column in 0..width.min(self.width.saturating_sub(x)) {
                let parts = mask.coverage(column, row, face.scale);
                if parts > 0 {
                    self.blend(x + column, y + row, colour, parts);
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: Colour, parts: u16) {
        let start = (y * self.width + x) * PIXEL_BYTES;
        let pixel = &mut self.pixels[start..start + 3];
        let mixed = Colour::new(pixel[2], pixel[1], pixel[0]).mixed(colour, parts);
        pixel.copy_from_slice(&[mixed.blue, mixed.green, mixed.red]);
    }
}

/// A line of text in the font's own size: one bit per pixel.
struct Mask {
    width: usize,
    height: usize,
    bits: Vec<bool>,
}

impl Mask {
    fn of(font: &MonoFont<'_>, text: &str) -> Self {
        let letter = font.character_size.width + font.character_spacing;
        let width = letter as usize * text.chars().count();
        let height = font.character_size.height as usize;
        let mut mask = Self { width, height, bits: vec![false; width * height] };
        let style = MonoTextStyle::new(font, BinaryColor::On);
        let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut mask);
        mask
    }

    fn bit(&self, x: i32, y: i32) -> f32 {
        let inside = |v: i32, limit: usize| usize::try_from(v).ok().filter(|v| *v < limit);
        match (inside(x, self.width), inside(y, self.height)) {
            (Some(x), Some(y)) if self.bits[y * self.width + x] => 1.0,
            _ => 0.0,
        }
    }

    /// How much of a pixel of the enlarged text is ink, in parts of 256. The bits are read as a landscape whose
    /// shoreline lies at one half: so that enlarged letters have smooth slopes instead of stairs.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn coverage(&self, column: usize, row: usize, scale: f32) -> u16 {
        let (x, y) = ((column as f32 + 0.5) / scale - 0.5, (row as f32 + 0.5) / scale - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right_share, low_share) = (x - left, y - top);
        let (left, top) = (left as i32, top as i32);
        let upper = self.bit(left, top) * (1.0 - right_share) + self.bit(left + 1, top) * right_share;
        let lower = self.bit(left, top + 1) * (1.0 - right_share) + self.bit(left + 1, top + 1) * right_share;
        let ink = upper * (1.0 - low_share) + lower * low_share;
        (((ink - 0.5) * scale + 0.5).clamp(0.0, 1.0) * 256.0) as u16
    }
}

impl OriginDimensions for Mask {
    fn size(&self) -> Size {
        Size::new(u32::try_from(self.width).unwrap_or(u32::MAX), u32::try_from(self.height).unwrap_or(u32::MAX))
    }
}

impl DrawTarget for Mask {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y)) else { continue };
            if x < self.width && y < self.height {
                self.bits[y * self.width + x] = colour.is_on();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;

    #[test]
    fn nothing_is_drawn_outside() {
        let mut canvas = Canvas::new(8, 8, Colour::BLACK);
        canvas.fill(Area { x: 6, y: 6, width: 100, height: 100 }, Colour::WHITE);
        canvas.fill(Area { x: 100, y: 100, width: 1, height: 1 }, Colour::WHITE);
        canvas.write(4, 4, Face { font: &FONT_10X20, scale: 3.0 }, Colour::WHITE, "Grüße\n\u{1F600}");
        canvas.write(400, 400, Face { font: &FONT_10X20, scale: 3.0 }, Colour::WHITE, "far away");
        let pixels = canvas.into_pixels();
        assert_eq!(pixels.len(), 8 * 8 * PIXEL_BYTES);
        assert_eq!((&pixels[..4], &pixels[63 * 4..]), (&[0, 0, 0, 255][..], &[255, 255, 255, 255][..]));
    }

    #[test]
    fn letters_in_their_own_size_are_exact() {
        let mask = Mask::of(&FONT_10X20, "H");
        for (i, bit) in mask.bits.iter().enumerate() {
            assert_eq!(mask.coverage(i % mask.width, i / mask.width, 1.0), if *bit { 256 } else { 0 });
        }
        assert!(mask.bits.iter().any(|b| *b), "there is ink");
    }
}
