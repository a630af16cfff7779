//! The colour of a host: it tells hosts apart at a glance.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A colour, opaque. As text: `#RRGGBB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

/// Why a text is not a colour.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no colour: write #RRGGBB, for instance #1D4E89")]
pub struct ColourError(String);

/// Dark enough for white text on each of them (WCAG 2.1, contrast above 4.5), and well apart from each other.
const PALETTE: [Colour; 8] = [
    Colour::new(0x1D, 0x4E, 0x89),
    Colour::new(0x1B, 0x6B, 0x4A),
    Colour::new(0x5B, 0x3A, 0x8C),
    Colour::new(0x9A, 0x3B, 0x26),
    Colour::new(0x0B, 0x62, 0x70),
    Colour::new(0x86, 0x25, 0x5F),
    Colour::new(0x3B, 0x4A, 0x5C),
    Colour::new(0x7A, 0x5A, 0x10),
];

impl Colour {
    /// White.
    pub const WHITE: Self = Self::new(0xFF, 0xFF, 0xFF);
    /// Black.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// A colour out of its three parts.
    #[must_use]
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// The colour of a host by its name. Names that end in a number (rdsh1, rdsh2, …) get neighbouring colours, so that
    /// a small farm never has two of the same.
    #[must_use]
    pub fn of_host(name: &str) -> Self {
        let digits: String = name.chars().rev().take_while(char::is_ascii_digit).collect();
        let number: Option<usize> = digits.chars().rev().collect::<String>().parse().ok();
        let index = number.map_or_else(
            || name.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into())),
            |n| n.wrapping_sub(1),
        );
        PALETTE[index % PALETTE.len()]
    }

    /// This colour with `parts` of 256 of `other` in it.
    #[must_use]
    pub fn mixed(self, other: Self, parts: u16) -> Self {
        let mix = |a: u8, b: u8| {
            let parts = u32::from(parts.min(256));
            let sum = u32::from(a) * (256 - parts) + u32::from(b) * parts;
            u8::try_from(sum / 256).unwrap_or(u8::MAX)
        };
        Self::new(mix(self.red, other.red), mix(self.green, other.green), mix(self.blue, other.blue))
    }
}

impl FromStr for Colour {
    type Err = ColourError;
    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = number.ok_or_else(|| ColourError(text.to_string()))?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.red, self.green, self.blue)
    }
}

impl TryFrom<String> for Colour {
    type Error = ColourError;
    fn try_from(text: String) -> Result<Self, ColourError> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ() {
        for (a, b) in [("rdsh1", "rdsh2"), ("rdsh8", "rdsh1"), ("a", "b"), ("host-07", "host-08")] {
            assert_ne!(Colour::of_host(a), Colour::of_host(b), "{a} and {b}");
        }
        assert_eq!(Colour::of_host("rdsh1"), PALETTE[0]);
        assert_eq!(Colour::of_host("rdsh9"), PALETTE[0]);
    }

    #[test]
    fn mixing() {
        for (parts, want) in [(0, Colour::BLACK), (128, Colour::new(127, 127, 127)), (256, Colour::WHITE)] {
            assert_eq!(Colour::BLACK.mixed(Colour::WHITE, parts), want);
        }
    }
}
