//! [`Period`]: a duration as Go writes it: `300ms`, `1m30s`, `1.5h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// A number without a unit.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// Anything else.
    #[error("`{0}` is no duration")]
    Shape(String),
    /// Longer than 10,000 hours.
    #[error("`{0}` is too long")]
    TooLong(String),
}

impl PeriodError {
    /// What to try.
    pub fn hint(&self) -> String {
        match self {
            Self::NoUnit(text) => format!("write `{text}s` for seconds or `{text}ms` for milliseconds"),
            Self::Shape(_) => "for example 500ms, 30s, 1m30s or 2h".to_owned(),
            Self::TooLong(_) => "the longest is 10000h".to_owned(),
        }
    }
}

const UNITS: &[(&str, f64)] = &[
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];
const LONGEST: f64 = 10_000.0 * 3600.0;

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let text = text.trim();
        let shape = || PeriodError::Shape(text.to_owned());
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(PeriodError::NoUnit(text.to_owned()));
        }
        let mut rest = text;
        let mut seconds = 0.0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .ok_or_else(shape)?;
            let (number, after) = rest.split_at(digits);
            let number: f64 = number.parse().ok().ok_or_else(shape)?;
            let letters = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let (_, factor) = UNITS
                .iter()
                .find(|(name, _)| *name == unit.trim())
                .ok_or_else(shape)?;
            seconds += number * factor;
            rest = after;
        }
        if text.is_empty() {
            return Err(shape());
        }
        if seconds > LONGEST {
            return Err(PeriodError::TooLong(text.to_owned()));
        }
        Duration::try_from_secs_f64(seconds)
            .ok()
            .map(Self)
            .ok_or_else(shape)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.subsec_nanos();
        let seconds = self.0.as_secs();
        if seconds == 0 && nanos != 0 {
            let (factor, unit) = if nanos >= 1_000_000 {
                (1e6, "ms")
            } else if nanos >= 1_000 {
                (1e3, "us")
            } else {
                (1.0, "ns")
            };
            return write!(f, "{}{unit}", f64::from(nanos) / factor);
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let rest = (seconds % 60) as f64 + f64::from(nanos) / 1e9;
        if rest > 0.0 || seconds == 0 {
            write!(f, "{rest}s")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("300ms", 300),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("2s500ms", 2500),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse::<Period>().expect(text).0,
                Duration::from_millis(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn a_bare_number_asks_for_its_unit() {
        assert_eq!("30".parse::<Period>(), Err(PeriodError::NoUnit("30".into())));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "s",
            "1x",
            "-1s",
            "1s2",
            "1..5s",
            "1e3s",
            "NaNs",
            "99999999h",
            "1 parsec",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn display_reads_back_as_the_same() {
        for text in ["300ms", "1m30s", "1h30m", "2.5s", "0s", "45us", "7ns", "24h"] {
            assert_eq!(text.parse::<Period>().expect(text).to_string(), text);
        }
    }
}
