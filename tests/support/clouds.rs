//! Real object stores: an S3 server in this process, and Azurite, Microsoft's own emulator of Azure Blob.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::runtime::Runtime;

pub const BUCKET: &str = "sentra-test";
pub const ACCESS_KEY: &str = "TESTACCESSKEY";
pub const SECRET_KEY: &str = "test/secret+key";

/// An S3 server over a temporary folder. Killed, its connections break off; started again, it has what was complete.
pub struct S3Server {
    folder: TempDir,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl S3Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut server = Self { folder, address: ([127, 0, 0, 1], 0).into(), runtime: None };
        server.restart();
        server
    }

    pub fn restart(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let files = s3s_fs::FileSystem::new(self.folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(serving);
            }
        });
        self.runtime = Some(runtime);
    }

    /// Ends at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Files of the bucket: objects that are complete.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.folder.path().join(BUCKET), &mut found);
        found.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
        found
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

/// The URL of the S3 bucket at `address`, credentials included.
pub fn s3_url(address: SocketAddr, prefix: &str) -> String {
    let secret = SECRET_KEY.replace('/', "%2F").replace('+', "%2B");
    format!(
        "s3://{ACCESS_KEY}:{secret}@{BUCKET}/{prefix}?endpoint=http://{address}&region=us-east-1&allow_http=true"
    )
}

/// The account and key that every Azurite has: published, not secret.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Azurite with one container.
pub struct Azurite {
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Azurite {
    pub fn start() -> Self {
        // Somebody may take the port between looking and starting; then the next one.
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut server = Self { folder: tempfile::tempdir().unwrap(), address: free, child: None };
            if server.restart() {
                return server;
            }
        }
        panic!("azurite does not start on 5 ports");
    }

    /// Starts (again) on the same port; what it had not yet written down when it was killed is gone, its container
    /// included. False when it ended at once.
    pub fn restart(&mut self) -> bool {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("target/azurite/node_modules/.bin/azurite-blob");
        assert!(
            program.exists(),
            "Azurite is not installed: npm install --prefix target/azurite --omit=dev --ignore-scripts azurite@3.35.0 \
             (tests/run does it)"
        );
        let mut child = Command::new("node")
            .arg(program)
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
            ])
            .arg(self.address.port().to_string())
            .arg("--location")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is not installed: apt-get install -y nodejs npm");
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.address).is_err() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < end, "azurite does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
        self.make_container();
        true
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Create Container, signed by Shared Key (Azure Storage, "Authorize with Shared Key").
    fn make_container(&self) {
        let date = OffsetDateTime::now_utc().format(&Rfc2822).unwrap().replace("+0000", "GMT");
        let text = format!(
            "PUT{}x-ms-date:{date}\nx-ms-version:2021-12-02\n/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}\nrestype:container",
            "\n".repeat(12)
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(AZURE_KEY).unwrap());
        let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let request = format!(
            "PUT /{AZURE_ACCOUNT}/{BUCKET}?restype=container HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Length: 0\r\nx-ms-date: {date}\r\nx-ms-version: 2021-12-02\r\n\
             Authorization: SharedKey {AZURE_ACCOUNT}:{signature}\r\n\r\n",
            self.address
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let made = ["HTTP/1.1 201", "HTTP/1.1 409"].iter().any(|status| answer.starts_with(status));
        assert!(made, "{answer}");
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The URL of Azurite's container at `address`, credentials included.
pub fn azure_url(address: SocketAddr, prefix: &str) -> String {
    let key = AZURE_KEY.replace('/', "%2F");
    format!(
        "az://{AZURE_ACCOUNT}:{key}@{BUCKET}/{prefix}?endpoint=http://{address}/{AZURE_ACCOUNT}&allow_http=true"
    )
}
