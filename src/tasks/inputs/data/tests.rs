//! Rows written out and in files, and what is wrong with them.

use std::path::Path;

use super::*;
use crate::secret::Mask;
use crate::spec::SourceFile;

/// All rows, as `column=value` pairs.
fn table(rows: &Rows) -> Vec<String> {
    let row = |row: usize| {
        let values = rows.columns().iter().enumerate();
        let pairs: Vec<String> = values
            .map(|(column, name)| format!("{name}={}", rows.value(row, column)))
            .collect();
        pairs.join(" ")
    };
    (0..rows.len()).map(row).collect()
}

/// The rows of YAML, or `place: message` for each mistake.
fn decode(text: &str) -> Result<Vec<String>, Vec<String>> {
    decode_in(Path::new("."), text, &Mask::default())
}

fn decode_in(folder: &Path, text: &str, mask: &Mask) -> Result<Vec<String>, Vec<String>> {
    let source = SourceFile::new("e.yaml", text);
    let root = Node::parse(&source).expect("YAML");
    let environment = |name: &str| (name == "TOKEN").then(|| "hunter2-token".to_owned());
    let mut decoder = Decoder::new(&source, folder, &environment, mask.clone());
    crate::fields! {
        /// As in a task.
        struct Holder in "a holder" {
            /// Rows.
            data: Data = secret ["data"],
        }
    }
    let holder = Holder::decode(&root, &mut decoder).expect("a map");
    match holder.data {
        Some(data) if !decoder.has_errors() => Ok(table(&data.load().expect("rows"))),
        _ => Err(decoder
            .into_diagnostics()
            .iter()
            .map(|found| {
                let place = found.place.as_ref().map(ToString::to_string);
                format!("{}: {}", place.unwrap_or_default(), found.message)
            })
            .collect()),
    }
}

fn parse(parse: fn(&[u8]) -> Result<Rows, Wrong>, text: &str) -> Result<Vec<String>, String> {
    match parse(text.as_bytes()) {
        Ok(rows) => Ok(table(&rows)),
        Err(Wrong { line, why }) => Err(format!("{}: {why}", line.unwrap_or_default())),
    }
}

#[test]
fn rows_of_the_experiment_are_read_as_they_are_written() {
    let text = "data:\n- {id: 1, n: 1.50, s: 'a b', b: true}\n- {s: '007', b: false, n: 1e3, id: -2}\n- {id: 0x10, n: [1, {a: x}], s: '', b: {c: null}}\n";
    assert_eq!(
        decode(text),
        Ok(vec![
            "id=1 n=1.50 s=a b b=true".to_owned(),
            "id=-2 n=1e3 s=007 b=false".to_owned(),
            "id=0x10 n=[1,{\"a\":\"x\"}] s= b={\"c\":null}".to_owned(),
        ])
    );
}

#[test]
fn values_from_the_environment_are_secrets() {
    let mask = Mask::default();
    let rows = decode_in(Path::new("."), "data: [{t: 'x ${TOKEN}', u: open-text}]", &mask);
    assert_eq!(rows, Ok(vec!["t=x hunter2-token u=open-text".to_owned()]));
    assert_eq!(mask.apply("hunter2-token open-text"), "*** open-text");
}

