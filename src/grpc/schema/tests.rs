//! Schemas from real files and sets, good and bad.

use std::fs;

use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn compile(files: &[(&str, &str)], root: &str) -> Result<Schema, SchemaError> {
    let folder = folder(files);
    Schema::from_proto(&[folder.path().join(root)], &[])
}

pub(super) const GREETER: &str = r#"syntax = "proto3";
package helloworld;
import "google/protobuf/timestamp.proto";
import "common/name.proto";
service Greeter {
  rpc SayHello (Hello) returns (Reply);
  rpc Upload (stream Hello) returns (Reply);
  rpc Watch (Hello) returns (stream Reply);
  rpc Chat (stream Hello) returns (stream Reply);
}
message Hello { common.Name name = 1; google.protobuf.Timestamp at = 2; }
message Reply { string text = 1; }
"#;
const NAME: &str = "syntax = \"proto3\"; package common; message Name { string first = 1; }";

pub(super) fn greeter() -> Schema {
    compile(
        &[("greeter.proto", GREETER), ("common/name.proto", NAME)],
        "greeter.proto",
    )
    .unwrap()
}

#[test]
fn imports_are_found_beside_the_file_and_well_known_ones_nowhere() {
    let schema = greeter();
    assert_eq!(schema.services(), ["helloworld.Greeter"]);
    let method = schema.method("helloworld.Greeter/SayHello").unwrap();
    assert_eq!(method.path, "/helloworld.Greeter/SayHello");
    assert_eq!(method.full_name, "helloworld.Greeter.SayHello");
    assert_eq!(
        (method.service.as_str(), method.name.as_str()),
        ("helloworld.Greeter", "SayHello")
    );
    assert_eq!(method.input.full_name(), "helloworld.Hello");
    assert_eq!(method.output.name(), "Reply");
}

#[test]
fn a_method_has_one_of_four_kinds() {
    let schema = greeter();
    for (name, kind) in [
        ("SayHello", MethodKind::Unary),
        ("Upload", MethodKind::ClientStreaming),
        ("Watch", MethodKind::ServerStreaming),
        ("Chat", MethodKind::Bidirectional),
    ] {
        assert_eq!(
            schema.method(&format!("helloworld.Greeter.{name}")).unwrap().kind,
            kind
        );
    }
}

#[test]
fn a_method_is_found_by_every_way_to_write_it() {
    let schema = greeter();
    for name in [
        "helloworld.Greeter/SayHello",
        "helloworld.Greeter.SayHello",
        ".helloworld.Greeter.SayHello",
        "/helloworld.Greeter/SayHello",
        " helloworld.Greeter/SayHello ",
    ] {
        assert_eq!(schema.method(name).unwrap().name, "SayHello", "{name}");
    }
}

#[test]
fn an_unknown_method_is_named_with_what_was_meant() {
    let schema = greeter();
    for (name, error, hint) in [
        (
            "helloworld.Greeter/SayHelo",
            "the service `helloworld.Greeter` has no method `SayHelo`",
            Some("did you mean `SayHello`?"),
        ),
        (
            "helloworld.Greeter/Xyz",
            "the service `helloworld.Greeter` has no method `Xyz`",
            Some("there are `SayHello`, `Upload`, `Watch`, `Chat`"),
        ),
        (
            "Greeter/SayHello",
            "there is no service `Greeter`",
            Some("did you mean `helloworld.Greeter`?"),
        ),
        (
            "a.b.Other/X",
            "there is no service `a.b.Other`",
            Some("there is only `helloworld.Greeter`"),
        ),
        (
            "SayHello",
            "`SayHello` is not the name of a method: it should be like `package.Service/Method`",
            None,
        ),
        (
            "a/b/c",
            "`a/b/c` is not the name of a method: it should be like `package.Service/Method`",
            None,
        ),
        (
            "",
            "`` is not the name of a method: it should be like `package.Service/Method`",
            None,
        ),
    ] {
        let found = schema.method(name).unwrap_err();
        assert_eq!(found.to_string(), error);
        assert_eq!(found.hint().as_deref(), hint, "{name}");
    }
}

