//! A real redis-server on a free port with a temporary folder.

use redis::{Connection, FromRedisValue};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Runs until dropped or killed.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    cluster: bool,
}

impl RedisServer {
    /// One server.
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// A cluster of one node that owns every slot.
    pub fn start_cluster() -> Self {
        let server = Self::launch(true);
        let _: String = server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        eventually("the cluster to be ready", || {
            server.command::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        });
        server
    }

    fn launch(cluster: bool) -> Self {
        // Somebody may take the port between looking and starting; then the next one.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // A cluster's nodes speak to each other at port + 10,000.
            if cluster && port > 55_000 {
                continue;
            }
            let mut server = Self { folder: tempfile::tempdir().unwrap(), port, child: None, cluster };
            if server.restart() {
                return server;
            }
        }
        panic!("no redis-server could be started on 20 ports");
    }

    /// Starts (again) on the same port, empty. False when it ended at once.
    pub fn restart(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(self.folder.path());
        if self.cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]);
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("redis-server does not start ({error}); these tests need it: apt-get install redis-server")
        });
        for _ in 0..500 {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.connect().is_some() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        false
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// `redis://127.0.0.1:PORT`, or `redis-cluster://…`.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.cluster { "redis-cluster" } else { "redis" }, self.port)
    }

    fn connect(&self) -> Option<Connection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        redis::cmd("PING").query::<String>(&mut connection).ok().map(|_| connection)
    }

    /// One command and its answer.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connect().expect("redis runs")).expect("redis answers")
    }

    /// How often a command was called since the server started.
    pub fn calls(&self, command: &str) -> u64 {
        let stats: String = self.command(&["INFO", "commandstats"]);
        let prefix = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&prefix));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    /// Every key with its value.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let keys: Vec<String> = self.command(&["KEYS", "*"]);
        keys.into_iter().map(|key| (key.clone(), self.command::<Vec<u8>>(&["GET", &key]))).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for background work: asks again and again, fails after ten seconds.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited ten seconds for {what}");
}
