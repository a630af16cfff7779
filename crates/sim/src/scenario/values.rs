//! The small values of a scenario: shares, ranges, and who is meant. No floating point, so that every machine reads the
//! same.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A share of all cases, written `"1/200"`; `"0"` is never, `"1"` always.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// So many cases …
    pub of: u32,
    /// … out of so many; never 0.
    pub out_of: u32,
}

impl Ratio {
    /// Never.
    pub const NEVER: Self = Self { of: 0, out_of: 1 };
    /// In every case.
    pub const ALWAYS: Self = Self { of: 1, out_of: 1 };
}

impl Default for Ratio {
    fn default() -> Self {
        Self::NEVER
    }
}

/// Why a text is no share.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a share: write for instance \"1/200\", at most \"1\"")]
pub struct NotARatio(String);

impl FromStr for Ratio {
    type Err = NotARatio;

    fn from_str(text: &str) -> Result<Self, NotARatio> {
        let wrong = || NotARatio(text.to_owned());
        let (of, out_of) = text.split_once('/').unwrap_or((text, "1"));
        let of = of.trim().parse().map_err(|_| wrong())?;
        let out_of = out_of.trim().parse().map_err(|_| wrong())?;
        if out_of == 0 || of > out_of { Err(wrong()) } else { Ok(Self { of, out_of }) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.out_of {
            1 => write!(f, "{}", self.of),
            out_of => write!(f, "{}/{out_of}", self.of),
        }
    }
}

/// From the least to the most, both included, written `[1, 40]`; one number stands for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range<T>(pub T, pub T);

impl<T: Serialize + PartialEq> Serialize for Range<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == self.1 { self.0.serialize(serializer) } else { (&self.0, &self.1).serialize(serializer) }
    }
}

impl<T: JsonSchema> JsonSchema for Range<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Range_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let number = generator.subschema_for::<T>();
        json_schema!({
            "description": "From the least to the most, both included; one number stands for both.",
            "anyOf": [number, { "type": "array", "items": number, "minItems": 2, "maxItems": 2 }]
        })
    }
}

impl<T: Copy> Range<T> {
    /// Always the same.
    pub const fn just(value: T) -> Self {
        Self(value, value)
    }
}

impl<'de, T: Deserialize<'de> + Copy + PartialOrd + fmt::Display> Deserialize<'de> for Range<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number, or two as in [1, 40]")]
        enum Written<T> {
            One(T),
            Two(T, T),
        }
        let range = match Written::deserialize(deserializer)? {
            Written::One(value) => Self(value, value),
            Written::Two(least, most) => Self(least, most),
        };
        if range.0 > range.1 {
            return Err(de::Error::custom(format!(
                "[{}, {}] goes down; write the smaller one first",
                range.0, range.1
            )));
        }
        Ok(range)
    }
}

/// A broker: by its number, `"b2"`, or by what it is at that moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    /// The broker with this number, from 1.
    Broker(u8),
    /// The master of the first site, as most see it.
    Master,
    /// The first in the list that is not the master.
    Next,
    /// One of them, by the seed.
    Any,
    /// One of those that are not the master, by the seed.
    Other,
}

/// Why a text names no broker.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no broker: write \"b1\", \"master\", \"next\", \"any\" or \"other\"")]
pub struct NotABroker(String);

impl FromStr for Who {
    type Err = NotABroker;

    fn from_str(text: &str) -> Result<Self, NotABroker> {
        match text {
            "master" => Ok(Self::Master),
            "next" => Ok(Self::Next),
            "any" => Ok(Self::Any),
            "other" => Ok(Self::Other),
            _ => {
                let number = text.strip_prefix('b').and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                number.map(Self::Broker).ok_or_else(|| NotABroker(text.to_owned()))
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(n) => write!(f, "b{n}"),
            Self::Master => f.write_str("master"),
            Self::Next => f.write_str("next"),
            Self::Any => f.write_str("any"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// A session host: by its number, `"h7"`, or any by the seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WhichHost {
    /// The host with this number, from 1.
    Host(u16),
    /// One of them, by the seed.
    Any,
}

/// Why a text names no host.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no host: write \"h7\" or \"any\"")]
pub struct NotAHost(String);

impl FromStr for WhichHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let number = text.strip_prefix('h').and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        number.map(Self::Host).ok_or_else(|| NotAHost(text.to_owned()))
    }
}

impl fmt::Display for WhichHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(n) => write!(f, "h{n}"),
            Self::Any => f.write_str("any"),
        }
    }
}

macro_rules! as_text {
    ($($type:ty, $name:literal, $pattern:literal;)*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
                }
            }

            impl JsonSchema for $type {
                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", "pattern": $pattern })
                }
            }
        )*
    };
}

as_text! {
    Ratio, "Ratio", "^[0-9]+(/[1-9][0-9]*)?$";
    Who, "Who", "^(b[1-9][0-9]*|master|next|any|other)$";
    WhichHost, "WhichHost", "^(h[1-9][0-9]*|any)$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, want) in [("1/200", Some((1, 200))), ("0", Some((0, 1))), ("1", Some((1, 1))), ("3/3", Some((3, 3)))]
            .into_iter()
            .chain(["", "1/0", "2", "-1", "0.5", "1/2/3"].map(|text| (text, None)))
        {
            assert_eq!(text.parse::<Ratio>().ok().map(|r| (r.of, r.out_of)), want, "{text}");
        }
    }

    #[test]
    fn names() {
        for text in ["b1", "b12", "master", "next", "any", "other"] {
            assert_eq!(text.parse::<Who>().map(|who| who.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "b0", "b", "1", "Master", "b999"] {
            assert!(text.parse::<Who>().is_err(), "{text}");
        }
        for (text, right) in [("h1", true), ("any", true), ("h0", false), ("b1", false)] {
            assert_eq!(text.parse::<WhichHost>().is_ok(), right, "{text}");
        }
    }
}
