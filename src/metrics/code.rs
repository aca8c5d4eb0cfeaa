//! [`Code`]: how a call ended (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The names, by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A status code. One that the specification does not know counts as an error like any other, under its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl Code {
    /// The call did what it should.
    pub const OK: Self = Self(0);
    /// It was ended by who made it.
    pub const CANCELLED: Self = Self(1);
    /// Nothing better is known.
    pub const UNKNOWN: Self = Self(2);
    /// It was not done in time.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// What is asked for does not exist.
    pub const NOT_FOUND: Self = Self(5);
    /// The caller may not do this.
    pub const PERMISSION_DENIED: Self = Self(7);
    /// A limit was reached, for example on the size of messages.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// The server does not have the method.
    pub const UNIMPLEMENTED: Self = Self(12);
    /// What came is not what the protocol promises.
    pub const INTERNAL: Self = Self(13);
    /// The server is not there, or takes no calls.
    pub const UNAVAILABLE: Self = Self(14);
    /// The caller is not known.
    pub const UNAUTHENTICATED: Self = Self(16);

    /// All that the specification knows.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(NAMES).map(|(number, _)| Self(number))
    }

    /// Its name in the specification, if it has one.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "CODE_{}", self.0),
        }
    }
}

/// A text that is no status code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no gRPC status code")]
pub struct CodeError {
    text: String,
    source: ParseIntError,
}

/// As it stands in `grpc-status`: a decimal number.
impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        text.parse().map(Self).map_err(|source| CodeError {
            text: text.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_by_its_name() {
        assert_eq!(Code::UNAVAILABLE.to_string(), "UNAVAILABLE");
        assert_eq!("16".parse(), Ok(Code::UNAUTHENTICATED));
        assert_eq!(Code(17).to_string(), "CODE_17");
        assert!("OK".parse::<Code>().is_err());
    }
}
