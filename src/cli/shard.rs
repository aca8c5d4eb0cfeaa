//! [`Said`]: which part of an experiment a run sends, as flags, inputs or variables say.

use jiff::{SignedDuration, Timestamp};

use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::results::{Shard, ShardNumber};

/// The variables that stand for the flags.
pub(super) const SHARD: &str = "ITER8_SHARD";
const START_AT: &str = "ITER8_START_AT";
/// A start that is further away is a mistake: a wrong day, or a wrong time zone.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24);

/// What was said, and where.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// `3/8`.
    pub(super) shard: Option<(String, String)>,
    /// An instant.
    pub(super) start_at: Option<(String, String)>,
}

impl Said {
    /// By flags.
    pub(super) fn flags(shard: Option<&str>, start_at: Option<&str>) -> Self {
        let of = |text: Option<&str>, flag: &str| text.map(|text| (text.to_owned(), format!("flag {flag}")));
        Self {
            shard: of(shard, "--shard"),
            start_at: of(start_at, "--startAt"),
        }
    }

    /// The same, completed by the environment, and read.
    pub(super) fn read(self, env: &Env) -> Result<Option<Shard>, Diagnostic> {
        let of_env = |name: &str| {
            let value = env.get(name)?;
            Some((value.to_owned(), format!("variable {name}")))
        };
        let shard = self.shard.or_else(|| of_env(SHARD));
        let start = self.start_at.or_else(|| of_env(START_AT));
        let Some((text, place)) = shard else {
            return match start {
                None => Ok(None),
                Some((_, place)) => {
                    let message = format!("{place}: a start is agreed on by shards, and this is none");
                    Err(Diagnostic::error(message).hint("give the shard, too, such as 0/8"))
                }
            };
        };
        let number: ShardNumber = text
            .parse()
            .map_err(|error| Diagnostic::error(format!("{place}: {error}")))?;
        let start_at = start.map(|(text, place)| instant(&text, &place)).transpose()?;
        Ok(Some(Shard { number, start_at }))
    }
}

fn instant(text: &str, place: &str) -> Result<Timestamp, Diagnostic> {
    let at: Timestamp = text.trim().parse().map_err(|_unclear: jiff::Error| {
        let message = format!("{place}: `{text}` is no instant");
        let hint = "expected is RFC 3339 with a time zone, such as 2026-03-01T12:00:00Z";
        Diagnostic::error(message).hint(hint)
    })?;
    let away = at.duration_since(Timestamp::now());
    if away.abs() > FARTHEST {
        let side = if away.is_negative() { "ago" } else { "away" };
        let message = format!("{place}: {at} is more than a day {side}");
        return Err(Diagnostic::error(message).hint("`Z` is UTC: are day and time zone right?"));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(shard: &str, start_at: &str, env: &[(&str, &str)]) -> Result<Option<Shard>, String> {
        let given = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let said = Said::flags(given(leak(shard)), given(leak(start_at)));
        said.read(&env.iter().copied().collect())
            .map_err(|found| found.message)
    }

    #[test]
    fn a_flag_is_put_over_a_variable() {
        let now = Timestamp::now().to_string();
        let env = [(SHARD, "1/2"), (START_AT, now.as_str())];
        let shard = read("", "", &env).expect("a shard").expect("a shard");
        assert_eq!(shard.number.to_string(), "1/2");
        assert!(shard.start_at.is_some());
        let shard = read("0/4", "", &env).expect("a shard").expect("a shard");
        assert_eq!(shard.number.to_string(), "0/4");
        assert_eq!(read("", "", &[]), Ok(None));
    }

    #[test]
    fn mistakes_name_their_place() {
        for (shard, start, says) in [
            ("2/2", "", "flag --shard: there is no shard 2 of 2"),
            ("", "2026-03-01T12:00:00Z", "this is none"),
            ("0/2", "tomorrow", "flag --startAt: `tomorrow` is no instant"),
            ("0/2", "2026-03-01T12:00:00", "is no instant"),
            ("0/2", "9000-01-01T00:00:00Z", "more than a day away"),
            ("0/2", "2026-03-01T12:00:00Z", "more than a day ago"),
        ] {
            let error = read(shard, start, &[]).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }
}
