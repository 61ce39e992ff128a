//! Commands that write to plain streams and return a number, in this house's terms.

use super::{Failure, Globals, Io, Status, check, open, suppliers};
use crate::adapters::directory::redis::Redis;
use std::sync::Arc;

/// `sentra check`
pub(super) async fn check(
    globals: &Globals,
    mut args: check::CheckArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    args.json = globals.json;
    args.org.clone_from(&globals.org);
    let (out, err) = io.streams();
    ended(check::run(&args, out, err).await)
}

/// `sentra suppliers …`
pub(super) async fn suppliers(
    globals: &Globals,
    command: &suppliers::SuppliersCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let organisation = at.organisation(globals).await?;
    let redis = match &at.config.redis {
        Some(redis) => Some(Redis::connect(std::slice::from_ref(&redis.url))?),
        None => None,
    };
    let context = suppliers::SuppliersContext {
        database: at.store.database().clone(),
        keyring: Arc::clone(at.store.keyring()) as _,
        clock: Arc::clone(at.store.clock()),
        ids: Arc::clone(at.store.ids()),
        org: organisation.id,
        redis,
    };
    let (out, err) = io.streams();
    ended(suppliers::run(command, &context, globals.json, out, err).await)
}

/// The command has said everything itself: only its exit status is left.
fn ended(code: u8) -> Result<(), Failure> {
    let status = match code {
        0 => return Ok(()),
        1 => Status::Failed,
        2 => Status::Usage,
        3 => Status::Configuration,
        other => Status::Other(other),
    };
    Err(Failure { status, reports: Vec::new() })
}
