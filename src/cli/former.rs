//! What people type who know Iter8's commands, or take a value for a flag, and what does it here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

use crate::charts::runner_values;

/// Adds to a mistake in a command line what replaces a command or a flag of Iter8, if it was one, and how values are given.
pub(super) fn explain(error: &mut clap::Error, words: &[String]) {
    let value = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => value(flag, words),
        Some(_) | None => None,
    };
    if value.is_some() {
        error.remove(ContextKind::SuggestedArg);
    }
    if let Some(tip) = value.or_else(|| tip(words).map(str::to_owned)) {
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// How a value of a run in Kubernetes is given that was typed as a flag. What it is stays unsaid: it may be a secret.
fn value(flag: &str, words: &[String]) -> Option<String> {
    let name = flag.strip_prefix("--")?;
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    let mut commands = words.iter().filter(|word| !word.starts_with('-'));
    let is_launch = commands.next()? == "k" && commands.next()? == "launch";
    let known = runner_values().find(|known| known.eq_ignore_ascii_case(name))?;
    let example = match known {
        "shards" => "2",
        "runner" => "cronjob",
        _ => "VALUE",
    };
    is_launch.then(|| format!("`{known}` is a value: --set {known}={example}"))
}

fn tip(words: &[String]) -> Option<&'static str> {
    let command = words.iter().find(|word| !word.starts_with('-'))?;
    let given = |flags: &[&str]| {
        words
            .iter()
            .map(|word| word.split_once('=').map_or(word.as_str(), |(flag, _)| flag))
            .any(|word| flags.contains(&word))
    };
    match command.as_str() {
        "run"
            if given(&[
                "--set",
                "--set-string",
                "--set-file",
                "--values",
                "-f",
                "--dry",
                "--chartName",
                "-c",
            ]) =>
        {
            Some(
                "`run` runs an experiment file; a chart with values is run by `iter8 launch -c load-test-http --set url=...`, and `--dry` there only writes the file",
            )
        }
        "gen" if given(&["-o", "--outputFormat"]) => Some(
            "`gen` writes an experiment file; the objects of a cluster are written by `iter8 k launch --dry`",
        ),
        "abn" | "controllers" | "autox" => Some(
            "versions are compared by `task: assess` with `rewards`, and traffic is moved by `task: traffic`, within an experiment: nothing of Iter8 runs in the cluster all the time",
        ),
        "launch" | "gen" if given(&["--gitFolder", "--remoteFolderURL", "--localChart"]) => {
            Some("charts are built in: leave out where they come from")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {

    #[test]
    fn values_that_are_typed_as_flags_are_told_how_to_give() {
        let value = |flag: &str, text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            super::value(flag, &words).unwrap_or_default()
        };
        let typed = "k launch e.yaml --shards 2";
        assert_eq!(value("--shards", typed), "`shards` is a value: --set shards=2");
        assert!(value("--cronjobschedule", typed).ends_with("--set cronjobSchedule=VALUE"));
        assert_eq!(value("--shard", typed), "");
        assert_eq!(value("--shards", "run --shards 2"), "");
    }

    #[test]
    fn commands_of_iter8_lead_to_those_of_today() {
        let tip = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            super::tip(&words).unwrap_or_default()
        };
        assert!(tip("run --set url=x").contains("iter8 launch"));
        assert!(tip("-l debug run").is_empty());
        assert!(tip("gen -o k8s").contains("k launch --dry"));
        assert!(tip("controllers").contains("task: traffic"));
        assert!(tip("run --qps 5").is_empty());
    }
}
