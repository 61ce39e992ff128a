//! A real PostgreSQL, private to this test process: a temporary folder, a free port, one database a test.
//!
//! PostgreSQL refuses to run as root, so as root it runs as `postgres` or `nobody`. A small shell beside it reads from a
//! pipe that only this process holds: when we end, however we end, it stops the server and removes the folder.

use sentra::adapters::store;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Debian keeps the programs out of PATH, one folder a version.
const VERSIONS: [u32; 5] = [18, 17, 16, 15, 14];
/// Owns the tables.
pub const OWNER: &str = "sentra_owner";
/// What the server connects as.
pub const ROLE: &str = "sentra_server";

/// A running server.
pub struct PostgresServer {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<&'static str>,
    port: u16,
    supervisor: Child,
    template: OnceLock<()>,
}

/// Processes that hang.
pub struct Frozen(Vec<String>);

impl Frozen {
    fn signal(&self, signal: &str) {
        // A child may have ended meanwhile.
        Command::new("kill").arg(signal).args(&self.0).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

/// One test's database with this program's schema; dropped with the test.
pub struct TestDatabase {
    server: Arc<PostgresServer>,
    name: String,
}

impl PostgresServer {
    /// The one that all tests of this process share. Whoever restarts it starts one of their own.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<PostgresServer>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| Arc::new(Self::start())))
    }

    /// A server of its own.
    pub fn start() -> Self {
        let programs = programs();
        let user = unprivileged();
        let folder = tempfile::Builder::new().prefix("sentra-pg-").tempdir().unwrap().keep();
        if let Some(user) = user {
            assert!(Command::new("chown").arg(user).arg(&folder).status().unwrap().success());
        }
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Self {
            supervisor: supervisor(&folder, &programs, user),
            folder,
            programs,
            user,
            port: 0,
            template: OnceLock::new(),
        };
        server.run(
            "initdb",
            &[
                "--pgdata",
                server.data().to_str().unwrap(),
                "--username=admin",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                // Another order of texts than SQLite's, as most installations have it.
                "--locale=C",
                "--locale-provider=icu",
                "--icu-locale=en-US",
                "--no-sync",
            ],
        );
        server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        server.resume();
        server.admin(
            "postgres",
            &format!(
                "ALTER ROLE admin PASSWORD 'admin'; CREATE ROLE {OWNER} LOGIN PASSWORD 'owner'; \
                 CREATE ROLE {ROLE} LOGIN PASSWORD 'server'"
            ),
        );
        server
    }

    /// Starts (again) and waits until it takes connections.
    pub fn resume(&self) {
        let options = format!(
            "-p {} -k {} -h 127.0.0.1 -F -c full_page_writes=off -c shared_buffers=32MB -c max_connections=400 \
             -c log_statement=none",
            self.port,
            self.folder.display()
        );
        let (data, log) = (self.data(), self.folder.join("server.log"));
        let arguments =
            ["start", "-w", "-D", data.to_str().unwrap(), "-l", log.to_str().unwrap(), "-o", &options];
        self.run("pg_ctl", &arguments);
    }

    /// Stops at once and ends every connection.
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "fast", "-D", self.data().to_str().unwrap()]);
    }

    /// Stops every process of it in its tracks, as a machine that hangs, until the guard is dropped. Connections stay.
    pub fn freeze(&self) -> Frozen {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let main = file.lines().next().unwrap().trim().to_owned();
        let children = Command::new("pgrep").args(["-P", &main]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let frozen = Frozen(std::iter::once(main).chain(children.lines().map(str::to_owned)).collect());
        frozen.signal("-STOP");
        frozen
    }

    /// Statements as superuser in one database.
    pub fn admin(&self, database: &str, sql: &str) -> String {
        let done = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "admin", "-d", database, "-c", sql])
            .args(["-h", self.folder.to_str().unwrap(), "-p", &self.port.to_string()])
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .output()
            .unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// An empty database that [`OWNER`] owns.
    pub fn empty(self: &Arc<Self>) -> TestDatabase {
        self.create("template1")
    }

    /// A database with this program's schema.
    pub fn database(self: &Arc<Self>) -> TestDatabase {
        self.template.get_or_init(|| {
            self.admin("postgres", &format!("CREATE DATABASE template_sentra OWNER {OWNER}"));
            let (url, owner) =
                (self.url(ROLE, "server", "template_sentra"), self.url(OWNER, "owner", "template_sentra"));
            // Tests call this from within their runtimes.
            let migrating = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(store::migrate(&url, Some(&owner))).unwrap();
            });
            migrating.join().unwrap();
        });
        self.create("template_sentra")
    }

    /// `postgres://…` for a role.
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    fn create(self: &Arc<Self>, template: &str) -> TestDatabase {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.admin("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}"));
        TestDatabase { server: Arc::clone(self), name }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_user(self.user, &self.programs.join(program));
        // A file, not a pipe: the server inherits it and would keep a pipe open.
        let said = self.folder.join(format!("{program}.out"));
        let (out, err) = (std::fs::File::create(&said).unwrap(), std::fs::File::create(&said).unwrap());
        let status = command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(out).stderr(err);
        let status = status.status().unwrap();
        assert!(status.success(), "{program} failed: {}", std::fs::read_to_string(&said).unwrap());
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        self.supervisor.wait().unwrap();
    }
}

