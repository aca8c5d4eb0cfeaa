//! [`LoadFlags`]: the fields of load tasks as flags of the same spelling, kebab-case as an alias.

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

use crate::spec::{Field, Key, Node, Value};
use crate::tasks::{GrpcKind, HttpKind, TaskKind as _};

/// Fields that take a list; each use of the flag is one item.
const LISTS: &[&str] = &[
    "headers",
    "resolve",
    "percentiles",
    "metadata",
    "reflect-metadata",
];
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
    "tags",
];
/// Fields that hold names and values; a flag or an input has one of them on each line.
const PAIRS: &[&str] = &["headers", "metadata", "reflect-metadata"];

/// Fields that say what is tested.
const TARGETS: &[&str] = &["url", "baselineURL", "host", "baselineHost"];

/// What was typed for each field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LoadFlags(pub Vec<(&'static str, Vec<String>)>);

/// The fields of `http`, and those that only `grpc` has.
fn fields() -> impl Iterator<Item = &'static Field> {
    let http = HttpKind.fields();
    let known: Vec<&str> = http.iter().map(|field| field.key).collect();
    let grpc = GrpcKind.fields();
    let own = grpc.into_iter().filter(move |field| !known.contains(&field.key));
    http.into_iter()
        .chain(own)
        .filter(|field| !MAPS.contains(&field.key))
}

/// Whether the flag of a field may stand alone: its value then needs a `=`.
pub(super) fn is_boolean(key: &str) -> bool {
    fields().any(|field| field.key == key && field.kind == "boolean")
}

/// How the flag of a field is called.
pub(super) fn flag(key: &str) -> &str {
    if key == "host" { "grpc" } else { key }
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

/// The other spellings of a field.
fn aliases(field: &'static Field) -> Vec<String> {
    // `--caCert` and its kind are flags of their own.
    let own = |alias: &str| fields().any(|other| other.key == alias || kebab(other.key) == alias);
    let given = field.aliases.iter().filter(|alias| !own(alias));
    let mut all: Vec<String> = given.map(|alias| (*alias).to_owned()).collect();
    let (kebab, long) = (kebab(field.key), flag(field.key));
    if kebab != long && !all.contains(&kebab) {
        all.push(kebab);
    }
    all
}

fn argument(field: &'static Field) -> Arg {
    let only_grpc = !HttpKind.fields().iter().any(|known| known.key == field.key);
    let about = field.about.trim().trim_end_matches('.');
    let arg = Arg::new(field.key)
        .long(flag(field.key))
        .aliases(aliases(field))
        .help(about)
        .help_heading(if only_grpc { "Load by gRPC" } else { "Load" })
        .value_name(field.kind);
    match field.kind {
        // Rows themselves can stand in files only.
        _ if field.key == "data" => arg
            .action(ArgAction::Set)
            .value_name("path or JSON")
            .help("Path of a CSV or JSON file with rows for `{name}` in path, query, headers and body, one for each request in turn; with --grpc the message as JSON"),
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
        _ if PAIRS.contains(&key) => "name: value",
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

/// The value of a field that came from a flag or an input, as a node that knows where it came from.
pub(super) fn field_node(key: &str, values: &[String], source: &str) -> Node {
    let text = |value: &str| Node::text(source, value);
    // Metadata may be a JSON object, as ghz takes it.
    let json = |values: &[String]| matches!(values, [only] if only.trim_start().starts_with('{'));
    let value = match key {
        _ if PAIRS.contains(&key) && !json(values) => {
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

    fn typed(args: &[&str]) -> LoadFlags {
        let command = LoadFlags::augment_args(Command::new("run"));
        let matches = command
            .try_get_matches_from([&["run"], args].concat())
            .unwrap_or_else(|error| panic!("{args:?}: {error}"));
        LoadFlags::from_arg_matches(&matches).expect("flags")
    }

    #[test]
    fn the_help_of_data_says_what_the_flag_takes() {
        let mut command = LoadFlags::augment_args(Command::new("run"));
        let help = command.render_help().to_string();
        assert!(help.contains("--data <path or JSON>"), "{help}");
        assert!(help.contains("Path of a CSV or JSON file"), "{help}");
    }

    #[test]
    fn every_field_has_one_flag_in_every_spelling() {
        LoadFlags::augment_args(Command::new("run")).debug_assert();
        for (flag, key) in [
            ("--grpc", "host"),
            ("--import-paths", "import-paths"),
            ("--importPaths", "import-paths"),
            ("--skipFirst", "skipFirst"),
            ("--skip-first", "skipFirst"),
            ("--caCert", "caCert"),
            ("--cacert", "cacert"),
            ("--baseline-host", "baselineHost"),
            ("--load-step", "load-step"),
        ] {
            assert_eq!(
                typed(&[flag, "a"]),
                LoadFlags(vec![(key, vec!["a".to_owned()])]),
                "{flag}"
            );
        }
    }

    #[test]
    fn metadata_is_pairs_or_json() {
        let node = field_node(
            "metadata",
            &["a: b".to_owned(), "c: d:e".to_owned()],
            "flag --metadata",
        );
        assert_eq!(node.get("c"), Some(&Node::text("flag --metadata", "d:e")));
        let text = r#"{"a": "b"}"#.to_owned();
        let node = field_node("metadata", std::slice::from_ref(&text), "flag --metadata");
        assert_eq!(node.value, Value::Text(text));
    }
}
