//! [`Accepted`]: differences that are meant, each with its reason.

/// What is meant to differ.
pub(crate) struct Accepted(Vec<Line>);

struct Line {
    case: String,
    aspects: Vec<String>,
}

impl Accepted {
    /// From `tests/oracle/experiments.accepted`.
    pub(crate) fn read() -> Self {
        let lines = include_str!("experiments.accepted").lines();
        let told = lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let read = told.map(|line| {
            let mut parts = line.splitn(3, " | ").map(str::trim);
            let mut part = || {
                let part = parts.next().filter(|part| !part.is_empty());
                part.unwrap_or_else(|| panic!("CASE | ASPECTS | REASON: {line}"))
            };
            let (case, aspects, _reason) = (part(), part(), part());
            Line {
                case: case.to_owned(),
                aspects: aspects.split(", ").map(str::to_owned).collect(),
            }
        });
        Self(read.collect())
    }

    /// Whether a case may differ in this.
    pub(crate) fn has(&self, case: &str, aspect: &str) -> bool {
        let mut lines = self.0.iter();
        lines.any(|line| matches(&line.case, case) && line.aspects.iter().any(|known| known == aspect))
    }
}

/// Whether a name is that of a pattern, in which `*` is anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
