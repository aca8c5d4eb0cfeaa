//! Edits: many shapes of YAML and JSON, what is refused, and that no other byte changes.

use proptest::prelude::*;

use super::*;

fn yaml(text: &str, path: &str, value: &str) -> Result<String, EditError> {
    Edit::Yaml(path.parse().expect(path)).apply(Some(text), value)
}

fn json(text: &str, pointer: &str, value: &str) -> Result<String, EditError> {
    Edit::Json(pointer.parse().expect(pointer)).apply(Some(text), value)
}

/// Text before, path, value, text after.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    ("tag: v1\n", "tag", "v2", "tag: v2\n"),
    ("tag: v1", "tag", "v2", "tag: v2"),
    (
        "tag:   v1   # the image\n",
        "tag",
        "v2",
        "tag:   v2   # the image\n",
    ),
    (
        "# a\nimage:\n    # b\n    tag: v1 # c\n    repo: x\n",
        "image.tag",
        "v2",
        "# a\nimage:\n    # b\n    tag: v2 # c\n    repo: x\n",
    ),
    (
        "image: {repo: x, tag: v1}\n",
        "image.tag",
        "v2",
        "image: {repo: x, tag: v2}\n",
    ),
    (
        "image: { repo: x, tag: v1 } # c\n",
        "image.tag",
        "v2",
        "image: { repo: x, tag: v2 } # c\n",
    ),
    (
        "image: {tag: v1, repo: x}\n",
        "image.tag",
        "a,b",
        "image: {tag: 'a,b', repo: x}\n",
    ),
    ("tag: \"v1\"\n", "tag", "v2", "tag: \"v2\"\n"),
    ("tag: 'v1'\n", "tag", "v2", "tag: 'v2'\n"),
    ("tag: 'v1'\n", "tag", "it's", "tag: 'it''s'\n"),
    ("tag: \"v1\"\n", "tag", "a\"b\\c", "tag: \"a\\\"b\\\\c\"\n"),
    ("tag: v1\n", "tag", "1.10", "tag: '1.10'\n"),
    ("tag: v1\n", "tag", "on", "tag: 'on'\n"),
    ("tag: v1\n", "tag", "null", "tag: 'null'\n"),
    ("tag: v1\n", "tag", "", "tag: ''\n"),
    ("tag: v1\n", "tag", "a: b # c", "tag: 'a: b # c'\n"),
    ("tag: v1\n", "tag", "two\nlines", "tag: \"two\\nlines\"\n"),
    ("tag: on\n", "tag", "off", "tag: 'off'\n"),
    ("tag: \"1.0\"\n", "tag", "1.1", "tag: \"1.1\"\n"),
    ("replicas: 3\n", "replicas", "5", "replicas: 5\n"),
    ("limit: 0.5 # s\n", "limit", "0.25", "limit: 0.25 # s\n"),
    ("limit: 250\n", "limit", "180.5", "limit: 180.5\n"),
    ("on: true\n", "on", "false", "on: false\n"),
    ("a: ~\nb: 1\n", "a", "x", "a: x\nb: 1\n"),
    ("a: null\n", "a", "x", "a: x\n"),
    (
        "a:\r\n  b: v1\r\n  c: 2\r\n",
        "a.b",
        "v2",
        "a:\r\n  b: v2\r\n  c: 2\r\n",
    ),
    (
        "- name: a\n  image: x:1\n- name: b\n  image: y:1\n",
        "[1].image",
        "y:2",
        "- name: a\n  image: x:1\n- name: b\n  image: y:2\n",
    ),
    (
        "l:\n  - name: a\n    image: x:1\n  - name: b\n    image: y:1\n",
        "l[name=b].image",
        "y:2",
        "l:\n  - name: a\n    image: x:1\n  - name: b\n    image: y:2\n",
    ),
    ("l:\n- 1\n- v1\n", "l.1", "v2", "l:\n- 1\n- v2\n"),
    ("l: [a, b , c]\n", "l[1]", "x", "l: [a, x , c]\n"),
    ("a.b/c: v1\n", "\"a.b/c\"", "v2", "a.b/c: v2\n"),
    ("\"a b\": v1\n", "a b", "v2", "\"a b\": v2\n"),
    ("ä: ö\nb: ü # é\nc: 1\n", "b", "v2", "ä: ö\nb: v2 # é\nc: 1\n"),
    ("\u{feff}tag: v1\n", "tag", "v2", "\u{feff}tag: v2\n"),
    ("---\ntag: v1\n...\n", "tag", "v2", "---\ntag: v2\n...\n"),
    ("# head\n---\ntag: v1\n", "tag", "v2", "# head\n---\ntag: v2\n"),
    (
        "kind: A\n---\nkind: B\ntag: v1\n---\nkind: C\n",
        "tag",
        "v2",
        "kind: A\n---\nkind: B\ntag: v2\n---\nkind: C\n",
    ),
    (
        "---\r\nkind: A\r\n---\r\ntag: v1\r\n",
        "tag",
        "v2",
        "---\r\nkind: A\r\n---\r\ntag: v2\r\n",
    ),
    ("a: &x v1\nb: *x\n", "b", "v2", "a: &x v1\nb: v2\n"),
    (
        "text: |\n  tag: v1\n\n  --- no\ntag: v1\n",
        "tag",
        "v2",
        "text: |\n  tag: v1\n\n  --- no\ntag: v2\n",
    ),
    (
        "image: ghcr.io/acme/shop:v1\n",
        "image",
        "ghcr.io/acme/shop:v2",
        "image: ghcr.io/acme/shop:v2\n",
    ),
    ("? tag\n: v1\n", "tag", "v2", "? tag\n: v2\n"),
    (
        "tag: v1\ntags: v1\nx: {tag: v1}\n",
        "x.tag",
        "v2",
        "tag: v1\ntags: v1\nx: {tag: v2}\n",
    ),
    ("tag: v1\n", "tag", "v1", "tag: v1\n"),
];

