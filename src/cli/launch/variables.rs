//! [`Variables`]: what `${NAME}` in an experiment is in its pod, as far as that is known here.

use std::collections::BTreeSet;

use crate::charts::Pod;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::spec::{Node, SourceFile, Value, references, unset};

/// Stands for a value that only the pod has: a number, a name and a host at once, and too short to be taken for a secret.
const UNKNOWN: &str = "71717";

/// The variables that values give to a pod.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Name, and value unless only the cluster knows it.
    given: Vec<(String, Option<String>)>,
    /// Whether there are others, from objects of the cluster.
    open: bool,
}

impl Variables {
    /// Those of a pod.
    pub(super) fn of(pod: Option<&Pod>) -> Self {
        let Some(pod) = pod else { return Self::default() };
        let given = pod.env.iter();
        Self {
            given: given
                .map(|variable| (variable.name.clone(), variable.value.clone()))
                .collect(),
            open: !pod.env_from.is_empty(),
        }
    }

    /// What an experiment asks of them.
    pub(super) fn seen(&self, root: &Node, source: &SourceFile) -> Seen {
        let mut seen = Seen::default();
        self.look(root, source, &mut seen);
        seen
    }

    fn look(&self, node: &Node, source: &SourceFile, seen: &mut Seen) {
        match &node.value {
            Value::String(text) | Value::Text(text) => {
                for name in references(text) {
                    self.note(name, &node.at.place(source), seen);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.look(item, source, seen)),
            // In scripts it is the shell that reads them, and sets them, too.
            Value::Map(entries) => entries
                .iter()
                .filter(|(key, _)| key.name != "run")
                .for_each(|(_, node)| self.look(node, source, seen)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }

    fn note(&self, name: String, place: &Place, seen: &mut Seen) {
        let given = self.given.iter().find(|(known, _)| *known == name);
        let value = match given {
            Some((_, Some(value))) => value.clone(),
            None if !self.open => {
                seen.foreign.insert(place.clone());
                seen.names.insert(name);
                return;
            }
            // One of this machine may have its name, and is another.
            Some((_, None)) | None => {
                seen.guessed.insert(place.clone());
                UNKNOWN.to_owned()
            }
        };
        seen.values.push((name, value));
    }
}

/// What an experiment asks of the variables of its pod.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Names that the pod has, with values to look at the experiment by.
    values: Vec<(String, String)>,
    /// Where something stands that only the pod knows.
    guessed: BTreeSet<Place>,
    /// Where a name stands that nobody gives to the pod.
    foreign: BTreeSet<Place>,
    /// Those names.
    names: BTreeSet<String>,
}

impl Seen {
    /// Names and values to look at the experiment by.
    pub(super) fn variables(&self) -> Vec<(&str, &str)> {
        let pairs = self.values.iter();
        pairs
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// Of what was found, what is not found about a value that is not known here; about one of this machine, as a doubt. That
    /// this machine has none either is left out: what the pod needs is said of all names together.
    pub(super) fn sift(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let is_in = |places: &BTreeSet<Place>, found: &Diagnostic| {
            found.place.as_ref().is_some_and(|place| places.contains(place))
        };
        found
            .into_iter()
            .filter(|found| !is_in(&self.guessed, found))
            .filter(|found| !is_in(&self.foreign, found) || !self.is_unset(found))
            .map(|found| {
                if !is_in(&self.foreign, &found) {
                    return found;
                }
                // What helps here does not help in the pod; what does is said of all names together.
                Diagnostic {
                    severity: Severity::Warning,
                    hint: None,
                    ..found
                }
            })
            .collect()
    }

    /// Whether it says that this machine has no value of a name that nobody gives to the pod.
    fn is_unset(&self, found: &Diagnostic) -> bool {
        self.names.iter().any(|name| unset(name).contains(&found.message))
    }

    /// Whether something stands in it that only the pod knows.
    pub(super) fn is_guessed(&self) -> bool {
        !self.guessed.is_empty()
    }

    /// Whether a text holds something that only the pod knows.
    pub(super) fn is_unknown(&self, text: &str) -> bool {
        self.is_guessed() && text.contains(UNKNOWN)
    }

    /// Says which names nobody gives to the pod.
    pub(super) fn warning(&self) -> Option<Diagnostic> {
        let names: Vec<String> = self.names.iter().map(|name| format!("`${{{name}}}`")).collect();
        let is = if names.len() == 1 { "is" } else { "are" };
        let message = format!(
            "{} {is} read where the experiment runs: in a pod, which has no variables of this machine",
            names.join(", ")
        );
        let hint =
            "give the pod its variables by `env` or `envFrom`, or put the value in by --set or --set-file";
        (!names.is_empty()).then(|| Diagnostic::warning(message).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, variables: &Variables) -> Seen {
        let source = SourceFile::new("e.yaml", text);
        let root = Node::parse(&source).expect("YAML");
        variables.seen(&root, &source)
    }

    fn given(names: &[(&str, Option<&str>)]) -> Variables {
        let given = names.iter();
        Variables {
            given: given
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect(),
            open: false,
        }
    }

    #[test]
    fn names_that_nobody_gives_are_told() {
        let text = "a: [x, '${TOKEN}']\nb: {c: '${HOST}:${PORT:-80}'}\nrun: echo ${i}\n";
        let variables = given(&[("TOKEN", None)]);
        let warning = seen(text, &variables).warning().expect("a warning").message;
        assert!(
            warning.starts_with("`${HOST}`, `${PORT}` are read where"),
            "{warning}"
        );
        let open = Variables {
            open: true,
            ..variables
        };
        assert!(seen(text, &open).warning().is_none());
    }

    #[test]
    fn what_is_found_about_a_guess_is_nothing() {
        let text = "a: ${TOKEN}\nb: ${HOST}\nc: d\n";
        let seen = seen(text, &given(&[("TOKEN", None)]));
        let source = SourceFile::new("e.yaml", text);
        let root = Node::parse(&source).expect("YAML");
        let found = root.pairs().iter().map(|(key, node)| {
            let diagnostic = Diagnostic::error(key.name.clone());
            diagnostic.at(node.at.place(&source))
        });
        let left = seen.sift(found.collect());
        let left: Vec<(&str, bool)> = left
            .iter()
            .map(|found| (found.message.as_str(), found.is_error()))
            .collect();
        assert_eq!(left, [("b", false), ("c", true)]);
        let absent = root.pairs().iter().map(|(_, node)| {
            let [absent, _] = unset("HOST");
            Diagnostic::error(absent).at(node.at.place(&source))
        });
        // Only where it is read.
        assert_eq!(seen.sift(absent.collect()).len(), 1);
    }

    #[test]
    fn an_experiment_is_looked_at_by_the_values_of_its_pod() {
        let text = "['$${A}', '${PLAIN}', '${HERE}', '${GONE}']";
        let variables = given(&[("PLAIN", Some("p")), ("HERE", None), ("GONE", None)]);
        let seen = seen(text, &variables);
        assert_eq!(
            seen.variables(),
            [("PLAIN", "p"), ("HERE", UNKNOWN), ("GONE", UNKNOWN)]
        );
        assert!(seen.is_unknown("services/web-71717"));
    }
}
