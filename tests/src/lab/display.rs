//! A display for one client: an X server without a screen, whose picture lies in a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Colour;
use crate::process::Process;
use crate::wait;

/// How long the X server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to end; then it is killed, and leaves its lock file behind.
const ENDS_WITHIN: Duration = Duration::from_secs(3);
/// Every so many pixels in both directions one is looked at.
const SAMPLE_EVERY: usize = 4;

/// An X server. Each client has its own, so that windows and keyboards never get in each other's way.
#[derive(Debug)]
pub struct Display {
    server: Process,
    number: u32,
    framebuffer: PathBuf,
}

impl Display {
    /// Starts a server on a number that is free; the server itself finds it.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("Xvfb");
        // Without -noreset it would start over when its last client leaves.
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(folder);
        let mut server = Process::start("xvfb", folder, command)?;
        let number = wait::until("Xvfb tells its display", STARTS_WITHIN, || {
            match server.log().lines().find_map(|line| line.parse().ok()) {
                Some(number) => Ok(Some(number)),
                None if server.is_running() => Ok(None),
                None => bail!("Xvfb ended; {}", server.tail()),
            }
        })?;
        Ok(Self { server, number, framebuffer: folder.join("Xvfb_screen0") })
    }

    /// The value of DISPLAY for programs on it.
    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// What is on it: each colour and its share of the screen in thousandths, the largest first.
    pub fn colours(&self) -> Result<Vec<(Colour, usize)>> {
        let picture = fs::read(&self.framebuffer)
            .with_context(|| format!("can't read the picture {}", self.framebuffer.display()))?;
        histogram(&picture)
    }

    /// Saves what is on it as a PNG file.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        let status = Command::new("timeout")
            .args(["20", "import", "-silent", "-window", "root", "-display", &self.name()])
            .arg(path)
            .status()
            .context("can't start import")?;
        if !status.success() {
            bail!("import made no screenshot of display {} ({status})", self.name());
        }
        Ok(())
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Asked to end, it removes its lock file and its socket.
        if let Err(error) = self.server.stop(ENDS_WITHIN) {
            eprintln!("{error:#}");
        }
    }
}

/// Counts the colours of a picture in the format of `xwd` (X11/XWDFile.h): a header of big-endian words, a table of
/// colours that true-colour pictures don't need, then lines of pixels.
fn histogram(picture: &[u8]) -> Result<Vec<(Colour, usize)>> {
    const WIDTH: usize = 4;
    const HEIGHT: usize = 5;
    const BYTE_ORDER: usize = 7;
    const BITS_PER_PIXEL: usize = 11;
    const BYTES_PER_LINE: usize = 12;
    const COLOUR_ENTRIES: usize = 19;
    const BYTES_PER_ENTRY: usize = 12;
    let word = |index: usize| -> Result<usize> {
        let bytes = picture.get(index * 4..index * 4 + 4).context("the picture has no header")?;
        Ok(u32::from_be_bytes(bytes.try_into()?) as usize)
    };
    if (word(BYTE_ORDER)?, word(BITS_PER_PIXEL)?) != (0, 32) {
        bail!("the picture has another format than 32 bits per pixel, little-endian");
    }
    let pixels = word(0)? + word(COLOUR_ENTRIES)? * BYTES_PER_ENTRY;
    let (width, height, line_bytes) = (word(WIDTH)?, word(HEIGHT)?, word(BYTES_PER_LINE)?);
    let mut counts = BTreeMap::<Colour, usize>::new();
    let mut total = 0;
    for y in (0..height).step_by(SAMPLE_EVERY) {
        let start = pixels + y * line_bytes;
        let line = picture.get(start..start + width * 4).context("the picture is cut off")?;
        for pixel in line.chunks_exact(4 * SAMPLE_EVERY) {
            let colour = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]);
            *counts.entry(Colour(colour)).or_default() += 1;
            total += 1;
        }
    }
    let mut shares: Vec<_> = counts.into_iter().map(|(colour, count)| (colour, count * 1_000 / total)).collect();
    shares.sort_by_key(|(colour, share)| (std::cmp::Reverse(*share), *colour));
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_samples_of_a_picture() {
        // 8 x 8 pixels: the upper half blue, the lower left red, the lower right black.
        let mut picture: Vec<u8> = Vec::new();
        for index in 0..25u32 {
            let word = match index {
                0 => 100,
                4 | 5 => 8,
                11 => 32,
                12 => 36,
                19 => 2,
                _ => 0u32,
            };
            picture.extend(word.to_be_bytes());
        }
        picture.extend([0xff; 24]);
        for y in 0..8 {
            for x in 0..8 {
                let colour: u32 = if y < 4 {
                    0x33_66_99
                } else if x < 4 {
                    0xff_00_00
                } else {
                    0
                };
                picture.extend(colour.to_le_bytes());
            }
            picture.extend([0xee; 4]);
        }
        let expected = vec![(Colour(0x33_66_99), 500), (Colour(0), 250), (Colour(0xff_00_00), 250)];
        assert_eq!(histogram(&picture).unwrap(), expected);
        picture.truncate(299);
        assert_eq!(histogram(&picture).unwrap_err().to_string(), "the picture is cut off");
        assert_eq!(histogram(&[0; 20]).unwrap_err().to_string(), "the picture has no header");
    }
}
