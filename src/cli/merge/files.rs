//! [`find`]: the results behind what was named: files, folders of results, folders of such folders, and patterns.

use std::path::{Component, Path, PathBuf};

use crate::cli::stored::PREVIOUS;
use crate::diagnostic::Diagnostic;
use crate::results::MOST_SHARDS;

const RESULT: &str = "result.json";

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The results.
    pub(super) results: Vec<PathBuf>,
    /// Folders without one, and files that are missing where a pattern means them.
    pub(super) empty: Vec<PathBuf>,
}

/// Looks at everything that was named.
pub(super) fn find(named: &[String]) -> Result<Found, Diagnostic> {
    let mut found = Found::default();
    for name in named {
        let Expanded { paths, missing } = expand(Path::new(name));
        if paths.is_empty() && missing.is_empty() {
            let message = format!("no file or folder matches {name}");
            let hint = "did the jobs upload their results, and this one download them?";
            return Err(Diagnostic::error(message).hint(hint));
        }
        found.empty.extend(missing);
        for path in paths {
            look(path, &mut found)?;
        }
        if found.results.len() + found.empty.len() > MOST_SHARDS as usize {
            return Err(Diagnostic::error(format!(
                "there are more than {MOST_SHARDS} results"
            )));
        }
    }
    if found.results.is_empty() {
        let message = format!("{} holds no {RESULT}", named.join(", "));
        let hint = match found.empty.iter().find(|place| is_set_aside(place)) {
            Some(place) => format!("{}: {SET_ASIDE}", place.display()),
            None => "did any shard come as far as to upload its results?".to_owned(),
        };
        return Err(Diagnostic::error(message).hint(hint));
    }
    Ok(found)
}

/// What is wrong with a place where a result should have been.
pub(super) fn lacks(place: &Path) -> String {
    if is_set_aside(place) {
        format!("holds no {RESULT}: {SET_ASIDE}")
    } else if place.exists() {
        format!("holds no {RESULT}")
    } else {
        "is not there".to_owned()
    }
}

const SET_ASIDE: &str =
    "the run that was to write it was refused, and set that of the run before aside as result.previous.json";

/// Whether all that a folder holds is the result of the run before.
fn is_set_aside(place: &Path) -> bool {
    place.join(PREVIOUS).exists()
}

fn look(path: PathBuf, found: &mut Found) -> Result<(), Diagnostic> {
    if !path.is_dir() {
        if path.exists() {
            found.results.push(path);
            return Ok(());
        }
        let message = format!("there is no file or folder {}", path.display());
        return Err(Diagnostic::error(message));
    }
    let own = path.join(RESULT);
    if own.exists() {
        found.results.push(own);
        return Ok(());
    }
    let folders: Vec<PathBuf> = entries(&path)
        .into_iter()
        .filter(|entry| entry.is_dir())
        .collect();
    let (results, empty): (Vec<_>, Vec<_>) = folders
        .into_iter()
        .partition(|folder| folder.join(RESULT).exists());
    if results.is_empty() {
        found.empty.push(path);
    } else {
        found
            .results
            .extend(results.into_iter().map(|folder| folder.join(RESULT)));
        found.empty.extend(empty);
    }
    Ok(())
}

/// What is in a folder, in order; what cannot be read has nothing in it.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// What a pattern means.
struct Expanded {
    paths: Vec<PathBuf>,
    missing: Vec<PathBuf>,
}

/// The paths that a pattern means, as a shell would say: `*` and `?` within a name, no hidden ones. A path without them is
/// itself, there or not; what follows a name that matches and is not there is missing.
fn expand(pattern: &Path) -> Expanded {
    let is_pattern = |name: &str| name.contains(['*', '?']);
    let mut paths = vec![PathBuf::new()];
    let mut is_wild = false;
    for part in pattern.components() {
        let name = part.as_os_str().to_string_lossy();
        if !matches!(part, Component::Normal(_)) || !is_pattern(&name) {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        is_wild = true;
        let name: Vec<char> = name.chars().collect();
        paths = paths
            .iter()
            .flat_map(|folder| {
                let folder = if folder.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    folder
                };
                entries(folder)
            })
            .filter(|entry| {
                let own = entry.file_name().unwrap_or_default().to_string_lossy();
                let hidden = own.starts_with('.') && name.first() != Some(&'.');
                !hidden && matches(&name, &own.chars().collect::<Vec<_>>())
            })
            .collect();
    }
    let (paths, missing) = paths.into_iter().partition(|path| !is_wild || path.exists());
    Expanded { paths, missing }
}

/// Whether a name is one of those that a pattern means; its time grows with the product of both lengths at most.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    // The last `*`, and where what follows it is looked for.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            Some(_) | None => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "{}").expect("written");
        }
        folder
    }

    #[test]
    fn files_folders_and_patterns_are_found_in_order() {
        let folder = folder(&[
            "r/iter8-1/result.json",
            "r/iter8-0/result.json",
            "r/iter8-2/report.html",
            "r/.hidden/result.json",
            "one.json",
        ]);
        let of = |names: &[&str]| {
            let names: Vec<String> = names
                .iter()
                .map(|name| folder.path().join(name).display().to_string())
                .collect();
            let short = |paths: Vec<PathBuf>| -> Vec<String> {
                let inside = |path: &PathBuf| {
                    path.strip_prefix(folder.path())
                        .map(|path| path.display().to_string())
                };
                paths.iter().filter_map(|path| inside(path).ok()).collect()
            };
            find(&names)
                .map(|found| (short(found.results), short(found.empty)))
                .map_err(|found| found.message)
        };
        let both = vec![
            "r/iter8-0/result.json".to_owned(),
            "r/iter8-1/result.json".to_owned(),
        ];
        let (results, empty) = of(&["r/*"]).expect("found");
        assert_eq!((&results, empty), (&both, vec!["r/iter8-2".to_owned()]));
        assert_eq!(of(&["r/iter8-?"]).expect("found").0, both);
        let lost = vec!["r/iter8-2/result.json".to_owned()];
        assert_eq!(of(&["r/*/result.json"]).expect("found"), (both.clone(), lost));
        assert!(of(&["r/*/none"]).is_err_and(|why| why.contains("holds no result.json")));
        assert!(of(&["*/*-[0]", "r"]).is_err());
        assert_eq!(of(&["one.json"]).expect("found").0, ["one.json"]);
        assert!(of(&["none"]).is_err_and(|why| why.contains("there is no file")));
        assert!(of(&["x*"]).is_err_and(|why| why.contains("matches")));
        assert!(of(&["r/iter8-2"]).is_err_and(|why| why.contains("holds no result.json")));
    }

    #[test]
    fn a_result_that_was_set_aside_is_none_of_this_run() {
        let folder = folder(&["iter8-0/result.json", "iter8-1/result.previous.json"]);
        let of = |name: &str| find(&[folder.path().join(name).display().to_string()]);
        let both = of("*").expect("one of them");
        assert!(lacks(&both.empty[0]).contains("set that of the run before aside"));
        let why = of("iter8-1").expect_err("none");
        assert!(
            why.hint.is_some_and(|hint| hint.contains("was refused")),
            "{}",
            why.message
        );
    }

    #[test]
    fn stars_and_question_marks_mean_what_they_mean_to_a_shell() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("?", "", false),
            ("*a*b?", "xxaxxbb", true),
            ("iter8-*", "iter8", false),
        ] {
            assert_eq!(
                matches(&chars(pattern), &chars(name)),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
