//! [`gather`]: values from files and flags, in Helm's order: files first, then `--set`, `--set-string` and `--set-file`.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::args::ChartArgs;
use crate::charts::{Flag, apply, merge};
use crate::diagnostic::{Diagnostic, Place};
use crate::net::client::{Client, Redirects, Request};
use crate::net::proxy::ProxySettings;
use crate::net::{NetSettings, display_url};
use crate::platform::Env;
use crate::spec::{Node, SourceError, SourceFile, Value, read_file};
use crate::tasks::TaskError;

/// Bytes of a file of values or a value.
const LARGEST: u64 = 8 << 20;
/// For a file that is fetched.
const PATIENCE: Duration = Duration::from_secs(30);
const REDIRECTS: u8 = 10;

/// All values, or everything that is wrong with what they come from.
pub(super) async fn gather(args: &ChartArgs, env: &Env) -> Result<Node, Vec<Diagnostic>> {
    let mut values = Node::map("the values", Vec::new());
    let mut found = Vec::new();
    for file in &args.files {
        match open(file, &Place::named("flag -f"), env)
            .await
            .and_then(|source| read(&source))
        {
            Ok(Some(node)) => values = merge(values, node),
            Ok(None) => {}
            Err(why) => found.push(why),
        }
    }
    found.extend(set(args, &mut values));
    if found.is_empty() { Ok(values) } else { Err(found) }
}

/// Puts what flags say over values.
fn set(args: &ChartArgs, values: &mut Node) -> Vec<Diagnostic> {
    let mut read_file = |path: &str| {
        let bytes = read_file(Path::new(path), LARGEST).map_err(|cause| format!("{path}: {cause}"))?;
        String::from_utf8(bytes).map_err(|cause| format!("{path}: {}", cause.utf8_error()))
    };
    let all = [
        (Flag::Set, &args.set),
        (Flag::SetString, &args.set_string),
        (Flag::SetFile, &args.set_file),
    ];
    let mut found = Vec::new();
    for (flag, texts) in all {
        for text in texts {
            if let Err(message) = apply(values, flag, text, &mut read_file) {
                let place = Place::named(format!("flag --{}", flag.name()));
                found.push(Diagnostic::error(message).at(place));
            }
        }
    }
    found
}

/// The values of a source; `None` if it is empty.
pub(super) fn read(source: &SourceFile) -> Result<Option<Node>, Diagnostic> {
    let node = Node::parse(source)?;
    match node.value {
        Value::Null => Ok(None),
        Value::Map(_) => Ok(Some(node.anywhere(source))),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::List(_) => {
            let message = format!("values are a map; found {}", node.value.describe());
            Err(Diagnostic::error(message).at(node.at.place(source)))
        }
    }
}

/// The text of a file, of a URL or of the standard input.
pub(super) async fn open(file: &str, place: &Place, env: &Env) -> Result<SourceFile, Diagnostic> {
    let wrong = |message: String| Diagnostic::error(message).at(place.clone());
    if file == "-" {
        let mut text = String::new();
        let read = std::io::stdin().take(LARGEST).read_to_string(&mut text);
        read.map_err(|cause| wrong(format!("cannot read the standard input: {cause}")))?;
        return Ok(SourceFile::new("standard input", text));
    }
    if file.starts_with("http://") || file.starts_with("https://") {
        let url: Url = file
            .parse()
            .map_err(|cause| wrong(format!("not a URL: {cause}")))?;
        let name = display_url(&url);
        let text = fetch(url, env)
            .await
            .map_err(|cause| wrong(format!("cannot download {name}: {cause}")))?;
        return Ok(SourceFile::new(name, text));
    }
    SourceFile::read(Path::new(file)).map_err(|SourceError::Read { source, .. }| {
        wrong(format!("cannot read the values file {file}: {source}"))
    })
}

async fn fetch(url: Url, env: &Env) -> Result<String, String> {
    let settings = NetSettings {
        proxy: ProxySettings::Environment(env.proxies()),
        ..NetSettings::default()
    };
    let failed = |error: &(dyn std::error::Error + 'static)| TaskError::from_error(error).message;
    let client = Client::new(&settings, Redirects::Follow(REDIRECTS)).map_err(|error| failed(&error))?;
    let mut request = Request::get(url);
    request.timeout = PATIENCE;
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    if !response.status.is_success() {
        return Err(format!("it answers with status {}", response.status.as_u16()));
    }
    let body = response.whole_body().map_err(|error| failed(&error))?;
    String::from_utf8(body.to_vec()).map_err(|cause| cause.utf8_error().to_string())
}
