//! Rows of data reach the server where their placeholders stand, and mistakes in them are found before.

use std::process::Command;

use crate::support::{App, Seen, Server, each, find};

const POST: &str = "spec:\n- task: http\n  with:\n    url: 'URL'\n    numRequests: 5\n    qps: 200\n    connections: 1\n    contentType: application/json\n    headers: {X-Name: 'Bearer {name}'}\n    payloadStr: '{\"id\": {id}, \"name\": \"{name}\", \"key\": \"{uuid}\"}'\n";

/// What the server saw of each request: its path, its header and its body without the UUID.
fn seen(seen: &Seen) -> (String, String, String) {
    let body = String::from_utf8(seen.body.to_vec()).expect("text");
    let (body, key) = body.split_once(", \"key\": \"").expect("a key");
    assert_eq!(key.trim_end_matches("\"}").len(), 36, "{key}");
    (
        seen.path.clone(),
        seen.header("x-name").to_owned(),
        body.to_owned(),
    )
}

#[test]
fn rows_reach_the_server_in_turn_wherever_they_come_from() {
    let sources = [
        (
            "inline",
            "    data:\n    - {id: 1, name: ann}\n    - {id: 2, name: 'b \"x\"/y'}\n",
        ),
        ("CSV", "    data: rows.csv\n"),
        ("JSON", "    data: {file: rows.json}\n"),
        ("JSON lines", "    data: {file: rows.jsonl}\n"),
    ];
    each(
        &sources,
        |source| source.0,
        |(_, data)| {
            let server = Server::ok();
            let url = server.url("/users/{name}?id={id}");
            let app = App::with(&format!("{}{data}", POST.replace("URL", &url)))
                .file("rows.csv", "id,name\n1,ann\n2,\"b \"\"x\"\"/y\"\n")
                .file(
                    "rows.json",
                    r#"[{"id": 1, "name": "ann"}, {"name": "b \"x\"/y", "id": 2}]"#,
                )
                .file(
                    "rows.jsonl",
                    "{\"id\": 1, \"name\": \"ann\"}\n{\"id\": 2, \"name\": \"b \\\"x\\\"/y\"}\n",
                );
            app.run(&["run"]).exits(0);
            let rows = [
                ("/users/ann?id=1", "Bearer ann", r#"{"id": 1, "name": "ann""#),
                (
                    "/users/b%20%22x%22%2Fy?id=2",
                    "Bearer b \"x\"/y",
                    r#"{"id": 2, "name": "b \"x\"/y""#,
                ),
            ];
            let rows = rows.map(|(path, header, body)| (path.to_owned(), header.to_owned(), body.to_owned()));
            let expected: Vec<_> = rows.iter().cycle().take(5).cloned().collect();
            assert_eq!(server.seen().iter().map(seen).collect::<Vec<_>>(), expected);
        },
    );
}

#[test]
fn endpoints_inherit_rows_and_rows_may_come_from_a_script() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- run: printf 'id\\n7\\n8\\n' > rows.csv\n- task: http\n  with:\n    numRequests: 2\n    qps: 200\n    connections: 1\n    data: rows.csv\n    endpoints:\n      own: {{url: '{0}', data: [{{id: x}}]}}\n      rest: {{url: '{0}'}}\n",
        server.url("/{id}")
    ));
    app.run(&["run"]).exits(0);
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/x", "/x", "/7", "/8"]);
}

#[test]
fn without_rows_braces_are_sent_as_they_are() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 1, headers: {{X-A: '{{name}}'}}, payloadStr: '{{name}}'}}\n",
        server.url("/?q={name}")
    ));
    app.run(&["run"]).exits(0);
    let last = server.seen().pop().expect("a request");
    assert_eq!(
        (last.path.as_str(), last.header("x-a"), &last.body[..]),
        ("/?q={name}", "{name}", &b"{name}"[..])
    );
}

#[test]
fn secrets_of_rows_are_masked() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 1\n    expect: {{body: 'no ${{TOKEN}} here'}}\n    headers: {{X-Token: '{{token}}'}}\n    data: [{{token: '${{TOKEN}}'}}]\n",
        server.url("/")
    ))
    .env("TOKEN", "hunter2-token");
    let output = app.run(&["run"]);
    assert_eq!(server.seen()[0].header("x-token"), "hunter2-token");
    assert!(!output.has("hunter2"), "{output}");
    assert!(!app.read("iter8-results/result.json").contains("hunter2"));
}

