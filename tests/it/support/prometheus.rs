//! [`Prometheus`]: the real one, where it is installed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Server, find, free_port};

/// A Prometheus that scrapes one server every second; it ends with this value.
pub(crate) struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it; `None` if it is not installed.
    pub(crate) fn scraping(target: &Server) -> Option<Self> {
        let program = find("prometheus")?;
        let folder = TempDir::new().expect("a folder");
        let port = free_port();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: app, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}\n",
            target.port()
        );
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).expect("a file");
        let child = Command::new(program)
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus starts");
        Some(Self {
            child,
            port,
            _folder: folder,
        })
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it has seen a metric for so long.
    pub(crate) fn wait_for(&self, metric: &str, length: Duration) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.has(metric) {
            assert!(Instant::now() < deadline, "Prometheus has no {metric}");
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(length);
    }

    fn has(&self, metric: &str) -> bool {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let request = format!("GET /api/v1/query?query={metric} HTTP/1.0\r\nHost: x\r\n\r\n");
        let mut answer = String::new();
        let sent = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer));
        sent.is_ok() && answer.contains(&format!("\"__name__\":\"{metric}\""))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
