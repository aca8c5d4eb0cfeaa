//! [`me`]: as whom the token writes, because anybody can paste a mark into a comment of their own.

use http::Method;
use serde_json::json;

use super::Client;
use super::client::Call;
use crate::platform::comment::{Author, Me};

/// Asks; an app's token may ask GraphQL only, a person's asks either.
pub(super) async fn me(client: &Client) -> Me {
    let name = if client.of_an_app() {
        viewer(client).await
    } else {
        user(client).await
    };
    name.map_or(Me::SomeBot, Me::Login)
}

const NOTHING: &str = "no permission";

async fn user(client: &Client) -> Option<String> {
    let answer = client.send(&Call::get("/user", NOTHING)).await.ok()?;
    let author: Author = answer.json().ok()?;
    Some(author.login).filter(|login| !login.is_empty())
}

async fn viewer(client: &Client) -> Option<String> {
    let body = json!({ "query": "query { viewer { login } }" });
    let call = Call {
        method: Method::POST,
        path: client.graphql(),
        body: Some(&body),
        permission: NOTHING,
        // It only reads.
        repeatable: true,
    };
    let answer: serde_json::Value = client.send(&call).await.ok()?.json().ok()?;
    let login = answer["data"]["viewer"]["login"].as_str()?;
    (!login.is_empty()).then(|| login.to_owned())
}
