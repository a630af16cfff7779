//! What a user sees: where they landed, in large letters on the host's colour, and why. This is the layout; pixels are
//! the canvas's business, and when to draw is the connection's.

use super::canvas::{Area, Canvas, Face};
use super::colour::Colour;
use super::session_table::SessionView;
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::iso_8859_1::{
    FONT_6X10, FONT_6X12, FONT_7X13, FONT_7X13_BOLD, FONT_9X18_BOLD, FONT_10X20,
};

/// The size of a screen that every other one is compared with, in pixels.
const DESIGN_WIDTH: f32 = 1024.0;
const DESIGN_HEIGHT: f32 = 768.0;
/// Letters are not made smaller than this share of the design's, and not larger.
const LETTERS: (f32, f32) = (0.5, 2.5);
/// The fonts, the largest first.
const PLAIN: &[&MonoFont<'_>] = &[&FONT_10X20, &FONT_7X13, &FONT_6X12, &FONT_6X10];
const BOLD: &[&MonoFont<'_>] = &[&FONT_9X18_BOLD, &FONT_7X13_BOLD, &FONT_6X10];
/// Lines of a message that are shown.
const MESSAGE_LINES: usize = 4;

/// What a press of the mouse on the picture means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Button {
    /// End this session.
    LogOff,
}

/// A host's picture in one size.
pub(super) struct Picture {
    host: String,
    colour: Colour,
    width: usize,
    height: usize,
    unit: f32,
}

impl Picture {
    /// The picture of `host` on a screen of `width` × `height` pixels.
    #[expect(clippy::cast_precision_loss)]
    pub(super) fn new(host: &str, colour: Colour, width: usize, height: usize) -> Self {
        let fit = (width as f32 / DESIGN_WIDTH).min(height as f32 / DESIGN_HEIGHT);
        Self { host: host.to_string(), colour, width, height, unit: fit.clamp(LETTERS.0, LETTERS.1) }
    }

    /// Everything.
    pub(super) fn draw(&self, view: &SessionView, age_s: u64) -> Canvas {
        let mut canvas = Canvas::new(self.width, self.height, self.colour);
        self.draw_headline(&mut canvas);
        for (row, (label, value)) in self.rows(view, age_s).into_iter().enumerate() {
            let y = self.row_top(row);
            if row > 0 {
                let line = Area { x: self.margin(), y: y - self.px(6.0), width: self.content_width(), height: 1 };
                canvas.fill(line, self.colour.mixed(Colour::WHITE, 36));
            }
            canvas.write(self.margin(), y, self.body(), self.faint(), label);
            canvas.write(self.value_left(), y, self.body(), Colour::WHITE, &self.cut(&value));
        }
        self.draw_why(&mut canvas, &view.why);
        if let Some(message) = &view.message {
            self.draw_message(&mut canvas, message);
        }
        self.draw_footer(&mut canvas);
        canvas
    }

    /// The one value that changes every second, and where it stands. `None` where it would be outside the picture.
    pub(super) fn draw_age(&self, age_s: u64) -> Option<(Area, Canvas)> {
        let face = self.body();
        let (x, y) = (self.value_left(), self.row_top(AGE_ROW));
        // Whole blocks of four pixels: clients without surface commands get bitmaps in such widths only.
        let width = self.width.checked_sub(x)?.min(face.width(AGE_LETTERS)) / 4 * 4;
        let height = self.height.checked_sub(y)?.min(face.height());
        if width == 0 || height == 0 {
            return None;
        }
        let mut canvas = Canvas::new(width, height, self.colour);
        canvas.write(0, 0, face, Colour::WHITE, &age(age_s));
        Some((Area { x, y, width, height }, canvas))
    }

    /// The button at a place of the picture.
    pub(super) fn button_at(&self, x: usize, y: usize) -> Option<Button> {
        self.log_off_button().contains(x, y).then_some(Button::LogOff)
    }

    fn draw_headline(&self, canvas: &mut Canvas) {
        let left = self.margin();
        // A darker band, so that the rest reads as its content.
        let band = Area { x: 0, y: self.px(8.0), width: self.width, height: self.px(180.0) - self.px(8.0) };
        canvas.fill(band, self.colour.mixed(Colour::BLACK, 64));
        canvas.write(left, self.px(34.0), self.small(), self.faint(), "HOSTLER DEMO FARM \u{B7} SESSION HOST");
        let host: String = self.host.chars().take(self.headline().letters_in(self.content_width())).collect();
        canvas.write(left, self.px(68.0), self.headline(), Colour::WHITE, &host);
    }

    fn rows(&self, view: &SessionView, age_s: u64) -> [(&'static str, String); 4] {
        [
            ("User", view.user.to_string()),
            ("Item", view.item.to_string()),
            ("Session", format!("number {} on this host", view.number)),
            ("Age", age(age_s)),
        ]
    }

    fn draw_why(&self, canvas: &mut Canvas, why: &[String]) {
        let left = self.margin();
        let top = self.row_top(AGE_ROW + 1) + self.px(6.0);
        let rule = Area { x: left, y: top, width: self.content_width(), height: self.px(2.0).max(1) };
        canvas.fill(rule, self.colour.mixed(Colour::WHITE, 80));
        canvas.write(left, top + self.px(20.0), self.heading(), Colour::WHITE, "Why you are here");
        let (first, step) = (top + self.px(60.0), self.px(28.0));
        let bottom = self.footer_top() - self.px(12.0);
        let room = bottom.saturating_sub(first) / step.max(1);
        let letters = self.text().letters_in(self.content_width().saturating_sub(self.px(24.0)));
        let mut lines: Vec<(bool, String)> = Vec::new();
        for text in why {
            let wrapped = wrap(text, letters);
            lines.extend(wrapped.into_iter().enumerate().map(|(i, line)| (i == 0, line)));
        }
        if lines.len() > room {
            lines.truncate(room.saturating_sub(1));
            lines.push((true, "(there is more: hostler why shows all of it)".to_string()));
        }
        for (i, (begins, line)) in lines.into_iter().take(room).enumerate() {
            let y = first + i * step;
            if begins {
                let size = self.px(7.0);
                let dot = Area { x: left, y: y + (self.text().height() - size) / 2, width: size, height: size };
                canvas.fill(dot, self.faint());
            }
            canvas.write(left + self.px(24.0), y, self.text(), Colour::WHITE, &line);
        }
    }

    fn draw_message(&self, canvas: &mut Canvas, message: &str) {
        let (left, pad) = (self.margin(), self.px(18.0));
        let width = self.content_width();
        let mut lines = wrap(message, self.text().letters_in(width.saturating_sub(2 * pad)));
        lines.truncate(MESSAGE_LINES);
        let step = self.px(28.0);
        let height = 2 * pad + self.px(30.0) + lines.len() * step;
        let card = Area { x: left, y: self.footer_top().saturating_sub(height + pad), width, height };
        let edge = self.px(6.0);
        let shadow = Area { x: card.x + edge, y: card.y + edge, ..card };
        canvas.fill(shadow, self.colour.mixed(Colour::BLACK, 110));
        canvas.fill(card, Colour::WHITE);
        let x = left + pad;
        canvas.write(x, card.y + pad, self.small(), self.colour, "MESSAGE FROM THE ADMINISTRATOR");
        for (i, line) in lines.iter().enumerate() {
            canvas.write(x, card.y + pad + self.px(30.0) + i * step, self.text(), Colour::new(24, 24, 24), line);
        }
    }

    fn draw_footer(&self, canvas: &mut Canvas) {
        let (top, left) = (self.footer_top(), self.margin());
        let dark = self.colour.mixed(Colour::BLACK, 64);
        canvas.fill(Area { x: 0, y: top, width: self.width, height: self.px(68.0) }, dark);
        let button = self.log_off_button();
        let y = button.y + (button.height - self.small().height()) / 2;
        let room = self.small().letters_in(button.x.saturating_sub(left + self.px(16.0)));
        let hint = "Close the window: your session stays and waits for you.";
        canvas.write(left, y, self.small(), self.faint(), &hint.chars().take(room).collect::<String>());
        canvas.fill(button, Colour::WHITE);
        let label_left = button.x + (button.width - self.small().width(LOG_OFF.len())) / 2;
        canvas.write(label_left, y, self.small(), self.colour, LOG_OFF);
    }

    fn log_off_button(&self) -> Area {
        let (width, height) = (self.small().width(LOG_OFF.len()) + self.px(40.0), self.px(40.0));
        let x = self.width.saturating_sub(self.margin() + width);
        Area { x, y: self.footer_top() + self.px(14.0), width, height }
    }

    fn footer_top(&self) -> usize {
        self.height.saturating_sub(self.px(76.0))
    }

    fn row_top(&self, row: usize) -> usize {
        self.px(204.0) + row * self.px(42.0)
    }

    fn value_left(&self) -> usize {
        (self.margin() + self.px(190.0)) / 4 * 4
    }

    fn cut(&self, value: &str) -> String {
        let room = self.body().letters_in(self.width.saturating_sub(self.value_left() + self.margin()));
        value.chars().take(room).collect()
    }

    fn margin(&self) -> usize {
        self.px(56.0)
    }

    fn content_width(&self) -> usize {
        self.width.saturating_sub(2 * self.margin())
    }

    fn faint(&self) -> Colour {
        self.colour.mixed(Colour::WHITE, 176)
    }

    fn headline(&self) -> Face {
        self.face(BOLD, 90.0)
    }

    fn heading(&self) -> Face {
        self.face(BOLD, 27.0)
    }

    fn body(&self) -> Face {
        self.face(PLAIN, 30.0)
    }

    fn text(&self) -> Face {
        self.face(PLAIN, 20.0)
    }

    fn small(&self) -> Face {
        self.face(BOLD, 18.0)
    }

    /// The face whose letters have `height` pixels in the design. The fonts are made of pixels, so they are enlarged
    /// only: for small letters there are smaller fonts.
    #[expect(clippy::cast_precision_loss)]
    fn face(&self, fonts: &[&'static MonoFont<'static>], height: f32) -> Face {
        let wanted = height * self.unit;
        let native = |font: &MonoFont<'_>| font.character_size.height as f32;
        let font = fonts.iter().find(|font| native(font) <= wanted).or(fonts.last()).copied().unwrap_or(&FONT_6X10);
        Face { font, scale: (wanted / native(font)).max(1.0) }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn px(&self, design: f32) -> usize {
        (design * self.unit).round() as usize
    }
}

const LOG_OFF: &str = "Log off";
const AGE_ROW: usize = 3;
/// The longest age that is shown has this many letters.
const AGE_LETTERS: usize = 16;

/// A time span for people.
fn age(seconds: u64) -> String {
    let (s, min, h, days) = (seconds % 60, seconds / 60 % 60, seconds / 3_600 % 24, seconds / 86_400);
    match (days, h, min) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) => format!("{min} min {s:02} s"),
        (0, _, _) => format!("{h} h {min:02} min"),
        _ => format!("{days} d {h:02} h"),
    }
}

/// Breaks a text into lines of at most `letters` letters, between words where that is possible.
fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while let Some(line) = lines.last_mut() {
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= letters {
                line.extend((gap > 0).then_some(' '));
                line.extend(rest);
                break;
            }
            if used == 0 {
                line.extend(rest.drain(..letters.min(rest.len())));
            }
            lines.push(String::new());
        }
    }
    if lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::SessionNumber;
    use std::time::Instant;

    fn view(message: Option<&str>) -> SessionView {
        SessionView {
            number: SessionNumber(3),
            user: "alice".parse().unwrap(),
            item: "Office desktop".parse().unwrap(),
            began: Instant::now(),
            why: (0..40).map(|n| format!("Reason {n} {}", "very ".repeat(40))).collect(),
            message: message.map(str::to_string),
        }
    }

    #[test]
    fn every_size_is_drawn() {
        let colour = Colour::of_host("rdsh1");
        for (width, height) in [(200, 200), (640, 480), (1024, 768), (1366, 768), (3840, 2160), (200, 2160)] {
            let picture = Picture::new(&"host".repeat(40), colour, width, height);
            let canvas = picture.draw(&view(Some(&"Important. ".repeat(50))), 1);
            assert_eq!((canvas.width(), canvas.height()), (width, height));
            let pixels = canvas.into_pixels();
            assert_eq!(pixels[..3], [colour.blue, colour.green, colour.red], "{width} x {height}: the corner");
            if let Some((area, age)) = picture.draw_age(59) {
                assert_eq!((age.width(), age.height()), (area.width, area.height));
                assert!(area.x + area.width <= width && area.y + area.height <= height && area.width % 4 == 0);
            }
        }
    }

    #[test]
    fn the_age_alone_is_what_the_whole_picture_shows() {
        let picture = Picture::new("rdsh1", Colour::of_host("rdsh1"), 1024, 768);
        let whole = picture.draw(&view(None), 125).into_pixels();
        let (area, cell) = picture.draw_age(125).unwrap();
        let cell = cell.into_pixels();
        for row in 0..area.height {
            let start = ((area.y + row) * 1024 + area.x) * 4;
            assert_eq!(whole[start..start + area.width * 4], cell[row * area.width * 4..(row + 1) * area.width * 4]);
        }
    }

    #[test]
    fn the_button() {
        let picture = Picture::new("rdsh1", Colour::of_host("rdsh1"), 1024, 768);
        let area = picture.log_off_button();
        for (x, y, want) in [(area.x, area.y, Some(Button::LogOff)), (area.x - 1, area.y, None), (0, 0, None)] {
            assert_eq!(picture.button_at(x, y), want);
        }
    }

    #[test]
    fn ages() {
        for (seconds, want) in
            [(0, "0 s"), (59, "59 s"), (125, "2 min 05 s"), (3_600, "1 h 00 min"), (90_000, "1 d 01 h")]
        {
            assert_eq!(age(seconds), want);
            assert!(want.len() <= AGE_LETTERS);
        }
    }

    #[test]
    fn wrapping() {
        for (text, letters, want) in [
            ("", 10, &[""][..]),
            ("one two three", 7, &["one two", "three"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("a abcdef b", 3, &["a", "abc", "def", "b"]),
            ("Grüße", 5, &["Grüße"]),
        ] {
            assert_eq!(wrap(text, letters), want, "{text:?}");
        }
    }
}
