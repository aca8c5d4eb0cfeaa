//! Tests of Helm's grammar: what its own parser gives for the same text.

use super::*;
use crate::charts::written;

fn set_with(flag: Flag, texts: &[&str]) -> Result<String, String> {
    let mut values = Node::map("flags", Vec::new());
    let mut read = |path: &str| match path {
        "payload.txt" => Ok("line one\n${two}\n".to_owned()),
        other => Err(format!("{other}: not there")),
    };
    for text in texts {
        apply(&mut values, flag, text, &mut read)?;
    }
    Ok(written(&values))
}

fn set(text: &str) -> Result<String, String> {
    set_with(Flag::Set, &[text])
}

#[test]
fn values_have_the_types_that_helm_guesses() {
    for (text, expected) in [
        ("a=1", "a: 1\n"),
        ("a=-5", "a: -5\n"),
        ("a=0", "a: 0\n"),
        ("a=007", "a: \"007\"\n"),
        ("a=0.5", "a: \"0.5\"\n"),
        ("a=TRUE", "a: true\n"),
        ("a=false", "a: false\n"),
        ("a=yes", "a: \"yes\"\n"),
        ("a=", "a: \"\"\n"),
        ("a=1e3", "a: \"1e3\"\n"),
        ("a=99999999999999999999", "a: \"99999999999999999999\"\n"),
        ("a=one=two", "a: one=two\n"),
        ("a= b ", "a: \" b \"\n"),
    ] {
        assert_eq!(set(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn several_assignments_are_separated_by_commas() {
    assert_eq!(set("a=1,b.c=2,").as_deref(), Ok("a: 1\nb:\n  c: 2\n"));
    assert_eq!(set("a={x,z},b=1").as_deref(), Ok("a:\n  - x\n  - z\nb: 1\n"));
    assert_eq!(set("").as_deref(), Ok("{}\n"));
}

#[test]
fn keys_nest_and_escapes_keep_what_would_end_them() {
    assert_eq!(
        set(r"assess.SLOs.upper.http/latency-p97\.5=40").as_deref(),
        Ok("assess:\n  SLOs:\n    upper:\n      http/latency-p97.5: 40\n")
    );
    assert_eq!(set(r"h.x\.y=a\,b").as_deref(), Ok("h:\n  x.y: a,b\n"));
    assert_eq!(set(r"a\=b=1").as_deref(), Ok("a=b: 1\n"));
    assert_eq!(set(r"a={x\,y,z\}}").as_deref(), Ok("a:\n  - x,y\n  - z}\n"));
}

#[test]
fn lists_have_indexes_and_grow() {
    assert_eq!(
        set("a[0].lower=500,a[1].upper=99").as_deref(),
        Ok("a:\n  - lower: 500\n  - upper: 99\n")
    );
    assert_eq!(set("a[1]=x").as_deref(), Ok("a:\n  - null\n  - x\n"));
    assert_eq!(set("a[0][1]=x").as_deref(), Ok("a:\n  - - null\n    - x\n"));
    assert_eq!(
        set_with(Flag::Set, &["a={x,y}", "a[1]=z"]).as_deref(),
        Ok("a:\n  - x\n  - z\n")
    );
}

#[test]
fn a_list_may_be_empty_in_its_only_item() {
    assert_eq!(set("tasks={}").as_deref(), Ok("tasks:\n  - \"\"\n"));
}

#[test]
fn null_removes_and_a_map_can_follow_it() {
    assert_eq!(set("a.b=null").as_deref(), Ok("a:\n  b: null\n"));
    assert_eq!(
        set_with(Flag::Set, &["a=null", "a.b=1"]).as_deref(),
        Ok("a:\n  b: 1\n")
    );
}

#[test]
fn strings_stay_strings_and_files_are_read() {
    assert_eq!(
        set_with(Flag::SetString, &["a=1,b=true,c=null"]).as_deref(),
        Ok("a: \"1\"\nb: \"true\"\nc: \"null\"\n")
    );
    assert_eq!(
        set_with(Flag::SetFile, &["a=payload.txt"]).as_deref(),
        Ok("a: |\n  line one\n  $${two}\n")
    );
    assert_eq!(
        set_with(Flag::SetFile, &["a=other.txt"]),
        Err("other.txt: not there".into())
    );
}

#[test]
fn mistakes_are_found_where_helm_finds_them() {
    for (text, expected) in [
        ("tasks={http", "the list of `tasks` does not end with `}`"),
        ("a", "the key `a` has no value"),
        ("a.b", "the key `a.b` has no value"),
        ("a,b=1", "the key `a` has no value"),
        ("a[x]=1", "the index `x` of `a`: invalid digit found in string"),
        ("a[-1]=1", "an index cannot be negative: -1"),
        (
            "a[65537]=1",
            "the index 65537 is larger than 65536, the largest there is",
        ),
        ("a[0=1", "the index of `a` does not end with `]`"),
        ("a[0]", "`a[0]` has no value"),
        ("a[0]b=1", "`b` after the index of `a[0]`"),
        ("a=1,a.b=2", "`a` is a string already, and no map"),
        ("a={x},a.b=2", "`a` is a list already, and no map"),
        ("a.b=1,a[0]=2", "`a` is a map already, and no list"),
    ] {
        assert_eq!(set(text), Err(expected.to_owned()), "{text}");
    }
    let deep = format!("{}a=1", "a.".repeat(31));
    assert!(set(&deep).expect_err("deep").contains("more than 30"), "{deep}");
    assert!(set(&format!("{}a=1", "a.".repeat(30))).is_ok());
}

#[test]
fn no_text_makes_it_panic_or_run_forever() {
    let letters = ['a', '.', '[', ']', '{', '}', ',', '=', '\\', '0', '-', 'ä'];
    let mut state = 7_u32;
    for _ in 0..20_000 {
        let text: String = (0..12)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                letters[(state >> 16) as usize % letters.len()]
            })
            .collect();
        let _ = set(&text);
    }
}
