//! Templates: as Go renders them, what ghz adds, what is said of mistakes, and what hostile ones cannot do.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::*;

/// What ghz lets a template know of a call.
#[derive(Debug, Clone)]
struct Call;

impl Record for Call {
    fn field(&self, name: &str) -> Option<Value> {
        let at = Timestamp::new(1_700_000_000, 123_456_789).unwrap();
        Some(match name {
            "WorkerID" => "w3".into(),
            "RequestNumber" => Value::Int(7),
            "FullyQualifiedName" => "t.Svc.Do".into(),
            "MethodName" => "Do".into(),
            "ServiceName" => "Svc".into(),
            "InputName" => "In".into(),
            "OutputName" => "Out".into(),
            "IsClientStreaming" => Value::Bool(false),
            "IsServerStreaming" => Value::Bool(true),
            "Timestamp" => layout::rfc3339(&at.to_zoned(TimeZone::UTC)).into(),
            "TimestampUnix" => Value::Int(at.as_second()),
            "TimestampUnixMilli" => Value::Int(at.as_millisecond()),
            "TimestampUnixNano" => Value::Int(i64::try_from(at.as_nanosecond()).unwrap()),
            "UUID" => uuid_text(Random::seeded(1).uuid()).into(),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        &["RequestNumber", "WorkerID", "UUID"]
    }
}

fn render(text: &str) -> Result<String, TemplateError> {
    Template::parse(text, Functions::All)?.render(Call, &mut Random::seeded(2))
}

/// `cases.jsonl` has what `text/template` of Go 1.26 with sprig 3.2.3 made of each template.
#[test]
fn templates_render_as_in_go() {
    let cases = include_str!("cases.jsonl");
    assert!(cases.lines().count() > 90);
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let template = case["template"].as_str().unwrap();
        let found = render(template);
        let same = match (&found, case["text"].as_str()) {
            (Ok(text), Some(wanted)) => text == wanted,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            wrong.push(format!("{template}\n  Go:   {}\n  here: {found:?}", case["text"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_template_without_actions_is_constant() {
    for (text, is_constant) in [
        ("{\"a\": 1}", true),
        ("", true),
        ("{ {", true),
        ("{{/* a comment */}}x", true),
        ("{{.UUID}}", false),
        ("{{if true}}x{{end}}", false),
    ] {
        let template = Template::parse(text, Functions::All).unwrap();
        assert_eq!(template.is_constant(), is_constant, "{text}");
    }
}

#[test]
fn chance_is_that_of_the_source() {
    let text = "{{newUUID}} {{uuidv4}} {{randomString 8}} {{randomInt 5 9}} {{randAlpha 3}} {{.UUID}}";
    let first = render(text).unwrap();
    assert_eq!(first, render(text).unwrap());
    let parts: Vec<&str> = first.split(' ').collect();
    for uuid in [parts[0], parts[1], parts[5]] {
        let sections: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(sections, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
    assert_ne!(parts[0], parts[1]);
    assert_eq!(parts[2].len(), 8);
    assert!((5..9).contains(&parts[3].parse::<i32>().unwrap()));
}

#[test]
fn random_numbers_and_lengths_reach_their_bounds() {
    let template = Template::parse("{{randomInt 0 3}} {{len (randomString 0)}}", Functions::All).unwrap();
    let mut random = Random::seeded(3);
    let (mut numbers, mut lengths) = (
        std::collections::BTreeSet::new(),
        std::collections::BTreeSet::new(),
    );
    for _ in 0..2_000 {
        let text = template.render(Call, &mut random).unwrap();
        let (number, length) = text.split_once(' ').unwrap();
        numbers.insert(number.parse::<u32>().unwrap());
        lengths.insert(length.parse::<u32>().unwrap());
    }
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(
        lengths.into_iter().collect::<Vec<_>>(),
        (2..=16).collect::<Vec<_>>()
    );
}

#[test]
fn odd_bounds_of_random_numbers_are_those_of_ghz() {
    assert_eq!(render("{{randomInt -5 0}}").unwrap(), "0");
    assert!(
        render("{{randomInt 5 5}}")
            .unwrap_err()
            .to_string()
            .contains("is empty")
    );
    assert!(render("{{randomInt 5 0}}").is_err());
}

#[test]
fn mistakes_have_line_and_column_and_what_was_meant() {
    for (text, error, hint) in [
        (
            "a\n  {{newUuid}}",
            "line 2, column 5 of the template: there is no function `newUuid`",
            Some("did you mean `newUUID`?"),
        ),
        (
            "é{{foo}}",
            "line 1, column 4 of the template: there is no function `foo`",
            None,
        ),
        (
            "{{.RequestNumbr}}",
            "line 1, column 3 of the template: there is no field `.RequestNumbr`",
            Some("did you mean `.RequestNumber`?"),
        ),
        (
            "{{randomInt 1}}",
            "line 1, column 3 of the template: `randomInt` takes 2 arguments, not 1",
            None,
        ),
        (
            "{{1 | upper | upper \"x\"}}",
            "line 1, column 15 of the template: `upper` takes 1 arguments, not 2",
            None,
        ),
        (
            "{{$count := 1}}{{$cout}}",
            "line 1, column 18 of the template: there is no variable `$cout`",
            Some("did you mean `$count`?"),
        ),
        (
            "x {{if true}}",
            "line 1, column 3 of the template: `if` has no `{{end}}`",
            None,
        ),
        (
            "{{range list 1}}{{else if true}}{{end}}",
            "line 1, column 24 of the template: expected `}}`, found `if`",
            None,
        ),
        (
            "{{.WorkerID",
            "line 1, column 1 of the template: the action is not closed: there is no `}}` after this `{{`",
            None,
        ),
        (
            "{{upper 5}}",
            "line 1, column 3 of the template: `upper`: argument 1 should be a string, not int",
            None,
        ),
        (
            "{{lt 1 \"a\"}}",
            "line 1, column 3 of the template: `lt`: a int and a string cannot be compared",
            None,
        ),
        (
            "{{define \"row\"}}{{end}}{{template \"rwo\"}}",
            "line 1, column 24 of the template: there is no template `rwo`",
            Some("did you mean `row`?"),
        ),
        (
            "{{ ? }}",
            "line 1, column 4 of the template: unexpected `?` in an action",
            None,
        ),
        (
            "{{99999999999999999999}}",
            "line 1, column 3 of the template: 99999999999999999999 is too large for an integer",
            None,
        ),
    ] {
        let found = render(text).expect_err(text);
        assert_eq!(found.to_string(), error);
        assert_eq!(found.hint.as_deref(), hint, "{text}");
    }
}

#[test]
fn functions_can_be_switched_off() {
    let error = Template::parse("{{newUUID}}", Functions::BuiltIn).unwrap_err();
    assert_eq!(
        error.hint.as_deref(),
        Some("the functions of templates are switched off")
    );
    assert!(Template::parse("{{printf \"%d\" .RequestNumber}}", Functions::BuiltIn).is_ok());
}

#[test]
fn now_is_a_time_with_methods() {
    let seconds: i64 = render("{{now.Unix}}").unwrap().parse().unwrap();
    assert!(seconds > 1_700_000_000);
    let date = render("{{now | date \"2006\"}} {{now.Format \"2006\"}} {{unixEpoch now}}").unwrap();
    let parts: Vec<&str> = date.split(' ').collect();
    assert_eq!(parts[0], parts[1]);
    assert!(parts[2].parse::<i64>().unwrap() >= seconds);
    assert!(render("{{now.Nope}}").is_err());
}

#[test]
fn deep_nesting_is_an_error() {
    for text in [
        format!("{{{{{}1{}}}}}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{{{{{}", "(".repeat(100_000)),
        "{{if true}}".repeat(50_000),
        "{{if true}}{{else if false}}".to_owned() + &"{{else if false}}".repeat(50_000) + "{{end}}",
        "{{define \"x\"}}".repeat(50_000),
    ] {
        assert!(Template::parse(&text, Functions::All).is_err());
    }
}

#[test]
fn work_without_end_is_an_error() {
    for text in [
        "{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
        "{{range 1000000000}}{{end}}",
        "{{range 9223372036854775807}}x{{end}}",
        "{{range until 90000}}{{range until 90000}}x{{end}}{{end}}",
        "{{until 1000000000}}",
        "{{untilStep 0 9 0}}{{untilStep 0 9223372036854775807 1}}",
        "{{repeat 1000000000 \"xxxxxxxx\"}}",
        "{{printf \"%1000000000d\" 1}}",
        "{{randAlphaNum 1000000000}}",
        "{{indent 1000000000 \"x\"}}",
        "{{$x := repeat 1000000 \"x\"}}{{range 100}}{{$x}}{{end}}",
        "{{$x := repeat 1000000 \"x\"}}{{replace \"x\" $x $x}}",
        "{{$x := \"xx\"}}{{range 100}}{{$x = printf \"%s%s\" $x $x}}{{end}}",
        "{{$x := list 1}}{{range 100}}{{$x = concat $x $x}}{{end}}",
        "{{$x := list 1}}{{range 100}}{{$x = list $x $x}}{{end}}",
        "{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{$x}}",
        "{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{toJson $x}}",
        "{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{printf \"%d\" $x}}",
        "{{$x := dict}}{{range 100}}{{$x = dict \"a\" $x}}{{end}}",
    ] {
        assert!(render(text).is_err(), "{text}");
    }
}

#[test]
fn damaged_templates_never_panic() {
    let cases = include_str!("cases.jsonl");
    let templates: Vec<String> = cases
        .lines()
        .map(|line| {
            serde_json::from_str::<Json>(line).unwrap()["template"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut random = Random::seeded(4);
    for _ in 0..100 {
        for template in &templates {
            let mut chars: Vec<char> = template.chars().collect();
            for _ in 0..2 {
                let at = usize::try_from(random.below(chars.len() as u64)).unwrap();
                let other = usize::try_from(random.below(chars.len() as u64)).unwrap();
                match random.below(3) {
                    0 => chars[at] = chars[other],
                    1 => chars.insert(at, chars[other]),
                    _ if chars.len() > 1 => drop(chars.remove(at)),
                    _ => {}
                }
            }
            let text: String = chars.into_iter().collect();
            if let Ok(template) = Template::parse(&text, Functions::All) {
                let _ = template.render(Call, &mut random);
            }
        }
    }
}

#[test]
fn long_texts_that_functions_read_are_steps() {
    for call in ["len $t", "contains \"y\" $t", "$t | hasPrefix \"y\""] {
        let text = format!(
            "{{{{ $t := repeat 1000000 \"x\" }}}}{{{{ range until 90000 }}}}{{{{ $x := {call} }}}}{{{{ end }}}}"
        );
        let template = Template::parse(&text, Functions::Iter8).expect(call);
        let rendered = template.render_with(&Value::Nil, Absent::Refused, &mut Random::seeded(1));
        let error = rendered.expect_err(call);
        assert!(error.message.contains("steps"), "{call}: {error}");
    }
}

fn refused(text: &str) -> String {
    let template = Template::parse(text, Functions::Iter8).expect(text);
    let rendered = template.render_with(&Value::Nil, Absent::Refused, &mut Random::seeded(1));
    rendered.expect_err(text).message
}

#[test]
fn a_function_that_takes_any_number_of_lists_cannot_take_them_without_end() {
    let lists = "$l ".repeat(50_000);
    for (call, says) in [("concat", "more than"), ("without", "steps"), ("eq $l", "steps")] {
        let text = format!("{{{{ $l := until 100000 }}}}{{{{ {call} {lists} | len }}}}");
        let message = refused(&text);
        assert!(
            message.contains(says) || message.contains("steps"),
            "{call}: {message}"
        );
    }
    let maps = "$m ".repeat(200_000);
    let text = format!("{{{{ $m := dict \"a\" 1 \"b\" 2 }}}}{{{{ keys {maps} | len }}}}");
    assert!(refused(&text).contains("more than 100000 elements"));
}

#[test]
fn what_shares_its_parts_is_not_written_without_end() {
    // 2^20 elements below 20 lists, each of which would be indented.
    let mut text = "{{ $l := list 1 1 }}".to_owned();
    text.push_str(&"{{ $l = list $l $l }}".repeat(19));
    for function in [
        "toYaml",
        "toPrettyJson",
        "toJson",
        "toString",
        "printf \"%.9000d\"",
    ] {
        let message = refused(&format!("{text}{{{{ $l | {function} }}}}"));
        assert!(message.contains("a text of more than"), "{function}: {message}");
    }
}

#[test]
fn an_expression_is_held_against_no_text_that_would_take_too_long() {
    let large = "{{ $t := repeat 250000 \"ab\" }}";
    let message = refused(&format!("{large}{{{{ regexMatch \"(a|b){{5000}}c\" $t }}}}"));
    assert!(
        message.contains("too large for a text of 500000 bytes"),
        "{message}"
    );
    let render = |text: &str| {
        let template = Template::parse(text, Functions::Iter8).expect(text);
        template.render_with(&Value::Nil, Absent::Refused, &mut Random::seeded(1))
    };
    let found = render(&format!("{large}{{{{ regexMatch \"(a|b){{30}}c\" $t }}}}"));
    assert_eq!(found.as_deref(), Ok("false"));
    for (call, text) in [
        ("regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\"", "-W-xxW-"),
        (
            "regexReplaceAllLiteral \"a(x*)b\" \"-ab-axxb-\" \"${1}\"",
            "-${1}-${1}-",
        ),
        ("regexReplaceAll \"x*\" \"abc\" \"-\"", "-a-b-c-"),
        ("regexSplit \"z\" \"pizza\" 1", "[pizza]"),
        ("regexSplit \"z\" \"pizza\" -1", "[pi  a]"),
        ("regexFindAll \"[2,4,6,8]\" \"123456789\" 2", "[2 4]"),
        ("trimall \"$-\" \"$5-$\"", "5"),
    ] {
        assert_eq!(
            render(&format!("{{{{ {call} }}}}")).as_deref(),
            Ok(text),
            "{call}"
        );
    }
}