impl TestDatabase {
    /// As the server's role: what Sentra is given.
    pub fn url(&self) -> String {
        self.server.url(ROLE, "server", &self.name)
    }

    /// As the owner of the tables.
    pub fn owner_url(&self) -> String {
        self.server.url(OWNER, "owner", &self.name)
    }

    /// As superuser, whom no policy binds: for a test's own look at the rows.
    pub fn admin_url(&self) -> String {
        self.server.url("admin", "admin", &self.name)
    }

    /// Statements as superuser; the rows, columns separated by `|`.
    pub fn admin(&self, sql: &str) -> String {
        self.server.admin(&self.name, sql)
    }

    /// All of it as text (`pg_dump`), values of BYTEA in hexadecimal.
    pub fn dump(&self) -> Vec<u8> {
        let done = Command::new(self.server.programs.join("pg_dump"))
            .args([
                "-U",
                "admin",
                "-h",
                self.server.folder.to_str().unwrap(),
                "-p",
                &self.server.port.to_string(),
            ])
            .arg(&self.name)
            .output()
            .unwrap();
        assert!(done.status.success(), "pg_dump: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// Another database with the same content. Nobody may be connected to this one.
    pub fn copy(&self) -> Self {
        self.server.create(&self.name)
    }

    /// Gives this database the content of another one, and ends whoever is connected.
    pub fn become_as(&self, other: &Self) {
        let (name, other) = (&self.name, &other.name);
        self.server.admin("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        self.server.admin("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {other}"));
    }

    /// The server it is on.
    pub fn server(&self) -> &Arc<PostgresServer> {
        &self.server
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A server that a test left stopped takes the database with it anyway.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        Command::new(self.server.programs.join("psql"))
            .args(["-X", "-q", "-U", "admin", "-d", "postgres", "-c", &sql])
            .args(["-h", self.server.folder.to_str().unwrap(), "-p", &self.server.port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok();
    }
}

fn programs() -> PathBuf {
    let folders = VERSIONS.iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let elsewhere = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.extend(std::env::split_paths(&elsewhere));
    folders.into_iter().find(|folder| folder.join("initdb").exists()).unwrap_or_else(|| {
        panic!("there is no PostgreSQL server; these tests need it: apt-get install -y postgresql")
    })
}

/// Whom to run as: nobody else unless we are root.
fn unprivileged() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        return None;
    }
    let exists = |user: &&str| {
        Command::new("id").arg(user).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    ["postgres", "nobody"].into_iter().find(exists)
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--clear-groups"]).arg("--regid").arg(group(user)).arg("--").arg(program);
    command
}

fn group(user: &str) -> String {
    let id = Command::new("id").args(["-g", user]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

fn supervisor(folder: &Path, programs: &Path, user: Option<&str>) -> Child {
    let script = "read _; \"$@\" >/dev/null 2>&1; rm -rf \"$FOLDER\"";
    let stop = as_user(user, &programs.join("pg_ctl"));
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(stop.get_program()).args(stop.get_args());
    command.args(["stop", "-w", "-m", "immediate", "-D"]).arg(folder.join("data"));
    // A group of its own: Ctrl-C at the tests is not for it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.env("FOLDER", folder).current_dir("/").stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
