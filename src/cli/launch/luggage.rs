//! [`Luggage`]: the files that an experiment file reads, which travel beside it in the Secret. What cannot travel is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::variables::Seen;
use crate::cli::run::DEFAULT_FILE;
use crate::cluster::manifests::key_of;
use crate::diagnostic::Diagnostic;
use crate::spec::read_file;

/// Most bytes of a file: more than a Secret holds.
const LARGEST: u64 = 1 << 20;
/// What the pod cannot read may be fetched by it.
const FETCHED: &str = "give it as a URL, which the pod fetches: payloadURL, protoURL, dataURL";

/// Files that travel.
#[derive(Debug, Default)]
pub(super) struct Luggage {
    /// Their content, by the key of the Secret.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What is wrong with files that would not be in the pod.
    pub(super) found: Vec<Diagnostic>,
    /// Paths from the folder of the experiment that were looked at.
    seen: BTreeSet<String>,
}

impl Luggage {
    /// Packs what an experiment names. A file that is not there may be written by a script.
    pub(super) fn pack(paths: &[PathBuf], folder: &Path, seen: &Seen) -> Self {
        let mut luggage = Self::default();
        let mut protos = Vec::new();
        let mut folders = BTreeSet::new();
        for path in paths {
            if seen.is_unknown(&path.display().to_string()) {
                let message = "the experiment reads a file whose path has a variable that only the pod knows";
                let hint = "name the file without `${…}`, so that it travels with the experiment";
                luggage.found.push(Diagnostic::error(message).hint(hint));
            } else if path.is_dir() {
                folders.insert(path.clone());
            } else if path.exists() {
                luggage.add(path, folder);
                if path.extension().is_some_and(|extension| extension == "proto") {
                    folders.extend(path.parent().map(Path::to_owned));
                    protos.push(path.clone());
                }
            }
        }
        luggage.add_imports(protos, &folders, folder);
        luggage
    }

    /// What `.proto` files import, and what that imports.
    fn add_imports(&mut self, mut open: Vec<PathBuf>, folders: &BTreeSet<PathBuf>, folder: &Path) {
        while let Some(proto) = open.pop() {
            // Who cannot read it says so elsewhere.
            let text = read_file(&proto, LARGEST).unwrap_or_default();
            for name in imports(&String::from_utf8_lossy(&text)) {
                // Which of several counts is decided where they are compiled.
                let all = folders.iter().map(|folder| folder.join(&name));
                let all: Vec<PathBuf> = all.filter(|path| path.is_file()).collect();
                let here = Path::new(&name);
                if here.is_file() && !all.iter().any(|path| is_same(path, here)) {
                    self.found.push(misplaced(&proto, &name));
                }
                open.extend(all.into_iter().filter(|path| self.add(path, folder)));
            }
        }
    }

    /// Packs a file; whether it is new.
    fn add(&mut self, path: &Path, folder: &Path) -> bool {
        let shown = path.display();
        let Some(inside) = inside(path, folder) else {
            let message = format!("the experiment reads the file {shown}, which no pod has");
            let hint = format!(
                "files travel with the experiment from its folder {}: put it there and name it from there, or give a URL",
                folder.display()
            );
            self.found.push(Diagnostic::error(message).hint(hint));
            return false;
        };
        if !self.seen.insert(inside.clone()) {
            return false;
        }
        let key = key_of(&inside).filter(|key| key != DEFAULT_FILE);
        let Some(key) = key else {
            let message = format!(
                "the experiment reads the file {shown}, which cannot travel with it: no key of a Secret can be called so"
            );
            let hint =
                "use letters, digits, `-`, `_` and single dots, and not experiment.yaml; or give a URL";
            self.found.push(Diagnostic::error(message).hint(hint));
            return false;
        };
        match read_file(path, LARGEST) {
            Ok(content) => {
                self.files.insert(key, content);
                true
            }
            Err(cause) => {
                let message =
                    format!("the experiment reads the file {shown}, which cannot travel with it: {cause}");
                self.found.push(Diagnostic::error(message).hint(FETCHED));
                false
            }
        }
    }
}

/// Whether two paths are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(one).is_some_and(|one| Some(one) == real(other))
}

/// A path from a folder that it is in.
fn inside(path: &Path, folder: &Path) -> Option<String> {
    let parts = path.strip_prefix(folder).ok()?.components();
    let names = parts.map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::CurDir | Component::ParentDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let names: Vec<&str> = names.collect::<Option<_>>()?;
    Some(names.join("/"))
}

/// An import that is found here only because of where the program runs.
fn misplaced(proto: &Path, name: &str) -> Diagnostic {
    let message = format!(
        "{} imports {name}, which is found in the folder that the program runs in, and not in a pod",
        proto.display()
    );
    Diagnostic::error(message).hint("name the folder where imports are: `import-paths: [.]`")
}

/// The names of the files that the text of a `.proto` file imports; maybe some in comments, too.
fn imports(text: &str) -> Vec<String> {
    let named = |line: &str| {
        let rest = line.trim_start().strip_prefix("import")?;
        let rest = rest.trim_start();
        let rest = ["public", "weak", "option"]
            .into_iter()
            .find_map(|word| rest.strip_prefix(word))
            .unwrap_or(rest)
            .trim_start();
        let quote = rest.chars().next().filter(|letter| "\"'".contains(*letter))?;
        let (name, _) = rest[1..].split_once(quote)?;
        Some(name.to_owned())
    };
    text.split([';', '\n']).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
        folder
    }

    fn pack(folder: &Path, names: &[&str]) -> Luggage {
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        Luggage::pack(&paths, folder, &Seen::default())
    }

    #[test]
    fn files_travel_with_what_they_import() {
        let api =
            b"syntax = \"proto3\"; import public 'types/a.proto';\nimport \"google/protobuf/empty.proto\";";
        let folder = folder(&[
            ("body.bin", &[0, 255]),
            ("api/shop.proto", api),
            ("lib/types/a.proto", b"import \"types/b.proto\";"),
            ("lib/types/b.proto", b""),
            ("lib/types/c.proto", b""),
        ]);
        let luggage = pack(
            folder.path(),
            &["./body.bin", "body.bin", "api/shop.proto", "lib", "later.json"],
        );
        assert_eq!(luggage.found, []);
        let keys: Vec<&str> = luggage.files.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "api..shop.proto",
                "body.bin",
                "lib..types..a.proto",
                "lib..types..b.proto"
            ]
        );
        assert_eq!(luggage.files["body.bin"], [0, 255]);
    }

    #[test]
    fn what_cannot_travel_is_told() {
        let large = vec![b'x'; 2 << 20];
        let folder = folder(&[
            ("in/a b.json", b""),
            ("in/experiment.yaml", b""),
            ("in/large", &large),
            ("out.json", b""),
        ]);
        let inside = folder.path().join("in");
        let outside = folder.path().join("out.json");
        let rows = [
            ("a b.json", "no key of a Secret can be called so"),
            ("experiment.yaml", "no key of a Secret can be called so"),
            ("large", "it is larger than 1 MiB"),
            ("../out.json", "which no pod has"),
            (outside.to_str().expect("a path"), "which no pod has"),
        ];
        for (name, why) in rows {
            let luggage = pack(&inside, &[name]);
            let said: Vec<&str> = luggage.found.iter().map(|found| found.message.as_str()).collect();
            assert!(said.len() == 1 && said[0].contains(why), "{name}: {said:?}");
            assert!(luggage.files.is_empty(), "{name}");
        }
    }
}
