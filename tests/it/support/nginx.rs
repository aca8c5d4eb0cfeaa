//! [`Nginx`]: a real nginx on loopback, where it is installed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Certificate, find};

/// An nginx that speaks HTTP/2 and HTTP/1.1 over TLS and answers with the protocol that it was asked in.
pub(crate) struct Nginx {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// Starts it with more directives for its server; `None` where there is none.
    pub(crate) fn start(certificate: &Certificate, directives: &str) -> Option<Self> {
        let answer = "default_type text/plain; return 200 \"spoken: $server_protocol\\n\";";
        Self::with(certificate, directives, answer)
    }

    /// Starts it in front of a gRPC server; `None` where there is none.
    pub(crate) fn before(host: &str, certificate: &Certificate) -> Option<Self> {
        Self::with(
            certificate,
            "keepalive_requests 1000000;",
            &format!("grpc_pass grpc://{host};"),
        )
    }

    fn with(certificate: &Certificate, directives: &str, location: &str) -> Option<Self> {
        let program = find("nginx")?;
        let folder = TempDir::new().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let address = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let config = format!(
            "daemon off; master_process off; pid {pid}; error_log {error};
            events {{ worker_connections 512; }}
            http {{
                log_format one '$server_protocol $status'; access_log {access} one;
                client_body_temp_path {body}; proxy_temp_path {body}; fastcgi_temp_path {body};
                uwsgi_temp_path {body}; scgi_temp_path {body};
                server {{
                    listen {address} ssl http2; ssl_certificate {chain}; ssl_certificate_key {key};
                    {directives}
                    location / {{ {location} }}
                }}
            }}",
            pid = path("pid"),
            error = path("error.log"),
            access = path("access.log"),
            body = path("body"),
            chain = path("chain.pem"),
            key = path("key.pem"),
        );
        for (name, content) in [
            ("chain.pem", &certificate.chain),
            ("key.pem", &certificate.key),
            ("nginx.conf", &config),
        ] {
            std::fs::write(folder.path().join(name), content).expect("a file");
        }
        let child = Command::new(program)
            .args([
                "-e",
                &path("error.log"),
                "-p",
                &path(""),
                "-c",
                &path("nginx.conf"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self {
            address,
            folder,
            child,
        };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let told = nginx.file("error.log");
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "nginx does not listen: {told}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(nginx)
    }

    /// `https://127.0.0.1:PORT/`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The requests that it has answered: protocol and status. It writes them down when they are over.
    pub(crate) fn answered(&self) -> Vec<String> {
        self.file("access.log").lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
