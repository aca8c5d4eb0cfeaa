//! [`Relay`]: a way over HTTP to the cluster of the tests, for those that want to stand in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::json;

use super::{Answer, Cluster, Seen, Server};

/// Everybody who comes this way is the administrator.
pub(crate) struct Relay {
    proxy: Child,
    port: u16,
}

impl Relay {
    pub(crate) fn to(cluster: &Cluster) -> Self {
        let mut proxy = cluster
            .command(&["proxy", "--port=0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut said = String::new();
        let stdout = proxy.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut said).expect("its address");
        let port = said.trim().rsplit_once(':').expect("a port").1;
        Self {
            port: port.parse().expect("a number"),
            proxy,
        }
    }

    /// How requests are handed on, for handlers of servers.
    pub(crate) fn way(&self) -> Way {
        Way(self.port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// Where requests are handed on to.
#[derive(Clone, Copy)]
pub(crate) struct Way(u16);

impl Way {
    /// Hands a request on, and its answer back.
    pub(crate) fn hand_on(self, seen: &Seen) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).expect("the proxy");
        let head = format!(
            "{} {} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            seen.method,
            seen.path,
            self.0,
            seen.header("content-type"),
            seen.body.len()
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.write_all(&seen.body).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let body = answer.split_off(end.expect("a head") + 4);
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer::status(status.expect("a status"))
            .header("content-type", "application/json")
            .body(body)
    }
}

/// Whether a request changes something.
pub(crate) fn is_change(seen: &Seen) -> bool {
    seen.method == "PATCH" && !seen.path.contains("dryRun")
}

/// A kubeconfig of a server that may ask for what a user shows.
pub(crate) fn kubeconfig(server: &Server, user: &serde_json::Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url("")}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}
