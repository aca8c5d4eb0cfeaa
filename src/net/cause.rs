//! Finding the real reason inside a chain of errors.

use std::error::Error;
use std::io;

/// The outermost error of type `T` in the chain that starts with `error`.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // `io::Error::source` skips the error it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The innermost cause, in its own words.
pub fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    loop {
        let inner = match last.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => last.source(),
        };
        match inner {
            Some(inner) => last = inner,
            None => return last.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let inner = "x".parse::<u8>().expect_err("not a number");
        let error = io::Error::other(io::Error::other(inner));
        assert!(find::<std::num::ParseIntError>(&error).is_some());
        assert!(find::<std::fmt::Error>(&error).is_none());
        assert_eq!(root(&error), "invalid digit found in string");
    }
}
