//! [`check`]: from a source and a root node to a pipeline, or everything that is wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::console::Console;
use super::exit::Exit;
use super::folder;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::spec::compat::Era;
use crate::spec::{At, Decoder, Experiment, Mistakes, Node, SourceFile};
use crate::tasks::Pipeline;

/// A checked experiment, or all that is wrong with it; and what is only doubtful.
pub(super) struct Checked {
    /// The pipeline, if nothing is wrong.
    pub pipeline: Option<Pipeline>,
    /// Everything that was found.
    pub diagnostics: Vec<Diagnostic>,
    /// The places of keys that nothing reads.
    pub unread: Vec<At>,
    /// Every path that the experiment names: files and folders, there or not.
    pub paths: Vec<PathBuf>,
    /// What of the mistakes may be none on another machine.
    pub missing: Mistakes,
}

/// Reads an experiment that came from a file of an era. `variables` are looked up before the environment.
pub(super) fn check(
    source: &SourceFile,
    (root, era): (&Node, Era),
    folder: &Path,
    env: &Env,
    console: &Console,
    variables: &[(&str, &str)],
) -> Checked {
    let lookup = |name: &str| look_up(name, variables, env);
    let mut decoder = Decoder::new(source, folder, &lookup, console.mask.clone());
    if era.is_past() {
        decoder.tolerate();
    }
    let mut checked = checked(decoder, root);
    folder::hint(&mut checked.diagnostics, &checked.paths, source, folder);
    checked
}

/// Reads an experiment that was made with files beside it, which are not there yet.
pub(super) fn check_made(
    source: &SourceFile,
    root: &Node,
    folder: &Path,
    env: &Env,
    console: &Console,
    variables: &[(&str, &str)],
) -> Checked {
    let lookup = |name: &str| look_up(name, variables, env);
    let mut decoder = Decoder::new(source, folder, &lookup, console.mask.clone());
    decoder.expect_files();
    checked(decoder, root)
}

/// A variable: one of these, or of the environment. It may be empty.
pub(super) fn look_up(name: &str, variables: &[(&str, &str)], env: &Env) -> Option<String> {
    let own = variables.iter().find(|(known, _)| *known == name);
    let own = own.map(|(_, value)| (*value).to_owned());
    own.or_else(|| env.even_empty(name).map(str::to_owned))
}

fn checked(mut decoder: Decoder<'_>, root: &Node) -> Checked {
    let pipeline = Experiment::read(root, &mut decoder)
        .and_then(|experiment| Pipeline::build(&experiment, &mut decoder));
    let wrong = decoder.has_errors();
    Checked {
        pipeline: pipeline.filter(|_| !wrong),
        paths: decoder.paths(),
        unread: decoder.unread().to_vec(),
        missing: decoder.all_missing().clone(),
        diagnostics: distinct(decoder.into_diagnostics()),
    }
}

/// Each finding once: fields that a probe shares with the load are read twice.
fn distinct(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    found.retain(|diagnostic| seen.insert((diagnostic.place.clone(), diagnostic.message.clone())));
    found
}

impl Checked {
    /// The same with what else was found.
    pub(super) fn and(mut self, found: Vec<Diagnostic>) -> Self {
        if found.iter().any(Diagnostic::is_error) {
            self.pipeline = None;
        }
        self.diagnostics.extend(found);
        self
    }

    /// Shows what was found and gives the pipeline.
    pub(super) fn or_usage(self, console: &Console) -> Result<Pipeline, Exit> {
        console.register_secrets();
        console.diagnostics(&self.diagnostics);
        self.pipeline.ok_or_else(|| {
            let errors = self
                .diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.is_error())
                .count();
            let plural = if errors == 1 {
                "1 mistake".to_owned()
            } else {
                format!("{errors} mistakes")
            };
            console.say(
                super::args::LogLevel::Error,
                &format!("{plural}; nothing was sent"),
            );
            Exit::Usage
        })
    }
}
