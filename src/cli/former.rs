//! What people type who know Iter8's commands, and what does it here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

/// Adds to a mistake in a command line what replaces a command or a flag of Iter8, if it was one.
pub(super) fn explain(error: &mut clap::Error, words: &[String]) {
    if let Some(tip) = tip(words) {
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
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