/// A mistake: its name, the lines from `url` on, where it is found, and what is said.
type Mistake = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip] // a table
const MISTAKES: &[Mistake] = &[
    ("unknown in the URL", "url: 'http://a/{nmae}'\n    data: [{name: a}]", "4:10", &["unknown placeholder `{nmae}`", "did you mean `{name}`?"]),
    ("unknown in a header", "url: http://a/\n    headers: {X-A: '{nmae}'}\n    data: [{name: a}]", "5:20", &["unknown placeholder `{nmae}`"]),
    ("unknown in a token", "url: http://a/\n    bearerToken: '{nmae}'\n    data: [{name: a}]", "5:18", &["unknown placeholder `***`", "did you mean `{name}`?"]),
    ("unknown in the body", "url: http://a/\n    payloadStr: 'x {other}'\n    data: [{name: a}]", "5:17", &["unknown placeholder `{other}`", "columns are name", "`{ other }`, with spaces, is sent as it is"]),
    ("unknown in a body file", "url: http://a/\n    payloadFile: body.txt\n    data: [{name: a}]", "5:18", &["unknown placeholder `{nmae}`"]),
    ("in the host", "url: 'http://{name}.example/'\n    data: [{name: a}]", "4:10", &["`{name}` stands in the host"]),
    ("in the port", "url: 'http://a:{name}/'\n    data: [{name: a}]", "4:10", &["invalid port"]),
    ("a UUID in the host", "url: 'http://{uuid}.example/'", "4:10", &["`{uuid}` stands in the host"]),
    ("in a password", "url: http://a/\n    basicAuth: {username: u, password: '{name}'}\n    data: [{name: a}]", "5:5", &["stands in a user or password"]),
    ("in the name of a header", "url: http://a/\n    headers: {'X-{name}': a}\n    data: [{name: a}]", "", &["a header needs `name: value`"]),
    ("a line break for a header", "url: http://a/\n    headers: {X-A: '{name}'}\n    data: [{name: a}, {name: \"b\\nX-B: c\"}]", "6:5", &["row 2: the value of `name` holds characters that HTTP does not allow in the header `x-a`"]),
    ("no rows", "url: http://a/\n    data: []", "5:11", &["there are no rows"]),
    ("uneven rows", "url: http://a/\n    data:\n    - {a: 1, b: 2}\n    - {a: 1}", "7:7", &["`b` is missing in this row"]),
    ("uneven rows in a file", "url: http://a/\n    data: uneven.csv", "5:11", &["uneven.csv:3: columns: 2, values in this row: 1"]),
    ("a column named uuid", "url: http://a/\n    data: {file: uuid.csv}", "5:18", &["uuid.csv:1: a column cannot be called `uuid`"]),
    ("no such file", "url: http://a/\n    data: none.csv", "5:11", &["cannot read", "none.csv", "No such file"]),
    ("another kind of file", "url: http://a/\n    data: body.txt", "5:11", &[".csv, .json or .jsonl"]),
    ("a number", "url: http://a/\n    data: 7", "5:11", &["expected a list of rows or the path of a file"]),
];

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    each(
        MISTAKES,
        |mistake| mistake.0,
        |(_, lines, place, said)| {
            let app = App::with(&format!("spec:\n- task: http\n  with:\n    {lines}\n"))
                .file("body.txt", "a {nmae}")
                .file("uneven.csv", "a,b\n1,2\n3\n")
                .file("uuid.csv", "uuid\n1\n");
            let output = app.run(&["validate", "experiment.yaml"]);
            output.exits(2).says_all(said);
            output.says(&format!("experiment.yaml:{place}"));
        },
    );
}

#[test]
fn the_curl_command_of_a_load_sends_its_request_again() {
    if find("curl").is_none() {
        return;
    }
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 1\n    method: PUT\n    contentType: application/json\n    payloadStr: '{{\"name\": \"it''s $HOME `id` \\ *\"}}'\n",
        server.url("/a%20b?q=1")
    ));
    app.run(&["run"]).exits(0);
    let result: serde_json::Value =
        serde_json::from_str(&app.read("iter8-results/result.json")).expect("JSON");
    let command = result["insights"]["versions"][0]["loads"][0]["reproduce"]
        .as_str()
        .expect("a command");
    assert!(
        command.ends_with("  # left out: the query of the URL"),
        "{command}"
    );
    let first = server.seen().pop().expect("a request");
    let bounded = command.replacen("curl ", "curl -sS -m 20 --noproxy '*' ", 1);
    let said = Command::new("sh")
        .args(["-c", &bounded])
        .output()
        .expect("a shell");
    assert!(said.status.success(), "{command}: {said:?}");
    let again = server.seen().pop().expect("another");
    assert_eq!(server.requests(), 2);
    assert_eq!(again.method, first.method);
    assert_eq!(format!("{}?q=1", again.path), first.path);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("content-type"), first.header("content-type"));
}

#[test]
fn what_is_given_and_not_sent_is_told() {
    let server = Server::ok();
    let run = |fields: &str| {
        let url = server.url("/");
        let text =
            format!("spec:\n- task: http\n  with:\n    url: '{url}'\n    numRequests: 1\n    {fields}\n");
        App::with(&text).file("empty.json", "").run(&["run"])
    };
    run("data: [{id: 1}]")
        .exits(0)
        .says("`data` changes nothing: none of its columns stands in the request");
    run("payloadFile: empty.json")
        .exits(0)
        .says("`payloadFile` is empty: a GET without a body is sent");
    let said = run("method: PUT\n    payloadFile: empty.json")
        .exits(0)
        .stderr
        .clone();
    assert!(!said.contains("is empty"), "{said}");
}