#[test]
fn one_value_changes_and_everything_else_stays() {
    for (before, path, value, after) in CHANGES {
        let changed = yaml(before, path, value);
        assert_eq!(changed.as_deref(), Ok(*after), "{before:?} {path} {value:?}");
    }
}

/// Text, path, value, a part of why it is refused.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("tag: v1\n", "tga", "v2", "no `tga`; did you mean `tag`?"),
    ("image:\n  tag: v1\n", "image.tag.x", "v2", "no `image.tag.x`"),
    ("image:\n  tag: v1\n", "image", "v2", "is a map"),
    ("image: [v1]\n", "image", "v2", "is a list"),
    ("image: [v1]\n", "image[3]", "v2", "no `image.[3]`"),
    ("image: {}\n", "image", "v2", "is a map"),
    ("l: [{n: a}, {n: a}]\n", "l[n=a].n", "b", "several"),
    ("tag: v1\n---\ntag: v1\n", "tag", "v2", "several of its documents"),
    ("replicas: 3\n", "replicas", "v2", "is a number, and `v2` is not"),
    ("tag: 1.10\n", "tag", "v2", "put the one in the file in quotes"),
    ("replicas: 3\n", "replicas", "3 # x", "is a number"),
    ("on: true\n", "on", "yes", "is a boolean"),
    ("a: &x v1\nb: *x\n", "a", "v2", "`b` too"),
    ("a: &x {t: v1}\nb: *x\n", "a.t", "v2", "`b.t` too"),
    ("a: |\n  v1\n", "a", "v2", "not changed safely"),
    ("a: >-\n  v1\n  v2\n", "a", "v2", "not changed safely"),
    ("a: v1\n  v2\n", "a", "v3", "not changed safely"),
    ("a:\nb: 1\n", "a", "v2", "not changed safely"),
    ("tag: v1\ntag: v1\n", "tag", "v2", "duplicate"),
    ("tag: [v1\n", "tag", "v2", "not usable YAML"),
    ("tag: {{ .Values.tag }}\n", "tag", "v2", "YAML"),
    ("a: 1\nb: c: d\n", "a", "2", "not usable YAML"),
    ("", "tag", "v2", "no `tag`"),
    ("# only\n", "tag", "v2", "no `tag`"),
    ("just text\n", "tag", "v2", "no `tag`"),
];

#[test]
fn what_cannot_be_changed_alone_is_refused() {
    for (text, path, value, why) in REFUSED {
        let error = yaml(text, path, value).expect_err(text);
        assert!(error.to_string().contains(why), "{text:?} {path}: {error}");
    }
}

#[test]
fn merged_keys_and_tags_are_changed_alone_or_not_at_all() {
    for (text, path) in [
        ("base: &b\n  tag: v1\nshop:\n  <<: *b\n", "base.tag"),
        ("base: &b\n  tag: v1\nshop:\n  <<: *b\n", "shop.tag"),
        ("tag: !!str v1\n", "tag"),
        ("tag: !custom v1\n", "tag"),
        ("a: &x v1\n", "a"),
        ("%YAML 1.2\n---\ntag: v1\n", "tag"),
    ] {
        if let Ok(changed) = yaml(text, path, "v2") {
            assert_eq!(changed.replace("v2", "v1"), text, "{path}");
            assert_eq!(changed.matches("v2").count(), 1, "{text}");
        }
    }
}

