//! Real Redis servers on free ports with temporary folders: one, one with TLS and access control, a cluster, and a
//! master with its replica under a sentinel.

use redis::{ClientTlsConfig, Connection, FromRedisValue, TlsCertificates};
use sentra::adapters::directory::redis::Options;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How several servers belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// One server, only by TLS with a client certificate, and only as a named user.
    Secured,
    /// Three masters.
    Cluster,
    /// Three masters, each with a replica that takes over.
    ReplicatedCluster,
    /// A master and a replica, watched by a sentinel.
    Sentinel,
}

/// Servers of one topology. They run until dropped.
pub struct Redises {
    pub topology: Topology,
    /// Masters first, then replicas.
    pub servers: Vec<RedisServer>,
    sentinel: Option<RedisServer>,
    certificates: Option<Certificates>,
}

impl Redises {
    pub fn start(topology: Topology) -> Self {
        let mut all = Self { topology, servers: Vec::new(), sentinel: None, certificates: None };
        match topology {
            Topology::Single => all.servers.push(RedisServer::start()),
            Topology::Secured => {
                let certificates = Certificates::make();
                all.servers.push(RedisServer::launch(Kind::Secured(certificates.clone())));
                all.certificates = Some(certificates);
            }
            Topology::Cluster => all.servers = cluster(3, 0),
            Topology::ReplicatedCluster => all.servers = cluster(3, 3),
            Topology::Sentinel => {
                let master = RedisServer::start();
                let replica =
                    RedisServer::launch(Kind::Plain(format!("replicaof 127.0.0.1 {}\n", master.port)));
                let sentinel = RedisServer::launch(Kind::Sentinel { master: master.port });
                eventually("the sentinel to know the replica", || {
                    let known: Vec<Vec<String>> = sentinel.command(&["SENTINEL", "REPLICAS", "main"]);
                    known.iter().any(|fields| {
                        let field = |name: &str| {
                            let at = fields.iter().position(|word| word == name)?;
                            fields.get(at + 1).map(String::as_str)
                        };
                        field("flags") == Some("slave") && field("master-link-status") == Some("ok")
                    })
                });
                all.servers = vec![master, replica];
                all.sentinel = Some(sentinel);
            }
        }
        all
    }

    /// What `redis.url` says.
    pub fn url(&self) -> String {
        let ports: Vec<String> = match &self.sentinel {
            Some(sentinel) => vec![format!("127.0.0.1:{}", sentinel.port)],
            None => self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect(),
        };
        match self.topology {
            Topology::Single => format!("redis://{}", ports[0]),
            Topology::Secured => format!("rediss://{}", ports[0]),
            // Not all of them, and not the one that tests kill: the others are to be found.
            Topology::Cluster | Topology::ReplicatedCluster => {
                format!("redis-cluster://{},{}", ports[1], ports[2])
            }
            Topology::Sentinel => format!("redis+sentinel://{}/main", ports[0]),
        }
    }

    pub fn options(&self) -> Options {
        let mut options = Options::new(self.url());
        if let Some(certificates) = &self.certificates {
            options.username = "gateway".to_owned();
            options.password = Some(PASSWORD.into());
            options.authorities = Some(certificates.authority.clone());
            options.identity = Some((certificates.certificate.clone(), certificates.key.clone()));
        }
        options
    }

