//! `iter8 k launch FILE`: an experiment file as what is launched, and the files that it reads.

use std::path::Path;

use super::args::{ChartArgs, InCluster};
use super::dry::{Dry, Examined};
use super::luggage::Luggage;
use super::variables::{Seen, Variables};
use crate::charts::{DEFAULT, is_generated, is_value, is_values, runner_values};
use crate::cli::assemble::Given;
use crate::cli::check::check;
use crate::cli::folder::explain;
use crate::cli::run::{DEFAULT_FILE, Opened, read};
use crate::cluster::manifests::path_of;
use crate::diagnostic::{Diagnostic, Place, did_you_mean, known_are};
use crate::spec::{Node, SourceFile};
use crate::tasks::quoted;

/// What an experiment is launched with.
pub(super) struct Looked {
    /// What was found out about it.
    pub(super) examined: Examined,
    /// Keys of the Secret and what is in them.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Flags that say which chart is meant, where a file is.
pub(super) fn conflicts(args: &InCluster) -> Vec<Diagnostic> {
    let ChartArgs { chart, former, .. } = &args.chart;
    let flags = [
        ("-c", chart.is_some()),
        ("--sourceDir", former.source_dir.is_some()),
        ("--remoteFolderURL", former.remote_folder.is_some()),
        ("--repoURL", former.repository.is_some()),
        ("--version", former.version.is_some()),
        ("--noDownload", former.no_download.is_some()),
        ("--localChart", former.local_chart.is_some()),
        ("--chartsParentDir", former.charts_parent_dir.is_some()),
        ("--destDir", former.dest_dir.is_some()),
    ];
    let given = flags.into_iter().filter(|(_, given)| *given);
    let told = given.map(|(flag, _)| {
        let message = format!("an experiment file and {flag} both say what is launched");
        let found = Diagnostic::error(message).at(Place::named(format!("flag {flag}")));
        found.hint("leave one of them out")
    });
    told.collect()
}

/// Values that are none of a run in Kubernetes: with a file nobody would read them.
pub(super) fn strays(rest: &Node) -> Vec<Diagnostic> {
    let source = SourceFile::new("the values", "");
    let told = rest.pairs().iter().map(|(key, _)| {
        let (message, hint) = stray(&key.name);
        Diagnostic::error(message).at(key.at.place(&source)).hint(hint)
    });
    told.collect()
}

/// What a value is that no run in Kubernetes has, and what to try.
fn stray(name: &str) -> (String, String) {
    if is_value(name) {
        let message = format!("`{name}` is a value of a chart, and the tasks stand in the file");
        let hint = "with an experiment file only values of the run in Kubernetes count, such as runner, shards and iter8Image; \
                    write it into the file, or leave the file out";
        return (message, hint.to_owned());
    }
    let known: Vec<&str> = runner_values().collect();
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => known_are(&known),
    };
    (format!("unknown value `{name}` of a run in Kubernetes"), hint)
}

/// Reads the file, or says why it cannot be used.
pub(super) fn open(file: &Path, folder: &Path) -> Result<Opened, Vec<Diagnostic>> {
    let path = folder.join(file);
    let opened = read(Some(&path), &Given::default());
    let opened = opened.map_err(|found| {
        if path.exists() {
            return found;
        }
        let hint = "the file is looked for in --runDir, by default the folder where you are";
        let hinted = found.into_iter().map(|found| found.hint(hint));
        explain(hinted.collect(), file, folder)
    })?;
    let source = &opened.source;
    let has_values = !is_generated(source.text()) && Node::parse(source).is_ok_and(|root| is_values(&root));
    if has_values {
        let message = format!("these are values of the chart `{DEFAULT}`, and no experiment");
        let hint = format!(
            "give them as values: iter8 k launch -f {}",
            quoted(&file.display().to_string())
        );
        return Err(vec![
            Diagnostic::error(message)
                .at(Place::named(source.name()))
                .hint(hint),
        ]);
    }
    Ok(opened)
}

/// Looks at an experiment as a run of it would, and packs what it reads.
pub(super) fn look(opened: &Opened, variables: &Variables, dry: &Dry<'_>) -> Looked {
    let seen = variables.seen(&opened.root, &opened.source);
    let mut examined = dry.examine_file(opened, &seen);
    examined.found.extend(seen.warning());
    let mut luggage = Luggage::pack(&examined.paths, dry.folder, &seen);
    if examined.is_right() && luggage.found.is_empty() && !examined.paths.is_empty() {
        luggage.found = rehearse(opened, &luggage, &seen, dry);
    }
    examined.found.append(&mut luggage.found);
    let experiment = (DEFAULT_FILE.to_owned(), opened.source.text().as_bytes().to_vec());
    Looked {
        examined,
        files: std::iter::once(experiment).chain(luggage.files).collect(),
    }
}

/// Looks at the experiment once more, in a folder with nothing but what travels: what is missing there is missing in a pod.
fn rehearse(opened: &Opened, luggage: &Luggage, seen: &Seen, dry: &Dry<'_>) -> Vec<Diagnostic> {
    let folder = match unpack(luggage) {
        Ok(folder) => folder,
        Err(cause) => {
            let message = format!("cannot see whether a pod could read its files: {cause}");
            return vec![Diagnostic::error(message)];
        }
    };
    let Opened {
        source, root, era, ..
    } = opened;
    let whole = check(
        source,
        (root, *era),
        folder.path(),
        dry.env,
        dry.console,
        &seen.variables(),
    );
    let here = format!("{}/", folder.path().display());
    let missing = whole.diagnostics.into_iter().filter(Diagnostic::is_error);
    let found: Vec<Diagnostic> = missing
        .map(|found| {
            let message = format!("in a pod: {}", found.message.replace(&here, ""));
            let hint =
                "only files travel that the experiment names itself; name what is missing, or give a URL";
            Diagnostic { message, ..found }.hint(hint)
        })
        .collect();
    let mut found = seen.sift(found);
    // Doubts have been told.
    found.retain(Diagnostic::is_error);
    let scripts = root.get("spec").map(Node::items).unwrap_or_default();
    let is_scripted = scripts.iter().any(|entry| entry.get("run").is_some());
    let elsewhere = whole.paths.iter().filter(|path| !path.starts_with(folder.path()));
    found.extend(elsewhere.filter(|path| path.exists()).map(|path| {
        let message = format!(
            "the experiment reads the file {}, which no pod has",
            path.display()
        );
        let hint =
            "name it by its path from the folder of the experiment, so that it travels along, or give a URL";
        // A script may make one of that name.
        let told = if is_scripted {
            Diagnostic::warning(message)
        } else {
            Diagnostic::error(message)
        };
        told.hint(hint)
    }));
    found
}

fn unpack(luggage: &Luggage) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for (key, content) in &luggage.files {
        // Every key was made from a path.
        let Some(path) = path_of(key) else { continue };
        let path = folder.path().join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(folder)
}
