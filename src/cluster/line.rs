//! [`Line`]: a cluster that is asked again and again over a long time, in which credentials may end.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::access::Access;
use super::client::Cluster;
use super::error::ClusterError;

/// A cluster whose credentials are had anew where those that a program gave have ended. Cloning shares them.
#[derive(Clone)]
pub struct Line {
    access: Access,
    cluster: Arc<Mutex<Cluster>>,
}

impl Line {
    /// Goes on with a cluster that this access leads to.
    pub fn of(access: Access, cluster: Cluster) -> Self {
        let cluster = Arc::new(Mutex::new(cluster));
        Self { access, cluster }
    }

    /// The cluster, with the credentials that were had last.
    pub async fn cluster(&self) -> Cluster {
        self.cluster.lock().await.clone()
    }

    /// The cluster to ask once more, after one did not know any more who asked; `None` where no program gives credentials, or
    /// gave none until the deadline. Of several that were refused at once, one runs the program.
    pub async fn renewed(
        &self,
        refused: &Cluster,
        deadline: Instant,
    ) -> Result<Option<Cluster>, ClusterError> {
        if !refused.is_renewable() {
            return Ok(None);
        }
        let renewal = async {
            let mut cluster = self.cluster.lock().await;
            if cluster.is_same(refused) {
                *cluster = self.access.connect().await?;
            }
            Ok(cluster.clone())
        };
        timeout_at(deadline, renewal).await.ok().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    /// A folder with a program that gives another token each time, and says so.
    fn folder(token: &str) -> (tempfile::TempDir, Access) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let asked = folder.path().join("asked").display().to_string();
        let script = format!("echo x >> {asked}\nprintf '{{\"status\": {{\"token\": \"x\"}}}}'\n");
        let user = if token.is_empty() {
            json!({"exec": {"command": "sh", "args": ["-c", script], "interactiveMode": "Never"}})
        } else {
            json!({ "token": token })
        };
        let config = json!({
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:9"}}],
            "users": [{"name": "u", "user": user}],
        });
        let access = Access {
            kubeconfig: Some(write("config", &config.to_string())),
            ..Access::default()
        };
        (folder, access)
    }

    async fn line(access: &Access) -> Line {
        let cluster = access.connect().await.unwrap_or_else(|error| panic!("{error}"));
        Line::of(access.clone(), cluster)
    }

    #[tokio::test]
    async fn of_many_that_are_refused_one_asks_for_new_credentials() {
        let (folder, access) = folder("");
        let asked = || {
            let text = std::fs::read_to_string(folder.path().join("asked")).expect("a file");
            text.lines().count()
        };
        let line = line(&access).await;
        assert_eq!(asked(), 1);
        let deadline = Instant::now() + Duration::from_secs(30);
        let old = line.cluster().await;
        let other = line.clone();
        let (one, two) = tokio::join!(line.renewed(&old, deadline), other.renewed(&old, deadline));
        let renewed = [one, two].map(|renewed| renewed.ok().flatten().expect("a cluster"));
        assert_eq!(asked(), 2);
        assert!(renewed[0].is_same(&renewed[1]) && !renewed[0].is_same(&old));
        assert!(line.cluster().await.is_same(&renewed[0]));
        let again = line.renewed(&renewed[0], deadline).await;
        assert!(again.is_ok_and(|again| again.is_some()));
        assert_eq!(asked(), 3);
    }

    #[tokio::test]
    async fn what_no_program_gave_nobody_gives_anew() {
        let (_folder, access) = folder("fixed");
        let line = line(&access).await;
        let old = line.cluster().await;
        let renewed = line.renewed(&old, Instant::now() + Duration::from_secs(30)).await;
        assert!(renewed.is_ok_and(|renewed| renewed.is_none()));
    }
}