    /// The environment that tells `sentra` the same.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut all = vec![("SENTRA_REDIS__URL".to_owned(), self.url())];
        if let Some(certificates) = &self.certificates {
            let file = |path: &PathBuf| path.to_str().unwrap().to_owned();
            let password = certificates.authority.with_file_name("password");
            std::fs::write(&password, PASSWORD).unwrap();
            for (name, value) in [
                ("USERNAME", "gateway".to_owned()),
                ("PASSWORD_FILE", file(&password)),
                ("AUTHORITIES", file(&certificates.authority)),
                ("CLIENT_CERTIFICATE", file(&certificates.certificate)),
                ("CLIENT_KEY", file(&certificates.key)),
            ] {
                all.push((format!("SENTRA_REDIS__{name}"), value));
            }
        }
        all
    }

    fn living(&self) -> impl Iterator<Item = &RedisServer> {
        self.servers.iter().filter(|server| server.child.is_some())
    }

    /// Every key with its value, each once.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = self.living().flat_map(RedisServer::dump).collect();
        all.sort();
        all.dedup();
        all
    }

    /// How often a command was called at all servers together, replication aside.
    pub fn calls(&self, command: &str) -> u64 {
        self.living().map(|server| server.calls(command)).sum()
    }

    /// The files that the servers write when they save.
    pub fn saved(&self) -> Vec<u8> {
        let save = |server: &RedisServer| {
            let _: String = server.command(&["SAVE"]);
            std::fs::read(server.folder.path().join("dump.rdb")).unwrap_or_default()
        };
        self.living().flat_map(save).collect()
    }

    /// The server that an organisation's keys lie on.
    pub fn home_of(&mut self, org: &str) -> &mut RedisServer {
        if !matches!(self.topology, Topology::Cluster | Topology::ReplicatedCluster) {
            return &mut self.servers[0];
        }
        let slot: u64 = self.servers[0].command(&["CLUSTER", "KEYSLOT", &format!("{{{org}}}")]);
        let third = usize::try_from(slot / (16_384 / 3 + 1)).unwrap();
        &mut self.servers[third]
    }
}

/// Masters with the slots in equal shares, then their replicas.
fn cluster(masters: usize, replicas: usize) -> Vec<RedisServer> {
    let servers: Vec<RedisServer> =
        (0..masters + replicas).map(|_| RedisServer::launch(Kind::Cluster)).collect();
    let share = 16_384 / masters + 1;
    for (number, server) in servers.iter().enumerate() {
        let _: String = server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        if number < masters {
            let (from, to) = (number * share, ((number + 1) * share - 1).min(16_383));
            let _: String = server.command(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        let _: String = server.command(&["CLUSTER", "MEET", "127.0.0.1", &servers[0].port.to_string()]);
    }
    let info = |server: &RedisServer| server.command::<String>(&["CLUSTER", "INFO"]);
    let known = format!("cluster_known_nodes:{}\r\n", masters + replicas);
    eventually("the nodes to know each other", || servers.iter().all(|server| info(server).contains(&known)));
    for (number, replica) in servers.iter().enumerate().skip(masters) {
        let master: String = servers[number - masters].command(&["CLUSTER", "MYID"]);
        eventually("a node to become a replica", || replica.try_command(&["CLUSTER", "REPLICATE", &master]));
    }
    let ready = |server: &RedisServer| info(server).contains("cluster_state:ok");
    eventually("the cluster to be ready", || servers.iter().all(ready));
    let linked = |server: &RedisServer| {
        server.command::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    };
    eventually("the replicas to be linked", || servers.iter().skip(masters).all(linked));
    servers
}

const PASSWORD: &str = "a pass/word:with@signs";

/// A private authority, and one certificate that serves the server and us.
#[derive(Clone)]
struct Certificates {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    // Shared with the server that reads the files.
    _folder: std::sync::Arc<TempDir>,
}

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        // A name of its own: a certificate issued by its own name counts as self-signed.
        authority.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let file = |name: &str, content: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        Self {
            authority: file("authority.pem", authority_certificate.pem()),
            certificate: file("redis.pem", certificate.pem()),
            key: file("redis.key", key.serialize_pem()),
            _folder: std::sync::Arc::new(folder),
        }
    }

    fn octets(&self) -> TlsCertificates {
        let read = |path: &PathBuf| std::fs::read(path).unwrap();
        TlsCertificates {
            client_tls: Some(ClientTlsConfig {
                client_cert: read(&self.certificate),
                client_key: read(&self.key),
            }),
            root_cert: Some(read(&self.authority)),
        }
    }
}

/// What kind of server, and what its configuration says besides.
enum Kind {
    Plain(String),
    Secured(Certificates),
    Cluster,
    Sentinel { master: u16 },
}

/// One server. Runs until dropped or killed.
pub struct RedisServer {
    folder: TempDir,
    pub port: u16,
    child: Option<Child>,
    kind: Kind,
}

