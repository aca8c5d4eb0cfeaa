//! Where the decoder and hyper may differ, and nowhere else: [`DIFFERENCES`].

use http::header::{CONNECTION, TRANSFER_ENCODING};
use iter8::fuzzing::{Behind, Memory, Replayed, Violation, replay};

use super::hyper_client::{self, Answer};

/// What both made of the same bytes.
pub struct Case {
    /// The decoder.
    pub ours: Replayed,
    /// hyper.
    pub hyper: Result<Answer, String>,
}

/// A difference that is meant to be.
pub struct Difference {
    /// Which.
    pub name: &'static str,
    /// What allows it.
    pub paragraph: &'static str,
    /// Whether it explains a case.
    pub explains: fn(&Case) -> bool,
}

fn refused(case: &Case, violation: Violation) -> bool {
    case.ours.verdict == Err(violation) && case.hyper.is_ok()
}

/// A body that ours takes for chunks, and hyper for one without an end of its own.
fn empty_members(case: &Case) -> bool {
    let Ok(hyper) = &case.hyper else {
        return false;
    };
    let last = hyper.headers.get_all(TRANSFER_ENCODING).iter().next_back();
    last.is_some_and(|line| match line.to_str() {
        Ok(line) => line
            .rsplit(',')
            .next()
            .is_some_and(|member| member.trim().is_empty()),
        Err(_) => true,
    })
}

/// All differences that are accepted.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "hyper hands 101 out as an upgrade; ours never asks for one, so it is refused",
        paragraph: "RFC 9110, section 15.2.2",
        explains: |case| refused(case, Violation::Upgraded),
    },
    Difference {
        name: "hyper lets Transfer-Encoding override Content-Length; ours treats both as an attack",
        paragraph: "RFC 9112, section 6.3, item 3",
        explains: |case| refused(case, Violation::LengthAndCoding),
    },
    Difference {
        name: "hyper takes heads of 400 KiB, ours of 256 KiB",
        paragraph: "RFC 9110, section 5.4",
        explains: |case| refused(case, Violation::HeadTooLarge),
    },
    Difference {
        name: "hyper takes any number of interim answers, ours 16",
        paragraph: "RFC 9110, section 15.2",
        explains: |case| refused(case, Violation::TooManyInterim),
    },
    Difference {
        name: "hyper bounds the extensions of a chunk, ours its padding too",
        paragraph: "RFC 9112, section 7.1.1",
        explains: |case| refused(case, Violation::ChunkLine),
    },
    Difference {
        name: "hyper bounds the extensions of all chunks together, ours those of each",
        paragraph: "RFC 9112, section 7.1.1",
        explains: |case| {
            let over = |error: &String| error.contains("chunk extensions over limit");
            case.ours.verdict.is_ok() && case.hyper.as_ref().is_err_and(over)
        },
    },
    Difference {
        name: "hyper skips what follows an empty line of a bare LF within trailers, ours refuses a bare LF there",
        paragraph: "RFC 9112, section 2.2",
        explains: |case| refused(case, Violation::Trailer),
    },
    Difference {
        name: "ours ignores empty members of Transfer-Encoding, hyper takes an empty last one for an unknown coding",
        paragraph: "RFC 9110, section 5.6.1.2",
        explains: empty_members,
    },
    Difference {
        name: "hyper takes a 408 that nobody asked for as an error, ours as the end of the connection",
        paragraph: "RFC 9110, section 15.5.9",
        explains: |case| match (&case.ours.verdict, &case.hyper) {
            (Ok(ours), Ok(hyper)) => {
                (ours.status, ours.body_bytes, ours.reusable)
                    == (hyper.status, hyper.body_bytes, hyper.reusable)
                    && ours.behind == Behind::Farewell
                    && hyper.unasked
            }
            _ => false,
        },
    },
    Difference {
        name: "hyper overlooks `close` in a line that is no ASCII, ours does not",
        paragraph: "RFC 9112, section 9.3",
        explains: |case| match (&case.ours.verdict, &case.hyper) {
            (Ok(ours), Ok(hyper)) => {
                let mut lines = hyper.headers.get_all(CONNECTION).iter();
                (ours.status, ours.body_bytes) == (hyper.status, hyper.body_bytes)
                    && lines.any(|line| line.to_str().is_err())
            }
            _ => false,
        },
    },
];

/// Whether both found the same answer, or none.
pub fn agree(case: &Case) -> bool {
    match (&case.ours.verdict, &case.hyper) {
        (Ok(ours), Ok(hyper)) => {
            let unasked = ours.behind == Behind::Unasked;
            (ours.status, ours.body_bytes, ours.reusable, unasked)
                == (hyper.status, hyper.body_bytes, hyper.reusable, hyper.unasked)
        }
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

/// Both on the same answer, to HEAD (`bodiless`) or to GET.
pub fn compare(answer: &[u8], bodiless: bool) -> Case {
    Case {
        ours: replay([answer], bodiless, &mut Memory::default()),
        hyper: hyper_client::answer(answer, bodiless),
    }
}

/// Compares on an answer to HEAD and to GET.
///
/// # Panics
///
/// If they differ and nothing explains it.
pub fn check(answer: &[u8]) {
    for bodiless in [false, true] {
        let case = compare(answer, bodiless);
        assert!(
            agree(&case) || DIFFERENCES.iter().any(|known| (known.explains)(&case)),
            "ours: {:?}\nhyper: {:?}\nanswer: {}",
            case.ours.verdict,
            case.hyper,
            answer.escape_ascii()
        );
    }
}
