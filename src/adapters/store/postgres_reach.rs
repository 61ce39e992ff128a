//! Whether a PostgreSQL is there: a breaker, so that its outage costs the first message a moment and the others nothing.
//!
//! A pool waits for a connection as long for a server that is busy as for one that is gone. What takes longer than a
//! moment is therefore checked by one connection beside the pool: while the server answers that, the line is waited in;
//! once it does not, whoever waits is told so at once, and so is whoever comes later, until the server answers again.

use super::error::{StoreError, is_lost_connection};
use crate::limits;
use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use std::fmt::{self, Debug, Formatter};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as Line;
use tokio::time::{Instant, sleep, timeout};

/// What is known of one server.
pub(super) struct Reach {
    options: AnyConnectOptions,
    place: String,
    known: Mutex<Known>,
    /// One asks at a time.
    asking: Line<()>,
}

/// What the last connection beside the pool said.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    away: bool,
    asked: Option<Instant>,
}

// The options hold the password.
impl Debug for Reach {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("place", &self.place).field("known", &self.known()).finish()
    }
}

impl Reach {
    pub(super) fn new(options: AnyConnectOptions, place: String) -> Arc<Self> {
        Arc::new(Self { options, place, known: Mutex::default(), asking: Line::new(()) })
    }

    /// Does `work`, which needs the server, unless it is away or is found to be away meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server is away; otherwise those of the work.
    pub(super) async fn during<T>(
        self: &Arc<Self>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.ask_again_when_due()?;
        let mut work = pin!(work);
        if let Ok(done) = timeout(limits::STORE_PATIENCE, &mut work).await {
            return done;
        }
        tokio::select! {
            done = work => done,
            () = self.found_away() => Err(away()),
        }
    }

    /// Lets through while the server is there. While it is away everybody is refused at once; beside them it is asked
    /// again, after a pause.
    fn ask_again_when_due(self: &Arc<Self>) -> Result<(), StoreError> {
        if !self.known().away {
            return Ok(());
        }
        if !self.asked_within(limits::STORE_RETRY) {
            let reach = Arc::clone(self);
            tokio::spawn(async move {
                // Another one asks already, or just did.
                let Ok(_only) = reach.asking.try_lock() else { return };
                if !reach.asked_within(limits::STORE_RETRY) {
                    reach.ask().await;
                }
            });
        }
        Err(away())
    }

    /// Ends once the server does not answer.
    async fn found_away(&self) {
        loop {
            let only = self.asking.lock().await;
            // Whoever was first asked for all who wait.
            let answers = match self.asked_within(limits::STORE_RETRY) {
                true => !self.known().away,
                false => self.ask().await,
            };
            drop(only);
            if !answers {
                return;
            }
            sleep(limits::STORE_RETRY).await;
        }
    }

    /// One connection beside the pool. True when somebody answered, be it with a refusal: too many connections are no
    /// outage, those of the pool go on working.
    async fn ask(&self) -> bool {
        let connecting = async { self.options.connect().await?.close().await };
        let answers = match timeout(limits::STORE_PROBE_TIMEOUT, connecting).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => matches!(error, sqlx::Error::Database(_)) && !is_lost_connection(&error),
            Err(_) => false,
        };
        let known = Known { away: !answers, asked: Some(Instant::now()) };
        let before = std::mem::replace(&mut *self.lock(), known);
        if before.away != known.away {
            let place = &self.place;
            match known.away {
                true => tracing::warn!(database = %place, "the database does not answer; mail is deferred"),
                false => tracing::info!(database = %place, "the database answers again"),
            }
        }
        answers
    }

    fn asked_within(&self, pause: std::time::Duration) -> bool {
        self.known().asked.is_some_and(|asked| asked.elapsed() < pause)
    }

    fn known(&self) -> Known {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the server does not answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;
    use tokio::net::TcpListener;

    async fn reach(address: std::net::SocketAddr) -> Arc<Reach> {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(&format!("postgres://a:hunter2@{address}/x")).unwrap();
        Reach::new(options, "a@here/x".to_owned())
    }

    #[tokio::test]
    async fn work_that_waits_for_nobody_ends_and_the_next_is_not_begun() {
        // Nobody listens at a port that was just given back.
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        // Takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for address in [gone, silent.local_addr().unwrap()] {
            let reach = reach(address).await;
            let ended = reach.during(std::future::pending::<Result<(), StoreError>>()).await;
            assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
            let mut begun = false;
            let refused = reach
                .during(async {
                    begun = true;
                    Ok(())
                })
                .await;
            assert!(refused.is_err() && !begun, "{address}");
            assert!(!format!("{reach:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn work_that_is_done_is_not_judged_by_the_server() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let reach = reach(gone).await;
        assert_eq!(reach.during(async { Ok(7) }).await.unwrap(), 7);
        let failed = reach.during(async { Err::<(), _>(StoreError::NotFound("entry")) }).await;
        assert!(matches!(failed, Err(StoreError::NotFound(_))));
    }
}