impl RedisServer {
    /// One server.
    pub fn start() -> Self {
        Self::launch(Kind::Plain(String::new()))
    }

    /// A cluster of one node that owns every slot.
    pub fn start_cluster() -> Self {
        cluster(1, 0).remove(0)
    }

    fn launch(kind: Kind) -> Self {
        let mut server = Self { folder: tempfile::tempdir().unwrap(), port: 0, child: None, kind };
        // Somebody may take the port between looking and starting; then the next one.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // A cluster's nodes speak to each other at port + 10,000.
            if matches!(server.kind, Kind::Cluster) && port > 55_000 {
                continue;
            }
            server.port = port;
            if server.restart() {
                return server;
            }
        }
        panic!("no redis-server could be started on 20 ports");
    }

    fn configuration(&self) -> String {
        let (port, folder) = (self.port, self.folder.path().display());
        let plain = format!("port {port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\ndir {folder}\n");
        match &self.kind {
            Kind::Plain(more) => plain + more,
            Kind::Cluster => {
                plain + "cluster-enabled yes\ncluster-announce-ip 127.0.0.1\ncluster-node-timeout 1000\n"
            }
            Kind::Sentinel { master } => format!(
                "port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor main 127.0.0.1 {master} 1\n\
                 sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
            ),
            Kind::Secured(certificates) => {
                let Certificates { authority, certificate, key, .. } = certificates;
                let plain = plain.replace(&format!("port {port}\n"), &format!("port 0\ntls-port {port}\n"));
                // What docs/configuration.md says that the user needs, and no more.
                format!(
                    "{plain}tls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients yes\n\
                     user default off\nuser tests on >tests ~* &* +@all\n\
                     user gateway on #{} ~sentra:* &sentra:* +@connection +mget +get +set +exists +publish \
                     +subscribe +role +cluster|slots\n",
                    certificate.display(),
                    key.display(),
                    authority.display(),
                    sha256(PASSWORD),
                )
            }
        }
    }

    /// Starts (again) on the same port, empty. False when it ended at once.
    pub fn restart(&mut self) -> bool {
        let file = self.folder.path().join("redis.conf");
        std::fs::write(&file, self.configuration()).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file);
        if matches!(self.kind, Kind::Sentinel { .. }) {
            command.arg("--sentinel");
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

    /// SIGSTOP or SIGCONT: it keeps its connections and answers nothing.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("redis runs").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// `redis://127.0.0.1:PORT`, or `redis-cluster://…`.
    pub fn url(&self) -> String {
        let scheme = if matches!(self.kind, Kind::Cluster) { "redis-cluster" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    fn connect(&self) -> Option<Connection> {
        let client = match &self.kind {
            Kind::Secured(certificates) => {
                let url = format!("rediss://tests:tests@127.0.0.1:{}", self.port);
                redis::Client::build_with_tls(url, certificates.octets()).unwrap()
            }
            _ => redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap(),
        };
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        redis::cmd("PING").query::<String>(&mut connection).ok().map(|_| connection)
    }

    /// One command and its answer.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connect().expect("redis runs")).expect("redis answers")
    }

    /// Whether a command succeeds.
    pub fn try_command(&self, words: &[&str]) -> bool {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        self.connect().is_some_and(|mut connection| command.exec(&mut connection).is_ok())
    }

    /// How often a command was called since the server started.
    pub fn calls(&self, command: &str) -> u64 {
        let stats: String = self.command(&["INFO", "commandstats"]);
        let prefix = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&prefix));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    /// Every key with its value. A cluster's replica answers for itself.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.connect().expect("redis runs");
        if matches!(self.kind, Kind::Cluster) {
            redis::cmd("READONLY").exec(&mut connection).unwrap();
        }
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let value = |key: String| {
            let value: Option<Vec<u8>> = redis::cmd("GET").arg(&key).query(&mut connection).ok()?;
            // It may have ended just now.
            Some((key, value?))
        };
        keys.into_iter().filter_map(value).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Waits for background work: asks again and again, fails after a bounded time.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < end {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {} seconds for {what}", PATIENCE.as_secs());
}

/// The machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