#[test]
fn json_keeps_its_form() {
    for (before, pointer, value, after) in [
        ("{\"tag\": \"v1\"}", "/tag", "v2", "{\"tag\": \"v2\"}"),
        (
            "{\n\t\"a\" : [ 1, {\"b\": \"v1\" } ],\n\"c\":1.50\n}\n",
            "/a/1/b",
            "v\"2",
            "{\n\t\"a\" : [ 1, {\"b\": \"v\\\"2\" } ],\n\"c\":1.50\n}\n",
        ),
        (
            "{\"a/b\":{\"c~d\":1}}",
            "/a~1b/c~0d",
            "2.5",
            "{\"a/b\":{\"c~d\":2.5}}",
        ),
        ("[true]", "/0", "false", "[false]"),
        ("{\"a\":null}", "/a", "x", "{\"a\":\"x\"}"),
        ("{\"a\":\"1\"}", "/a", "2", "{\"a\":\"2\"}"),
        ("\u{feff}{\"a\":\"1\"}", "/a", "2", "\u{feff}{\"a\":\"2\"}"),
    ] {
        assert_eq!(
            json(before, pointer, value).as_deref(),
            Ok(after),
            "{before} {pointer}"
        );
    }
    for (text, pointer, value, why) in [
        ("{\"a\":1}", "/b", "2", "no `/b`"),
        ("{\"a\":1}", "/a/0", "2", "no `/a/0`"),
        ("{\"a\":1}", "/a", "v2", "is a number"),
        ("{\"a\":true}", "/a", "1", "is a boolean"),
        ("{\"a\":{}}", "/a", "1", "is a map"),
        ("{\"a\":[]}", "/a", "1", "is a list"),
        ("{\"a\":1,\"a\":2}", "/a", "3", "several"),
        ("{\"a\":1,}", "/a", "3", "not usable JSON"),
        ("// x\n{\"a\":1}", "/a", "3", "not usable JSON"),
    ] {
        let error = json(text, pointer, value).expect_err(text);
        assert!(error.to_string().contains(why), "{text} {pointer}: {error}");
    }
}

#[test]
fn texts_are_replaced_once_and_not_again() {
    let replace = |text: &str, old: &str, new: &str| Edit::Replace(old.into()).apply(Some(text), new);
    assert_eq!(replace("a v1 b v1", "v1", "v2").as_deref(), Ok("a v2 b v2"));
    assert_eq!(replace("tag v1", "v1", "v1.1").as_deref(), Ok("tag v1.1"));
    assert_eq!(
        replace("tag v1.1, v1", "v1", "v1.1").as_deref(),
        Ok("tag v1.1, v1.1")
    );
    assert_eq!(
        replace("tag v2", "v1", "v2").as_deref(),
        Ok("tag v2"),
        "it is done already"
    );
    assert_eq!(replace("a v1", "v1", "").as_deref(), Ok("a "));
    assert!(replace("tag v3", "v1", "v2").is_err());
    assert!(replace("tag v3", "v1", "").is_err());
}

#[test]
fn only_a_whole_file_can_be_new() {
    assert_eq!(Edit::Whole.apply(None, "x").as_deref(), Ok("x"));
    assert_eq!(
        Edit::Replace("a".into()).apply(None, "x"),
        Err(EditError::Missing)
    );
}

#[test]
fn hostile_files_are_refused_and_do_not_crash() {
    for text in [
        "[".repeat(20_000),
        "- ".repeat(20_000),
        "{a: ".repeat(20_000),
        "---\n".repeat(2_000),
    ] {
        assert!(yaml(&text, "a", "x").is_err());
        assert!(json(&text, "/a", "x").is_err());
    }
}

/// A value as people write one, with its meaning.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9.-]{0,8}".prop_map(|text| text),
        "[0-9]{1,4}",
        "'[a-z #:]{0,6}'",
        "\"[a-z #:,{}]{0,6}\"",
        Just("true".to_owned()),
        Just("on".to_owned()),
        Just("1.10".to_owned()),
    ]
}

proptest! {
    #[test]
    fn everything_but_the_value_stays_byte_for_byte(
        before in proptest::collection::vec((scalar(), "( # [a-z]{0,4})?"), 0..5),
        old in "[a-z][a-z0-9]{0,6}",
        after in proptest::collection::vec((scalar(), "( # [a-z]{0,4})?"), 0..5),
        new in "[ -~äé\\n]{0,12}",
        flow in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let lines = |name: &str, rows: &[(String, String)]| -> String {
            let mut text = String::new();
            for (n, (value, comment)) in rows.iter().enumerate() {
                text.push_str(&format!("{name}{n}: {value}{comment}{end}"));
            }
            text
        };
        let (open, close) = if flow { ("x: {k: ", "} # c") } else { ("x:\n    k: ", " # c") };
        let head = format!("{}{open}", lines("a", &before));
        let tail = format!("{close}{end}{}", lines("b", &after));
        // A word that YAML 1.1 takes for a boolean is a string here, and stays one.
        prop_assume!(!["true", "false", "null"].contains(&old.as_str()));
        let text = format!("{head}{old}{tail}");
        let changed = yaml(&text, "x.k", &new).expect(&text);
        prop_assert!(changed.starts_with(&head) && changed.ends_with(&tail), "{changed:?}");
        let root = crate::spec::Node::parse(&crate::spec::SourceFile::new("", &changed)).expect("YAML");
        let value = root.get("x").and_then(|x| x.get("k")).map(|node| node.value.clone());
        prop_assert_eq!(value, Some(crate::spec::Value::String(new)));
    }

    #[test]
    fn no_text_makes_an_edit_panic(text in "(\\PC|[\\n\\-:#'\"|>&*{}\\[\\], ]){0,60}", value in "\\PC{0,8}") {
        let _ = yaml(&text, "a", &value);
        let _ = yaml(&text, "[0].a", &value);
        let _ = json(&text, "/a", &value);
    }
}
