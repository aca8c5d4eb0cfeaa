//! Versions (<https://semver.org>) and constraints on them.

use super::super::super::value::Value;
use super::super::{Function, function, text};

pub(super) const VERSIONS: &[Function] = &[
    function("semver", 1, 1, |_, values| {
        let version = Version::parse(text(values, 0)?).ok_or("this is no semantic version")?;
        Value::text(version.to_text())
    }),
    function("semverCompare", 2, 2, |_, values| {
        let version = Version::parse(text(values, 1)?).ok_or("argument 2 is no semantic version")?;
        Ok(Value::Bool(holds(text(values, 0)?, &version)?))
    }),
];

/// A version; parts that are not written are 0.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    parts: [u64; 3],
    /// How many parts were written, wildcards aside.
    written: usize,
    pre: String,
    meta: String,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (rest, meta) = text.split_once('+').unwrap_or((text, ""));
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let (numbers, pre) = rest.split_once('-').unwrap_or((rest, ""));
        let mut parts = [0; 3];
        let mut written = 0;
        for (index, part) in numbers.split('.').enumerate() {
            let place = parts.get_mut(index)?;
            if matches!(part, "x" | "X" | "*") {
                return Some(Self {
                    parts,
                    written,
                    pre: String::new(),
                    meta: String::new(),
                });
            }
            *place = part
                .parse()
                .ok()
                .filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))?;
            written += 1;
        }
        Some(Self {
            parts,
            written,
            pre: pre.to_owned(),
            meta: meta.to_owned(),
        })
    }

    fn to_text(&self) -> String {
        let [major, minor, patch] = self.parts;
        let pre = if self.pre.is_empty() {
            String::new()
        } else {
            format!("-{}", self.pre)
        };
        let meta = if self.meta.is_empty() {
            String::new()
        } else {
            format!("+{}", self.meta)
        };
        format!("{major}.{minor}.{patch}{pre}{meta}")
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.parts
            .cmp(&other.parts)
            .then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => std::cmp::Ordering::Equal,
                (true, false) => std::cmp::Ordering::Greater,
                (false, true) => std::cmp::Ordering::Less,
                (false, false) => identifiers(&self.pre, &other.pre),
            })
    }

    /// The least version that is no more like this one, in its first `kept` parts.
    fn after(&self, kept: usize) -> Self {
        let mut parts = [0; 3];
        for (index, part) in parts.iter_mut().enumerate().take(kept.max(1)) {
            *part = self.parts[index];
        }
        parts[kept.max(1) - 1] += 1;
        Self {
            parts,
            written: 3,
            pre: String::new(),
            meta: String::new(),
        }
    }
}

/// Numbers are compared as numbers and come before words.
fn identifiers(left: &str, right: &str) -> std::cmp::Ordering {
    let key = |part: &str| {
        part.parse::<u64>()
            .map_or((1, 0, part.to_owned()), |number| (0, number, String::new()))
    };
    let all = |text: &str| text.split('.').map(key).collect::<Vec<_>>();
    all(left).cmp(&all(right))
}

/// `>=1.2, <2 || ~3.1`.
fn holds(constraint: &str, version: &Version) -> Result<bool, String> {
    for alternative in constraint.split("||") {
        let mut all = true;
        let alternative = alternative.trim();
        if let Some((low, high)) = alternative.split_once(" - ") {
            all = one(&format!(">={}", low.trim()), version)? && one(&format!("<={}", high.trim()), version)?;
        } else {
            for part in alternative.split(',') {
                all &= one(part.trim(), version)?;
            }
        }
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

fn one(constraint: &str, version: &Version) -> Result<bool, String> {
    let digits = constraint.find(|c: char| c.is_ascii_digit() || matches!(c, 'v' | 'x' | 'X' | '*'));
    let (sign, wanted) = constraint.split_at(digits.unwrap_or(constraint.len()));
    let wanted = Version::parse(wanted.trim())
        .ok_or_else(|| format!("`{constraint}` is no constraint on versions"))?;
    // One that is no release is wanted only where one is named.
    if !version.pre.is_empty() && wanted.pre.is_empty() {
        return Ok(false);
    }
    let order = version.order(&wanted);
    let below = |kept: usize| kept == 0 || version.order(&wanted.after(kept)).is_lt();
    Ok(match sign.trim() {
        "" | "=" if wanted.written < 3 => order.is_ge() && below(wanted.written),
        "" | "=" => order.is_eq(),
        "!=" if wanted.written < 3 => !(order.is_ge() && below(wanted.written)),
        "!=" => order.is_ne(),
        ">" if wanted.written < 3 => !below(wanted.written) && order.is_gt(),
        ">" => order.is_gt(),
        "<" => order.is_lt(),
        ">=" | "=>" => order.is_ge(),
        "<=" | "=<" if wanted.written < 3 => below(wanted.written),
        "<=" | "=<" => order.is_le(),
        "~" | "~>" => order.is_ge() && below(wanted.written.min(2)),
        "^" => {
            let first = wanted
                .parts
                .iter()
                .position(|part| *part > 0)
                .map_or(wanted.written.max(1), |at| at + 1);
            order.is_ge() && below(first)
        }
        _ => return Err(format!("`{constraint}` is no constraint on versions")),
    })
}
