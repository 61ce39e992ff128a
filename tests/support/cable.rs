//! A TCP cable between a client and a server that can be cut at a chosen octet, and mended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes octets on until it is cut; then every connection breaks off, new ones too.
pub struct Cable {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    /// Octets towards the server that still pass.
    left: AtomicI64,
    cut: watch::Sender<bool>,
}

impl Cable {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { left: AtomicI64::new(i64::MAX), cut: watch::Sender::new(false) });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts once so many more octets have gone towards the server.
    pub fn cut_after(&self, octets: i64) {
        self.state.left.store(octets, Ordering::SeqCst);
    }

    /// Waits until it was cut.
    pub async fn is_cut(&self) {
        self.state.cut.subscribe().wait_for(|cut| *cut).await.unwrap();
    }

    pub fn mend(&self) {
        self.state.left.store(i64::MAX, Ordering::SeqCst);
        self.state.cut.send_replace(false);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, server: SocketAddr, state: Arc<State>) {
    let mut cut = state.cut.subscribe();
    if *cut.borrow() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 16 * 1_024];
        loop {
            match from_client.read(&mut buffer).await {
                Ok(count) if count > 0 => {
                    let count = i64::try_from(count).unwrap();
                    let left = state.left.fetch_sub(count, Ordering::SeqCst);
                    let passing = usize::try_from(left.clamp(0, count)).unwrap();
                    if to_server.write_all(&buffer[..passing]).await.is_err() {
                        return;
                    }
                    if left <= count {
                        state.cut.send_replace(true);
                        return;
                    }
                }
                _ => return,
            }
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = up => {}
        _ = down => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}
