//! `action.yml` and the reference tables, made from the registries.

use std::fmt::Write as _;

use super::inputs::{Group, INPUTS, Input, Kind};
use super::outputs::OUTPUTS;

/// The text of `action.yml`. `image` is `docker://REGISTRY/NAME:VERSION@sha256:DIGEST` or the path of a Dockerfile.
pub fn action_yml(image: &str) -> String {
    let mut text = String::from(
        "# Made from src/platform/github; after a change there: UPDATE_GENERATED=1 cargo test action_yml\n\
         name: 'iter8: load-test and SLO gate'\n\
         description: Load-test a preview URL, judge its service-level objectives, and report where people look\n\
         author: iter8-tools\n\
         branding:\n  icon: check-circle\n  color: green\n\ninputs:\n",
    );
    for input in INPUTS {
        entry(&mut text, input.name, &about(input), input.default);
        if let Some(alias) = input.alias {
            entry(&mut text, alias, &format!("The same as `{}`", input.name), None);
        }
    }
    text.push_str("\noutputs:\n");
    for output in OUTPUTS {
        entry(&mut text, output.name, output.about, None);
    }
    let digest = if image.contains('@') {
        "  # The release pushes the image first and writes its digest here; zeros are no release.\n"
    } else {
        ""
    };
    let _ = write!(
        text,
        "\nruns:\n  using: docker\n{digest}  image: {image}\n  args:\n    - action\n"
    );
    text
}

fn entry(text: &mut String, name: &str, about: &str, default: Option<&str>) {
    let _ = writeln!(text, "  {name}:\n    description: {}", quoted(about));
    if let Some(default) = default {
        let _ = writeln!(text, "    default: {}", quoted(default));
    }
}

/// A YAML scalar in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn about(input: &Input) -> String {
    let words = match input.kind {
        Kind::Choice(words) => format!(": {}", words.join(", ")),
        Kind::Flag | Kind::Lines | Kind::Text => String::new(),
    };
    format!("{}{words}", input.about)
}

/// The inputs as Markdown: a table per group.
pub fn inputs_markdown() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _ = write!(
            text,
            "**{}**\n\n| Input | Meaning | Default |\n| --- | --- | --- |\n",
            group.title()
        );
        for input in INPUTS.iter().filter(|input| input.group == group) {
            let alias = input
                .alias
                .map(|alias| format!(", `{alias}`"))
                .unwrap_or_default();
            let default = input
                .default
                .map(|default| format!("`{default}`"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{}`{alias} | {} | {default} |",
                input.name,
                cell(&about(input))
            );
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The outputs as a Markdown table.
pub fn outputs_markdown() -> String {
    let mut text = String::from("| Output | Meaning |\n| --- | --- |\n");
    for output in OUTPUTS {
        let _ = writeln!(text, "| `{}` | {} |", output.name, cell(output.about));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Env;

    const NAME: &str = "docker://ghcr.io/iter8-tools/iter8-action";

    /// The image in the committed file if it is of this version, else one without a digest yet.
    fn image(committed: &str) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let line = committed
            .lines()
            .find_map(|line| line.trim().strip_prefix("image: "));
        let released = line.filter(|image| {
            let digest = image.strip_prefix(&format!("{NAME}:{version}@sha256:"));
            digest.is_some_and(|digest| digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()))
        });
        released.map_or_else(
            || format!("{NAME}:{version}@sha256:{}", "0".repeat(64)),
            str::to_owned,
        )
    }

    /// Compares a committed file with what it should be, or writes it.
    fn current(file: &str, made: impl FnOnce(&str) -> String) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let made = made(&committed);
        if Env::of_process().get("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &made).unwrap();
        } else {
            assert!(
                committed == made,
                "{file} is not current: UPDATE_GENERATED=1 cargo test action_yml"
            );
        }
    }

    #[test]
    fn action_yml_is_current() {
        current("action.yml", |committed| action_yml(&image(committed)));
    }

    /// The same action for this repository's own tests: built from the sources instead of pulled.
    #[test]
    fn the_local_action_yml_is_current() {
        current(".github/actions/local/action.yml", |_| {
            action_yml("../../../Dockerfile # zizmor: ignore[unpinned-images]")
        });
    }

    #[test]
    fn every_input_and_output_is_in_all_texts() {
        let (action, inputs, outputs) = (action_yml("docker://x"), inputs_markdown(), outputs_markdown());
        for name in INPUTS
            .iter()
            .flat_map(|input| [Some(input.name), input.alias])
            .flatten()
        {
            assert!(action.contains(&format!("\n  {name}:\n")), "{name}");
            assert!(inputs.contains(&format!("`{name}`")), "{name}");
        }
        for output in OUTPUTS {
            assert!(
                action.contains(&format!("\n  {}:\n", output.name)),
                "{}",
                output.name
            );
            assert!(outputs.contains(&format!("`{}`", output.name)), "{}", output.name);
        }
    }

    #[test]
    fn a_quote_does_not_end_a_scalar() {
        assert_eq!(quoted("it's"), "'it''s'");
    }
}
