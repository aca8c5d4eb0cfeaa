//! [`unpack`]: the files of a case out of the one that they are kept in.

use std::collections::BTreeMap;

/// Files by name; each begins with a line `-- NAME --`.
pub(crate) fn unpack(text: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut name = String::new();
    for line in text.split_inclusive('\n') {
        let inner = line
            .trim_end()
            .strip_prefix("-- ")
            .and_then(|rest| rest.strip_suffix(" --"));
        match inner {
            Some(next) => next.clone_into(&mut name),
            None => files.entry(name.clone()).or_default().push_str(line),
        }
    }
    files
}
