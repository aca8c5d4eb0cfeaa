//! What is masked, and what is not.

use super::*;

#[test]
fn secrets_vanish_and_short_values_stay() {
    let mask = Mask::default();
    mask.add("abc");
    mask.add("hunter2-token");
    mask.add("hunter2");
    assert_eq!(mask.apply("abc hunter2-token hunter2"), "abc *** ***");
    assert_eq!(format!("{mask:?}").matches("hunter2").count(), 0);
}

#[test]
fn a_secret_is_masked_where_its_quotes_are_escaped() {
    let mask = Mask::default();
    mask.add(r#"it's "s3cret""#);
    for text in [
        r#"key: "it's \"s3cret\"""#,
        r#"key: 'it''s "s3cret"'"#,
        r#"it's "s3cret""#,
    ] {
        assert!(!mask.apply(text).contains("s3cret"), "{text}");
    }
}

#[test]
fn a_secret_is_masked_however_a_url_encodes_it() {
    let secret = "p\u{e4}ss w0rd/+=%{x}^'`|";
    let mask = Mask::default();
    mask.add(secret);
    let mut url: url::Url = "https://me@app.example/".parse().expect("a URL");
    url.set_username(secret).expect("a user");
    let mut forms = vec![url.to_string()];
    let mut url: url::Url = "https://app.example/".parse().expect("a URL");
    url.set_path(secret);
    forms.push(url.to_string());
    url.set_path("");
    url.path_segments_mut().expect("a path").push(secret);
    forms.push(url.to_string());
    url.set_query(Some(secret));
    forms.push(url.to_string());
    url.query_pairs_mut().clear().append_pair("key", secret);
    forms.push(url.to_string());
    for form in forms {
        let shown = mask.apply(&form);
        assert!(
            shown.contains("***") && !shown.contains("w0rd"),
            "{form}: {shown}"
        );
    }
}

#[test]
fn what_stands_before_a_secret_is_shown() {
    let mask = Mask::default();
    mask.add_behind("hooks.example.com", "/services/status");
    for (text, shown) in [
        ("at hooks.example.com", "at hooks.example.com"),
        (
            "https://hooks.example.com/services/status?",
            "https://hooks.example.com***?",
        ),
        ("https://hooks.example.com/serv", "https://hooks.example.com***"),
        ("no /services/status", "no /services/status"),
    ] {
        assert_eq!(mask.apply(text), shown);
    }
}

#[test]
fn what_is_shown_is_no_secret_before_or_after() {
    let mask = Mask::default();
    mask.add("canary-1");
    mask.add("canary-1-token");
    mask.reveal("canary-1");
    mask.reveal("stable-1");
    mask.add("stable-1");
    assert_eq!(
        mask.apply("canary-1 canary-1-token stable-1"),
        "canary-1 *** stable-1"
    );
}

#[test]
fn a_secret_that_was_cut_is_not_half_shown() {
    let mask = Mask::default();
    mask.add("hunter2-token");
    assert_eq!(mask.apply("header is hunter2-t"), "header is ***");
    assert_eq!(mask.apply("header is hunter2-tok…"), "header is ***…");
    assert_eq!(mask.apply("a hunt"), "a hunt");
    assert_eq!(mask.apply(""), "");
}

#[test]
fn each_line_of_a_key_is_a_secret() {
    let mask = Mask::default();
    mask.add("-----BEGIN\nMIIEvQIBADAN\n");
    assert_eq!(mask.apply("x MIIEvQIBADAN"), "x ***");
}

#[test]
fn a_secret_that_was_cut_is_masked_though_words_follow() {
    let mask = Mask::default();
    mask.add("p\u{e4}ss<w0rd>&\"more\"");
    for (text, shown) in [
        ("it says \"bad p\u{e4}ss…\" (soft)", "it says \"bad ***…\" (soft)"),
        ("it says bad p\\u00e4ss\\u00…, so", "it says bad ***…, so"),
        ("it says bad p&#228;ss&l…, so", "it says bad ***…, so"),
        ("it says bad p%C3%A4ss%3…, so", "it says bad ***…, so"),
        (
            "it says bad p\u{e4}ss\u{fffd}…, so",
            "it says bad ***\u{fffd}…, so",
        ),
        ("a p\u{e4}s… b", "a p\u{e4}s… b"),
        ("a p\u{e4}ss word", "a p\u{e4}ss word"),
    ] {
        assert_eq!(mask.apply(text), shown);
    }
}

#[test]
fn a_secret_is_masked_however_an_answer_escapes_it() {
    let secret = "k\u{e4}y/w0rd+<a&b>\"c\"'d\\e\u{1f600}%41";
    let mask = Mask::default();
    mask.add(secret);
    let json = serde_json::Value::from(secret).to_string();
    let go = json
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003E");
    let ascii = go
        .replace('\u{e4}', "\\u00e4")
        .replace('\u{1f600}', "\\ud83d\\ude00");
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#039;");
    let mut forms = vec![
        json.replace('/', "\\/"),
        ascii.replace('/', "\\/"),
        html.replace("&#34;", "&quot;").replace("&#039;", "&apos;"),
        html.replace('/', "&#x2F;"),
        html.replace('&', "&amp;"),
        html.replace('&', "\\u0026"),
    ];
    forms.extend([json, go, ascii, html]);
    // The body of an answer is told between quotes, and that may be told again.
    let quoted: Vec<String> = forms.iter().map(|form| format!("{form:?}")).collect();
    forms.extend(quoted.iter().map(|form| format!("{form:?}")));
    forms.extend(quoted);
    let once = percent_encoded(secret, KEPT[0], Hex::Upper);
    forms.extend([percent_encoded(&once, KEPT[0], Hex::Lower), once]);
    for form in forms {
        let shown = mask.apply(&format!("bad token {form} here"));
        assert!(shown.contains("***"), "{form}: {shown}");
        let rest = shown.replace(['"', '\\'], "");
        assert_eq!(rest, "bad token *** here", "{form}");
    }
}

#[test]
fn secrets_that_overlap_leave_nothing_of_each_other() {
    let mask = Mask::default();
    mask.add("abcdefgh");
    mask.add("efghijklmn");
    assert_eq!(mask.apply("x abcdefghijklmn y"), "x *** y");
    assert_eq!(mask.apply("abcdefgh-efghijklmn"), "***-***");
}

#[test]
fn what_looks_like_an_escape_stays() {
    let mask = Mask::default();
    mask.add("secret-word");
    for text in [
        "",
        "\\",
        "&",
        "%",
        "&amp;&#xZ;%zz\\u12\\ud83d\\x",
        "C:\\new\\u0041",
        "…",
        "100 %\u{e4}",
    ] {
        assert_eq!(mask.apply(text), text);
    }
}