#[test]
fn mistakes_in_a_file_have_line_and_column() {
    for (text, place, message) in [
        (
            "syntax = \"proto3\";\nmessage A {\n  strin x = 1;\n}\n",
            ":3:3",
            "name 'strin' is not defined",
        ),
        (
            "syntax = \"proto3\";\nmessage A {\n  string é = 1;\n}\n",
            ":3:10",
            "invalid token",
        ),
        (
            "message A { required int32 x = 0; }",
            ":1:32",
            "message numbers must be between 1 and 536870911",
        ),
        ("syntax = \"proto4\";", ":1:10", "unknown syntax 'proto4'"),
        (
            "message A {",
            "",
            "expected a message field, oneof, reserved range, enum, message, option or '}', but reached end of file",
        ),
    ] {
        let folder = folder(&[("a.proto", text)]);
        let path = folder.path().join("a.proto");
        let error = Schema::from_proto(&[&path], &[]).unwrap_err();
        assert_eq!(
            error.place().unwrap().to_string(),
            format!("{}{place}", path.display()),
            "{error}"
        );
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_missing_import_says_where_it_was_looked_for() {
    let folder = folder(&[(
        "api/a.proto",
        "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\n",
    )]);
    let path = folder.path().join("api/a.proto");
    let error = Schema::from_proto(&[&path], &["protos".into()]).unwrap_err();
    let api = folder.path().join("api");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot find the import `google/api/annotations.proto` (looked in `{}`, `.`, `protos`)",
            api.display()
        )
    );
    assert_eq!(
        error.place().unwrap().to_string(),
        format!("{}:2:1", path.display())
    );
    assert!(error.hint().unwrap().contains("`import-paths`"));
}

#[test]
fn import_paths_and_several_files_work_together() {
    let folder = folder(&[
        (
            "shop/a.proto",
            "syntax = \"proto3\"; package a; import \"shop/b.proto\"; service A { rpc Do (b.B) returns (b.B); }",
        ),
        (
            "shop/b.proto",
            "syntax = \"proto3\"; package b; message B {} service S { rpc Do (B) returns (B); }",
        ),
    ]);
    let paths = [folder.path().to_owned()];
    for files in [["shop/a.proto", "shop/b.proto"], ["shop/b.proto", "shop/a.proto"]] {
        let files = files.map(|name| folder.path().join(name));
        assert_eq!(
            Schema::from_proto(&files, &paths).unwrap().services(),
            ["a.A", "b.S"]
        );
    }
}

#[test]
fn one_file_under_two_names_is_one_file() {
    let folder = folder(&[
        (
            "a.proto",
            "syntax = \"proto3\"; import \"b.proto\"; import \"x/c.proto\"; message A { B b = 1; C c = 2; }",
        ),
        (
            "x/c.proto",
            "syntax = \"proto3\"; import \"x/b.proto\"; message C { B b = 1; }",
        ),
        ("x/b.proto", "syntax = \"proto3\"; message B {}"),
    ]);
    let schema = Schema::from_proto(&[folder.path().join("a.proto")], &[folder.path().join("x")]).unwrap();
    assert!(schema.pool().get_message_by_name("C").is_some());
}

#[test]
fn cycles_and_missing_files_are_errors() {
    let error = compile(
        &[
            ("a.proto", "syntax = \"proto3\"; import \"b.proto\";"),
            ("b.proto", "syntax = \"proto3\"; import \"a.proto\";"),
        ],
        "a.proto",
    )
    .unwrap_err();
    assert!(
        error.to_string().starts_with("import cycle detected: "),
        "{error}"
    );
    let error = compile(&[], "none.proto").unwrap_err();
    assert!(
        matches!(&error, SchemaError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
        "{error}"
    );
    let error = Schema::from_proto(&["."], &[]).unwrap_err();
    assert!(matches!(error, SchemaError::Read { .. }), "{error}");
}

#[test]
fn a_source_of_an_edition_is_refused_with_what_to_do() {
    let text = "// A comment.\n/* edition = */\n  edition = \"2023\";\nmessage A {}\n";
    let error = compile(&[("a.proto", text)], "a.proto").unwrap_err();
    assert!(error.place().unwrap().to_string().ends_with("a.proto:3:3"));
    assert!(error.hint().unwrap().contains("--descriptor_set_out"));
    // Only the statement counts.
    compile(
        &[(
            "a.proto",
            "syntax = \"proto3\"; message A { string edition = 1; }",
        )],
        "a.proto",
    )
    .unwrap();
}

#[test]
fn nesting_without_end_is_an_error() {
    let deep = "message A {".repeat(20_000) + &"}".repeat(20_000);
    let error = compile(&[("a.proto", &deep)], "a.proto").unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}
