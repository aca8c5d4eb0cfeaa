//! Rows of templates and what sprig 2.22 makes of them, beyond those that Iter8's own tables have.

use super::super::super::{Absent, Functions, Random, Template, TemplateError, Value};

fn render(text: &str) -> Result<String, TemplateError> {
    let data = Value::from_json(serde_json::json!({ "map": { "a": 1 }, "n": 5 })).expect("data");
    Template::parse(text, Functions::Iter8)?.render_value(&data, &mut Random::seeded(1))
}

#[rustfmt::skip] // a table
const ROWS: &[(&str, &str)] = &[
    (r#"{{ regexMatch "^a.c$" "abc" }} {{ regexFind "[a-c]+" "zzabcz" }} {{ regexFindAll "[0-9]" "a1b2c3" -1 }} {{ regexFindAll "[0-9]" "a1b2c3" 2 }}"#, "true abc [1 2 3] [1 2]"),
    (r#"{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }} {{ regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}" }} {{ regexSplit "z+" "pizza" -1 }}"#, "-W-xxW- -${1}-${1}- [pi a]"),
    (r#"{{ semverCompare "^1.2.0" "1.4.3" }} {{ semverCompare "~1.2.3" "1.2.9" }} {{ semverCompare "~1.2.3" "1.3.0" }} {{ semverCompare ">=1.2, <2" "2.0.0" }} {{ semverCompare "1.2.x || 3" "3.1.4" }} {{ semverCompare "^0.2" "0.3.0" }} {{ semverCompare ">1.0.0" "1.1.0-beta" }}"#, "true true false false true false false"),
    (r#"{{ semver "v1.2" }} {{ semver "1.2.3-beta.1+b4" }}"#, "1.2.0 1.2.3-beta.1+b4"),
    (r#"{{ abbrevboth 5 10 "1234 5678 9123" }} {{ abbrev 3 "hello" }} {{ wrapWith 5 "|" "HelloWorld" }} {{ initials "First Try" }}"#, "...5678... hello Hello|World FT"),
    (r#"{{ sha1sum "Hello world!" }} {{ adler32sum "Hello world!" }} {{ b32enc "hello!" }} {{ b32enc "hello!" | b32dec }}"#, "d3486ae9136e7856bc42212385ea797094475802 487130206 NBSWY3DPEE====== hello!"),
    (r#"{{ sha1sum (repeat 200 "a") }}"#, "e61cfffe0d9195a525fc6cf06ca2d77119c24a40"),
    (r#"{{ toDate "2006-01-02" "2017-12-31" | date "02/01/2006" }} {{ dateModify "-1.5h" (toDate "2006-01-02 15:04" "2020-01-01 12:00") | date "15:04" }} {{ htmlDateInZone (toDate "2006-01-02" "2020-02-29") "UTC" }}"#, "31/12/2017 10:30 2020-02-29"),
    (r#"{{ $d := dict "a" 1 }}{{ $_ := set $d "b" 2 }}{{ $d.b }}{{ $_ := unset $d "a" }} {{ keys $d }} {{ set (dict) "x" 1 }}"#, "2 [b] map[x:1]"),
    (r#"{{ merge (dict "a" 1) (dict "a" 2 "b" 3) | toJson }} {{ mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) | toJson }}"#, r#"{"a":1,"b":3} {"a":2,"b":3}"#),
    (r#"{{ pluck "a" (dict "a" 1) (dict "a" 2) (dict) }} {{ slice (list 1 2 3) 1 }} {{ sortAlpha (list 3 "b" "a") }} {{ toStrings (list 1 2) }}"#, "[1 2] [2 3] [3 a b] [1 2]"),
    (r#"{{ base "/a/b/" }} {{ dir "/a/b" }} {{ clean "a/../b/./c" }} {{ clean "/.." }} {{ ext "a.tar.gz" }}"#, "b /a b/c / .gz"),
    (r#"{{ urlJoin (dict "scheme" "http" "host" "host:80" "path" "/path" "query" "query" "fragment" "fragment") }}"#, "http://host:80/path?query#fragment"),
    (r#"{{ dict "a" (list 1 "x" (dict "b" true "c" nil)) "c" "yes" "d" "" "e" "a: b" "f" (list) "g" "1.5" | toYaml }}"#, "a:\n- 1\n- x\n- b: true\n  c: null\nc: \"yes\"\nd: \"\"\ne: 'a: b'\nf: []\ng: \"1.5\""),
    (r#"{{ list "a" (list "b" "c") | toYaml }}"#, "- a\n- - b\n  - c"),
    (r#"{{ dict "a" (list) "b" (dict) "c" (list 1) | toPrettyJson }}"#, "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1\n  ]\n}"),
    (r#"{{ typeIs "string" "a" }} {{ typeIsLike "int" 1 }} {{ deepEqual (list 1 2) (list 1 2) }} {{ deepEqual (dict "a" 1) (dict "a" 1.0) }} {{ typeOf nil }}"#, "true true true false <nil>"),
    (r#"{{ snakecase "HTTPServer" }} {{ kebabcase "some name" }} {{ camelcase "http_server" }} {{ swapcase "aB" }}"#, "http_server some-name HttpServer Ab"),
    (r#"{{ .n }} {{ .map.missing.deeper }} {{ splitn "$" 2 "a$b$c" }}"#, "5 <no value> map[_0:a _1:b$c]"),
];

#[test]
fn rows_come_to_what_sprig_makes_of_them() {
    let wrong: Vec<String> = ROWS
        .iter()
        .filter_map(|(template, wanted)| {
            let found = render(template);
            (found.as_deref() != Ok(*wanted))
                .then(|| format!("{template}\n  sprig: {wanted}\n  here:  {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_refused_says_what_to_do() {
    for (template, hint) in [
        (r#"{{ env "HOME" }}"#, "do not see the environment"),
        (r#"{{ genCA "x" 1 }}"#, "make no keys"),
        (r#"{{ fromJson "1" }}"#, "sprig 2.22"),
        (r#"{{ uper "x" }}"#, "did you mean `upper`?"),
        (r#"{{ set .map "b" 2 }}"#, "copy it first"),
    ] {
        let error = render(template).expect_err(template);
        assert!(
            error.hint.as_deref().is_some_and(|found| found.contains(hint)),
            "{template}: {error:?}"
        );
    }
}

#[test]
fn absent_values_are_printed_as_in_go_or_refused() {
    let template = Template::parse(
        "{{ .gone }}|{{ default 1 .gone }}|{{ if .gone }}x{{ end }}",
        Functions::Iter8,
    )
    .expect("a template");
    let data = Value::from_json(serde_json::json!({})).expect("data");
    let rendered = |absent| template.render_with(&data, absent, &mut Random::seeded(1));
    assert_eq!(rendered(Absent::Printed).as_deref(), Ok("<no value>|1|"));
    assert_eq!(
        rendered(Absent::Refused).expect_err("refused").message,
        "there is no value to print for `.gone`"
    );
}

#[test]
fn work_without_end_is_an_error_or_small() {
    for template in [
        r#"{{ $x := repeat 1000000 "x" }}{{ range until 100 }}{{ $x = regexReplaceAll "x" $x $x }}{{ end }}"#,
        r#"{{ wrapWith 1 (repeat 100000 "y") (repeat 100000 "x") }}"#,
        r#"{{ $d := dict }}{{ range until 100 }}{{ $_ := set $d "a" (list $d $d) }}{{ end }}{{ $d | toYaml }}"#,
        r#"{{ regexMatch "(a{1000}){1000}" "x" }}"#,
        "{{ uniq (until 5000) }}",
    ] {
        assert!(render(template).is_err(), "{template}");
    }
}
