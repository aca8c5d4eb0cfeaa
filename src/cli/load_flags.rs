//! [`LoadFlags`]: the fields of the `http` task as flags of the same spelling, kebab-case as an alias.

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

use crate::spec::{Field, Key, Node, Value};
use crate::tasks::{HttpKind, TaskKind as _};

/// Fields that take a list; each use of the flag is one item.
const LISTS: &[&str] = &["headers", "resolve", "percentiles"];
/// Fields that are maps or lists of maps, and those that a whole task has: for files only.
const MAPS: &[&str] = &[
    "endpoints",
    "versions",
    "stages",
    "expect",
    "errorRanges",
    "version",
    "warmup",
    "allowInitialErrors",
];

/// Fields that say what is tested.
const TARGETS: &[&str] = &["url", "baselineURL"];

/// What was typed for each field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LoadFlags(pub Vec<(&'static str, Vec<String>)>);

fn fields() -> impl Iterator<Item = &'static Field> {
    HttpKind
        .fields()
        .into_iter()
        .filter(|field| !MAPS.contains(&field.key))
}

/// Whether the flag of a field may stand alone: its value then needs a `=`.
pub(super) fn is_boolean(key: &str) -> bool {
    fields().any(|field| field.key == key && field.kind == "boolean")
}

fn kebab(key: &str) -> String {
    let mut out = String::new();
    let mut last_lower = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() && last_lower {
            out.push('-');
        }
        last_lower = c.is_ascii_lowercase();
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn argument(field: &'static Field) -> Arg {
    let about = field.about.trim().trim_end_matches('.');
    let arg = Arg::new(field.key)
        .long(field.key)
        .alias(kebab(field.key))
        .help(about)
        .help_heading("Load")
        .value_name(field.kind);
    match field.kind {
        // Rows themselves can stand in files only.
        _ if field.key == "data" => arg
            .action(ArgAction::Set)
            .value_name("path")
            .help("Path of a CSV or JSON file with rows for `{name}` in path, query, headers and body, one for each request in turn"),
        "boolean" => arg
            .num_args(0..=1)
            .default_missing_value("true")
            .require_equals(true)
            .action(ArgAction::Set),
        _ if LISTS.contains(&field.key) => arg.action(ArgAction::Append).value_name(item(field.key)),
        _ => arg.action(ArgAction::Set).allow_hyphen_values(true),
    }
}

fn item(key: &str) -> &'static str {
    match key {
        "headers" => "name: value",
        "resolve" => "host:port:address",
        _ => "number",
    }
}

impl clap::Args for LoadFlags {
    fn augment_args(command: Command) -> Command {
        fields().fold(command, |command, field| command.arg(argument(field)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LoadFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = |field: &'static Field| {
            let values: Vec<String> = matches.get_many::<String>(field.key)?.cloned().collect();
            Some((field.key, values))
        };
        // A template of a pipeline gives `--url ''` when its user gave no URL.
        let given = |(key, values): &(&'static str, Vec<String>)| {
            !TARGETS.contains(key) || values.iter().any(|value| !value.is_empty())
        };
        Ok(Self(fields().filter_map(typed).filter(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl LoadFlags {
    /// What was typed for one field.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| *known == key)
            .and_then(|(_, values)| values.last())
            .map(String::as_str)
    }
}

/// The value of a field that came from a flag or an input, as a node that knows where it came from.
pub(super) fn field_node(key: &str, values: &[String], source: &str) -> Node {
    let text = |value: &str| Node::text(source, value);
    let value = match key {
        "headers" => {
            let pair = |line: &String| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                let key = Key {
                    name: name.trim().to_owned(),
                    at: Node::text(source, "").at,
                };
                (key, text(value.trim()))
            };
            Value::Map(values.iter().map(pair).collect())
        }
        "resolve" => Value::List(values.iter().map(|value| text(value)).collect()),
        "percentiles" => Value::List(
            values
                .iter()
                .flat_map(|value| value.split(','))
                .map(text)
                .collect(),
        ),
        _ => return text(values.last().map_or("", String::as_str)),
    };
    Node {
        value,
        at: text("").at,
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn the_help_of_data_says_what_the_flag_takes() {
        let mut command = LoadFlags::augment_args(Command::new("run"));
        let help = command.render_help().to_string();
        assert!(help.contains("--data <path>"), "{help}");
        assert!(help.contains("Path of a CSV or JSON file"), "{help}");
    }
}