#[test]
fn every_mistake_in_the_experiment_has_its_place() {
    let rows: &[(&str, &[&str])] = &[
        ("data: []", &["e.yaml:1:7: there are no rows"]),
        (
            "data: 7",
            &["e.yaml:1:7: expected a list of rows or the path of a file, found a number"],
        ),
        (
            "data: [7]",
            &["e.yaml:1:8: expected a row: a map from columns to values, found a number"],
        ),
        ("data: [{}]", &["e.yaml:1:8: there are no columns"]),
        (
            "data: [{uuid: 1}]",
            &["e.yaml:1:8: a column cannot be called `uuid`: `{uuid}` is a new UUID for every request"],
        ),
        (
            "data:\n- {a: 1, b: 2}\n- {a: 1}\n- {a: 1, b: 2, c: 3}\n- {a: 1, b:}\n- 4\n",
            &[
                "e.yaml:3:3: `b` is missing in this row",
                "e.yaml:4:16: `c` is no column of the first row",
                "e.yaml:5:11: a value is missing",
                "e.yaml:6:3: expected a row: a map from columns to values, found a number",
            ],
        ),
        (
            "data: {a: 1}",
            &[
                "e.yaml:1:7: `data` needs `file`, or a list of rows",
                "e.yaml:1:8: unknown field `a` in `data`",
            ],
        ),
        (
            "data: [{a: '${NONE}'}]",
            &["e.yaml:1:12: the environment has no NONE"],
        ),
    ];
    for (text, expected) in rows {
        let mut found = decode(text).expect_err(text);
        for message in *expected {
            let at = found.iter().position(|found| found == message);
            found.remove(at.unwrap_or_else(|| panic!("{text}: {message} in {found:?}")));
        }
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn files_are_read_by_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: &[(&str, &[u8])] = &[
        ("a.csv", b"\xef\xbb\xbfid\n1\n"),
        ("a.json", b"\xef\xbb\xbf[{\"id\": 1}]"),
        ("a.jsonl", b"{\"id\": 1}\n"),
        ("A.CSV", b"id\n1\n"),
        ("empty.csv", b"id\n"),
        ("empty.json", b"[]"),
        ("binary.csv", b"id\nok\n\xff\n"),
        ("short.csv", b"id,name\n1,a\n2\n"),
        ("a.txt", b"id\n1\n"),
    ];
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    let read = |text: &str| decode_in(folder.path(), text, &Mask::default());
    for good in [
        "data: a.csv",
        "data: {file: a.csv}",
        "data: a.json",
        "data: a.jsonl",
        "data: A.CSV",
    ] {
        assert_eq!(read(good), Ok(vec!["id=1".to_owned()]), "{good}");
    }
    for (name, why) in [
        ("empty.csv", ": there are no rows"),
        ("empty.json", ": there are no rows"),
        ("binary.csv", ":3: not UTF-8"),
        ("short.csv", ":3: columns: 2, values in this row: 1"),
        (
            "a.txt",
            ": rows are read from files that end in .csv, .json or .jsonl",
        ),
    ] {
        let found = read(&format!("data: {{file: {name}}}")).expect_err(name);
        let path = folder.path().join(name);
        assert_eq!(found, [format!("e.yaml:1:14: {}{why}", path.display())]);
    }
    let missing = read("data: none.csv").expect_err("missing");
    assert!(
        missing[0].starts_with("e.yaml:1:7: cannot read ") && missing[0].contains("none.csv: No such file"),
        "{missing:?}"
    );
}

#[test]
fn csv_is_read_with_quotes_and_its_lines_are_known() {
    let text = "id , name\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2, d \r\n";
    let rows = vec!["id=1 name=a, \"b\"\nc".to_owned(), "id=2 name= d ".to_owned()];
    assert_eq!(parse(csv::parse, text), Ok(rows));
    for (text, why) in [
        ("", "1: there are no columns"),
        ("id,id\n", "1: two columns are called `id`"),
        ("id,,b\n", "1: column 2 has no name"),
        (
            "id,{b}\n",
            "1: a column cannot be called `{b}`: braces surround a name",
        ),
        ("id,b\n\"1\n\",2\n1,2,3\n", "4: columns: 2, values in this row: 3"),
    ] {
        assert_eq!(parse(csv::parse, text), Err(why.to_owned()), "{text:?}");
    }
}

#[test]
fn json_is_read_as_an_array_or_line_by_line() {
    let expected = Ok(vec![
        "id=1.50 name=\"é\"\n tags=[1, {\"a\": null}]".to_owned(),
        "id=null name= tags=true".to_owned(),
    ]);
    let first = r#"{"id": 1.50, "name": "\"\u00e9\"\n", "tags": [1, {"a": null}]}"#;
    let second = r#"{"tags": true, "name": "", "id": null}"#;
    assert_eq!(parse(json::parse, &format!(" [{first},\n{second}]\n")), expected);
    assert_eq!(parse(json::parse, &format!("{first}\n\n{second}\r\n")), expected);
    for (text, why) in [
        ("", "0: there are no rows"),
        ("[]", "0: there are no rows"),
        ("7", "1: invalid type: integer `7`, expected an object"),
        ("[{}]", "1: there are no columns"),
        (
            "[{\"a\": 1},\n{\"a\": 1, \"b\": 2}]",
            "2: `b` is no column of the first row",
        ),
        ("{\"a\": 1}\n\n{\"b\": 2}", "3: `b` is no column of the first row"),
        ("{\"a\": 1, \"b\": 2}\n{\"a\": 1}", "2: `b` is missing"),
        (
            "{\"a\": 1}\n{\"a\": 1, \"a\": 2}",
            "2: two columns are called `a`",
        ),
        ("{\"a\": 1, \"a\": 2}", "1: two columns are called `a`"),
        ("[{\"a\": 1}", "1: EOF while parsing a list"),
        ("[{\"a\": 1}] x", "1: trailing characters"),
        ("{\"a\": 1}\n{\"a\": 1} x", "2: trailing characters"),
        ("{\"a\": }", "1: expected value"),
    ] {
        assert_eq!(parse(json::parse, text), Err(why.to_owned()), "{text:?}");
    }
}
