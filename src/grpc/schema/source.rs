//! `.proto` files, compiled here: no `protoc` is needed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use miette::Diagnostic as _;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use protox::Compiler;
use protox::file::{File as Parsed, FileResolver, GoogleFileResolver};

use super::error::SchemaError;
use crate::diagnostic::{Place, Span};

/// More than any `.proto` file has, in MiB.
const LIMIT: u64 = 16;

/// Compiles `files` and all they import.
pub(super) fn compile(files: &[&Path], import_paths: &[PathBuf]) -> Result<DescriptorPool, SchemaError> {
    let search = Rc::new(RefCell::new(Search::new(files, import_paths)));
    let roots: Vec<String> = search
        .borrow()
        .roots
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut compiler = Compiler::with_file_resolver(Resolver(Rc::clone(&search)));
    for name in roots {
        if let Err(error) = compiler.open_file(&name) {
            return Err(search.borrow_mut().explain(&error));
        }
    }
    Ok(compiler.descriptor_pool())
}

/// Where files are looked for, and what was found.
struct Search {
    folders: Vec<PathBuf>,
    /// The files that the user named, and what they are called.
    roots: Vec<(String, PathBuf)>,
    /// What a file is called, by its canonical path: one file may be imported by several names.
    names: HashMap<PathBuf, String>,
    /// Path and text of what was read, by name.
    texts: HashMap<String, (PathBuf, String)>,
    /// Why a file could not be used, where the compiler has no words for it.
    failure: Option<SchemaError>,
    /// The import that is nowhere.
    missing: Option<String>,
}

impl Search {
    fn new(files: &[&Path], import_paths: &[PathBuf]) -> Self {
        let parents = files.iter().map(|file| match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        });
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in parents
            .chain([PathBuf::from(".")])
            .chain(import_paths.iter().cloned())
        {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let mut search = Self {
            folders,
            roots: Vec::new(),
            names: HashMap::new(),
            texts: HashMap::new(),
            failure: None,
            missing: None,
        };
        for file in files {
            search.add_root(file, import_paths);
        }
        search
    }

    /// Calls a file as imports are likely to call it: from an import path on, or by its whole path.
    fn add_root(&mut self, file: &Path, import_paths: &[PathBuf]) {
        let inside = import_paths
            .iter()
            .find_map(|folder| file.strip_prefix(folder).ok());
        let mut name = normal(inside.unwrap_or(file));
        if name.is_empty() {
            name.push('_');
        }
        while self.roots.iter().any(|(taken, _)| *taken == name) {
            name.insert_str(0, "_/");
        }
        if let Ok(canonical) = fs::canonicalize(file) {
            if self.names.contains_key(&canonical) {
                return;
            }
            self.names.insert(canonical, name.clone());
        }
        self.roots.push((name, file.to_owned()));
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        let root = self
            .roots
            .iter()
            .find(|(root, _)| root == name)
            .map(|(_, path)| path.clone());
        root.or_else(|| {
            self.folders
                .iter()
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
        })
    }

    fn open(&mut self, name: &str) -> Result<Parsed, protox::Error> {
        let Some(path) = self.find(name) else {
            return GoogleFileResolver::new().open_file(name).inspect_err(|_| {
                self.missing = Some(name.to_owned());
            });
        };
        if let Ok(canonical) = fs::canonicalize(&path) {
            let called = self.names.entry(canonical).or_insert_with(|| name.to_owned());
            if called != name {
                return Ok(Parsed::from_file_descriptor_proto(alias(name, called)));
            }
        }
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) => return Err(self.fail(error)),
        };
        let edition = edition_statement(&text).map(|(at, width)| place(&path, &text, at, width));
        let parsed = Parsed::from_source(name, &text);
        self.texts.insert(name.to_owned(), (path, text));
        match edition {
            Some(place) => Err(self.fail(SchemaError::EditionSource { place })),
            None => parsed,
        }
    }

    fn fail(&mut self, error: SchemaError) -> protox::Error {
        let words = error.to_string();
        self.failure = Some(error);
        protox::Error::new(words)
    }

    /// The compiler's error, with the path that the user knows.
    fn explain(&mut self, error: &protox::Error) -> SchemaError {
        if let Some(failure) = self.failure.take() {
            return failure;
        }
        let text = error.file().and_then(|name| self.texts.get(name));
        let label = error.labels().and_then(|mut labels| labels.next());
        let place = match (text, label) {
            (Some((path, text)), Some(label)) => Some(place(path, text, label.offset(), label.len())),
            (Some((path, _)), None) => Some(Place::named(path.display().to_string())),
            (None, _) => None,
        };
        if let (true, Some(name)) = (error.is_file_not_found(), self.missing.take()) {
            return SchemaError::MissingImport {
                place,
                name,
                looked_in: self.folders.clone(),
            };
        }
        SchemaError::Compile {
            place,
            message: error.to_string(),
            help: error.help().map(|help| help.to_string()),
        }
    }
}

struct Resolver(Rc<RefCell<Search>>);

impl FileResolver for Resolver {
    fn open_file(&self, name: &str) -> Result<Parsed, protox::Error> {
        self.0.borrow_mut().open(name)
    }
}

/// A path as the name of a file: its components alone.
fn normal(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        })
        .collect();
    parts.join("/")
}

/// A file of the name `name` that only stands for `called`.
fn alias(name: &str, called: &str) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: vec![called.to_owned()],
        public_dependency: vec![0],
        ..FileDescriptorProto::default()
    }
}

fn read(path: &Path) -> Result<String, SchemaError> {
    let failed = |source| SchemaError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::new();
    file.take((LIMIT << 20) + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LIMIT << 20 {
        return Err(SchemaError::TooLarge {
            name: path.display().to_string(),
            limit: LIMIT,
        });
    }
    let text = String::from_utf8(bytes).ok();
    // Descriptors of short names may be UTF-8.
    let text = text.filter(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
    text.ok_or_else(|| SchemaError::NotText {
        path: path.to_owned(),
    })
}

/// Offset and length of `edition = "…"`, which must be a file's first statement.
fn edition_statement(text: &str) -> Option<(usize, usize)> {
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n')?.1;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else {
            break;
        }
    }
    let value = rest.strip_prefix("edition")?.trim_start().strip_prefix('=')?;
    let end = value.find([';', '\n']).unwrap_or(value.len());
    Some((text.len() - rest.len(), rest.len() - value.len() + end))
}

/// The place of a byte offset. Columns count characters.
fn place(path: &Path, text: &str, offset: usize, length: usize) -> Place {
    let offset = text.floor_char_boundary(offset);
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_text = text[start..].lines().next().unwrap_or_default();
    let in_line = offset - start;
    let end = line_text
        .floor_char_boundary((in_line + length).min(line_text.len()))
        .max(in_line.min(line_text.len()));
    let width = line_text
        .get(in_line..end)
        .map_or(1, |marked| marked.chars().count().max(1));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        source: path.display().to_string(),
        span: Some(Span {
            line: count(before.matches('\n').count() + 1),
            column: count(text[start..offset].chars().count() + 1),
            width: count(width),
            text: line_text.to_owned(),
        }),
    }
}
