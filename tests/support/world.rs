//! A running Sentra: the real binary, initialised by its own command, on free ports in a temporary folder.

use super::backend::{Backend, Place};
use super::client::{Client, PATIENCE};
use super::redis::{Redises, Topology};
use sqlx::{AnyConnection, Executor as _};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use tempfile::TempDir;

/// The binary under test.
pub const SENTRA: &str = env!("CARGO_BIN_EXE_sentra");

/// How to initialise and what to change before the start.
pub struct Setup {
    pub next_hop: SocketAddr,
    /// Further arguments of `sentra init`.
    pub init: Vec<String>,
    /// Environment of every command.
    pub env: Vec<(String, String)>,
    /// Supplier CSV to import as verified.
    pub suppliers: Option<String>,
    /// Where it is kept.
    pub backend: Backend,
}

impl Setup {
    /// One organisation, `accounts@contoso.example`, mode enforce, loopback trusted, no TLS onward.
    pub fn new(next_hop: SocketAddr) -> Self {
        Self {
            next_hop,
            init: Vec::new(),
            env: Vec::new(),
            suppliers: Some(SUPPLIERS.to_owned()),
            backend: Backend::Sqlite,
        }
    }

    /// On another engine than SQLite.
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.init.push(argument.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Suppliers that most tests share. Account numbers are published samples.
pub const SUPPLIERS: &str = "\
supplier_id,name,domains,emails,phones,iban,sort_code,account_number,status
S1,Acme Building Supplies Ltd,acme-supplies.example,accounts@acme-supplies.example,+44 20 7946 0018,GB29NWBK60161331926819,,,
S2,Bramble Timber,bramble-timber.example,,+44 20 7946 0020,,20-00-00,55779911,
S3,Müller Stahl GmbH,mueller-stahl.example,,,DE89370400440532013000,,,
";

/// A Sentra that runs, or can be started again after it was killed.
pub struct World {
    pub folder: TempDir,
    place: Place,
    /// The cache that the backend has, if any.
    pub redis: Option<Redises>,
    env: Vec<(String, String)>,
    process: Option<Child>,
    pub smtp: SocketAddr,
    pub smtps: Option<SocketAddr>,
    pub web: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
    /// What init printed.
    pub init_output: String,
}

impl World {
    /// Initialises, imports the suppliers and starts.
    pub fn start(setup: Setup) -> Self {
        let mut world = Self::prepare(setup);
        world.serve();
        world
    }

    /// Initialises and imports, but does not start.
    pub fn prepare(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = setup.backend.place(folder.path());
        let redis =
            (setup.backend == Backend::PostgresAndRedisCluster).then(|| Redises::start(Topology::Cluster));
        let mut world = Self {
            folder,
            place,
            redis,
            env: setup.env,
            process: None,
            smtp: ([127, 0, 0, 1], 0).into(),
            smtps: None,
            web: None,
            metrics: None,
            init_output: String::new(),
        };
        let dir = world.dir();
        let next_hop = setup.next_hop.to_string();
        let mut arguments = vec![
            "init",
            "--dir",
            dir.to_str().unwrap(),
            "--org",
            "Contoso",
            "--mailbox",
            "accounts@contoso.example",
            "--next-hop",
            &next_hop,
            "--next-hop-tls",
            "none",
            "--hostname",
            "gateway.sentra.test",
            "--smtp",
            "127.0.0.1:0",
            "--web",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--trust",
            "127.0.0.0/16",
            "--admin-email",
            "it@contoso.example",
            "--yes",
        ];
        let mut kept = Vec::new();
        if let Place::Postgres(database) = &world.place {
            kept.extend(["--database".to_owned(), database.url()]);
            kept.extend(["--database-owner".to_owned(), database.owner_url()]);
        }
        if let Some(redis) = &world.redis {
            kept.extend(["--redis".to_owned(), redis.url()]);
        }
        arguments.extend(kept.iter().chain(&setup.init).map(String::as_str));
        let done = world.command(&arguments).output().unwrap();
        assert!(done.status.success(), "init failed: {}", String::from_utf8_lossy(&done.stderr));
        world.init_output = String::from_utf8_lossy(&done.stdout).into_owned();
        if let Some(csv) = setup.suppliers {
            world.import(&csv, &["--verified"]);
        }
        world
    }

    /// The folder that `init` filled.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("sentra")
    }

    /// `sentra ARGUMENTS` with this world's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SENTRA);
        command
            .args(arguments)
            .env("SENTRA_CONFIG", self.dir().join("sentra.toml"))
            .env("NO_COLOR", "1")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Changes the environment of every later command.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a command to its end and expects it to succeed; returns its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        assert!(status.success(), "sentra {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Imports a supplier file.
    pub fn import(&self, csv: &str, flags: &[&str]) {
        let file = self.folder.path().join("suppliers.csv");
        std::fs::write(&file, csv).unwrap();
        let mut arguments = vec!["suppliers", "import", file.to_str().unwrap()];
        arguments.extend(flags);
        self.run(&arguments);
    }

    /// One JSON value per line of a `--json` command.
    pub fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let mut all = arguments.to_vec();
        all.push("--json");
        self.run(&all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Starts `sentra serve` and waits for its `ready` event. After the first start it keeps its ports.
    pub fn serve(&mut self) {
        assert!(self.process.is_none(), "already running");
        let mut command = self.command(&["serve"]);
        if self.smtp.port() != 0 {
            command.env("SENTRA_SMTP__LISTEN", self.smtp.to_string());
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        let log = self.folder.path().join("serve.log");
        // The reader lives as long as the process: a full pipe would stop it.
        std::thread::spawn(move || {
            use std::io::Write as _;
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            for line in lines.map_while(Result::ok) {
                writeln!(file, "{line}").unwrap();
                sender.send(line).ok();
            }
        });
        let mut seen = Vec::new();
        loop {
            let Ok(line) = receiver.recv_timeout(PATIENCE) else {
                child.kill().ok();
                panic!("sentra serve did not become ready:\n{}", seen.join("\n"));
            };
            if let Some(ready) = ready_event(&line) {
                self.note_addresses(&ready);
                break;
            }
            seen.push(line);
        }
        self.process = Some(child);
    }

    fn note_addresses(&mut self, ready: &serde_json::Value) {
        let address = |key: &str| {
            let text = ready.get(key)?.as_str()?;
            text.split(',').next()?.trim().parse::<SocketAddr>().ok()
        };
        self.smtp = address("smtp").expect("the ready event names the SMTP address");
        self.smtps = address("smtps");
        self.web = address("web");
        self.metrics = address("metrics");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Whether the server was started and not stopped.
    pub fn process_runs(&self) -> bool {
        self.process.is_some()
    }

    /// SIGTERM, and the exit status.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.process.take().expect("running");
        self.signal_child(&child, "TERM");
        child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Waits for the process to end by itself, and returns its exit status.
    pub async fn wait_for_exit(&mut self) -> i32 {
        let mut child = self.process.take().expect("running");
        let exit = tokio::task::spawn_blocking(move || child.wait().unwrap().code().unwrap_or(-1));
        tokio::time::timeout(PATIENCE, exit).await.expect("it ends in time").unwrap()
    }

    /// Sends a signal by name to the running process.
    pub fn signal(&self, name: &str) {
        self.signal_child(self.process.as_ref().expect("running"), name);
    }

    fn signal_child(&self, child: &Child, name: &str) {
        let done =
            Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Process id of the running server.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").id()
    }

    /// Everything the server has logged, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    /// A session that has said EHLO.
    pub async fn hello(&self) -> Client {
        Client::hello(self.smtp).await.unwrap()
    }

    /// The rows of the quarantine in every state.
    pub fn quarantine(&self) -> Vec<serde_json::Value> {
        let mut arguments = vec!["quarantine", "list"];
        for state in
            ["held", "claimed", "approved", "releasing", "released", "rejected", "deleted", "expired"]
        {
            arguments.extend(["--state", state]);
        }
        self.json(&arguments)
    }

    /// Waits until a condition that the running server brings about holds. Nothing signals it to us from outside, so
    /// this looks again and again, for a bounded time.
    pub async fn wait_until(&self, holds: impl Fn(&Self) -> bool, what: &str) {
        let patient = async {
            while !holds(self) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, patient).await.is_ok(), "not in time: {what}");
    }

    /// Waits until a quarantine entry is in a state.
    pub async fn wait_for_state(&self, id: &str, state: &str) {
        let is = |world: &Self| world.quarantine().iter().any(|row| row["id"] == id && row["state"] == state);
        self.wait_until(is, &format!("{id} is {state}")).await;
    }

    /// What it is kept in.
    pub fn database(&self) -> &Place {
        &self.place
    }

    /// Its PostgreSQL.
    pub fn postgres(&self) -> &super::postgres::TestDatabase {
        match &self.place {
            Place::Postgres(database) => database,
            Place::Sqlite(_) => panic!("this world is on SQLite"),
        }
    }

    /// A connection to the database beside the server's own, past every policy.
    pub async fn sql(&self) -> AnyConnection {
        match &self.place {
            Place::Postgres(_) => self.place.peek().await,
            Place::Sqlite(_) => {
                let url = format!("sqlite:{}", self.dir().join("data/sentra.db").display());
                let mut connection = Place::Sqlite(url).peek().await;
                let wait = format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis());
                connection.execute(sqlx::AssertSqlSafe(wait)).await.unwrap();
                connection
            }
        }
    }

    /// Turns the outbox's clock forward while no server runs: pauses are over, the killed server's leases have run out.
    pub async fn outbox_is_due(&self) {
        assert!(self.process.is_none(), "a lease is taken from nobody who lives");
        let sql =
            "UPDATE outbox SET next_attempt_at = 0, lease_until = 0 WHERE state NOT IN ('sent', 'failed')";
        sqlx::query(sql).execute(&mut self.sql().await).await.unwrap();
    }

    /// Waits until a condition holds that the outbox brings about, and lets no pause between its tries take time.
    pub async fn push_outbox(&self, holds: impl Fn(&Self) -> bool, what: &str) {
        let mut sql = self.sql().await;
        let push = async {
            while !holds(self) {
                let due = "UPDATE outbox SET next_attempt_at = 0 WHERE state IN ('pending', 'uncertain')";
                sqlx::query(due).execute(&mut sql).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, push).await.is_ok(), "not in time: {what}");
    }

    /// The entry of a held message, whatever its state, with what the outbox did about it.
    pub fn entry(&self, message_id: &str) -> Option<serde_json::Value> {
        let bracketed = format!("<{message_id}>");
        let row = self.quarantine().into_iter().find(|row| row["message_id"] == *bracketed)?;
        Some(self.json(&["quarantine", "show", row["id"].as_str().unwrap()]).remove(0))
    }

    /// Lines of the log that hold all of these texts.
    pub fn logged(&self, texts: &[&str]) -> usize {
        self.log().lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// Memory of the server in KiB: `VmRSS` (now) or `VmHWM` (at most, since [`World::forget_peak`]).
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// `VmHWM` counts from now on.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.dir().join("sentra.toml")
    }

    /// Everything under the data folder, as one list of files.
    pub fn data_files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
            }
        }
        let mut found = Vec::new();
        walk(&self.dir().join("data"), &mut found);
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The fields of a `ready` log event.
fn ready_event(line: &str) -> Option<serde_json::Value> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = event.get("fields").unwrap_or(&event);
    (fields.get("message")?.as_str()? == "ready").then(|| fields.clone())
}

/// A message with CRLF line ends.
pub fn mail(from: &str, subject: &str, message_id: &str, body: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: accounts@contoso.example\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
        body.replace('\n', "\r\n")
    )
    .into_bytes()
}

/// A clean invoice of the verified supplier Acme.
pub fn clean_invoice(message_id: &str) -> Vec<u8> {
    mail(
        "Acme Building Supplies <accounts@acme-supplies.example>",
        "Invoice INV-1042",
        message_id,
        "Please find our invoice INV-1042.\nAmount due: £1,234.50\n\nIBAN: GB29 NWBK 6016 1331 9268 19\n",
    )
}

/// The same invoice with another account: to be held.
pub fn changed_invoice(message_id: &str) -> Vec<u8> {
    mail(
        "Acme Building Supplies <accounts@acme-supplies.example>",
        "Invoice INV-1042",
        message_id,
        "Please find our invoice INV-1042. Our bank details have changed.\nAmount due: £1,234.50\n\nIBAN: GB94 BARC 1020 1530 0934 59\n",
    )
}
