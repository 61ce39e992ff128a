//! A private PostgreSQL that plays a customer's ledger, with one database and one role.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The running server; stopped when dropped.
pub struct Ledger {
    folder: tempfile::TempDir,
    programs: PathBuf,
    user: Option<&'static str>,
    port: u16,
}

impl Ledger {
    pub fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::Builder::new().prefix("sentra-ledger-").tempdir().unwrap();
        let server = Self { folder, programs: programs(), user: unprivileged(), port };
        if let Some(user) = server.user {
            assert!(Command::new("chown").arg(user).arg(server.folder.path()).status().unwrap().success());
        }
        let data = server.data();
        server.run(
            "initdb",
            &["--pgdata", &data, "--username=admin", "--auth=trust", "--encoding=UTF8", "--no-sync"],
        );
        let options = format!("-p {port} -k {} -h 127.0.0.1 -F", server.folder.path().display());
        let log = server.folder.path().join("server.log");
        server.run("pg_ctl", &["start", "-w", "-D", &data, "-l", log.to_str().unwrap(), "-o", &options]);
        server.admin("CREATE ROLE reader LOGIN PASSWORD 'ledger-password'");
        server
    }

    /// As the role that Sentra is given.
    pub fn url(&self) -> String {
        format!("postgres://reader:ledger-password@127.0.0.1:{}/postgres", self.port)
    }

    /// Statements as superuser; the rows.
    pub fn admin(&self, sql: &str) -> String {
        let done = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "admin",
                "-d",
                "postgres",
                "-c",
                sql,
            ])
            .args(["-h", self.folder.path().to_str().unwrap(), "-p", &self.port.to_string()])
            .output()
            .unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_str().unwrap().to_owned()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = as_user(self.user, &self.programs.join(program))
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{program} failed");
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "immediate", "-D", &self.data()]);
    }
}

fn programs() -> PathBuf {
    let mut folders: Vec<PathBuf> =
        (13..=18).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").exists()).unwrap_or_else(|| {
        panic!("there is no PostgreSQL server; these tests need it: apt-get install -y postgresql")
    })
}

/// PostgreSQL refuses to run as root.
fn unprivileged() -> Option<&'static str> {
    let id = |arguments: &[&str]| Command::new("id").args(arguments).output().unwrap();
    if id(&["-u"]).stdout.trim_ascii() != b"0" {
        return None;
    }
    ["postgres", "nobody"].into_iter().find(|user| id(&[user]).status.success())
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let group = String::from_utf8(Command::new("id").args(["-g", user]).output().unwrap().stdout).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--clear-groups", "--regid", group.trim(), "--"]).arg(program);
    command
}
