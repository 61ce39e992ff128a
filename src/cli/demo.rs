//! `sentra demo`

use super::{Failure, Io, Status};
use crate::demo;
use clap::Args;

/// Flags of `sentra demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sentra demo\n  sentra demo --exit")]
pub(super) struct DemoArgs {
    /// End after the table, with status 0 only if all went as expected
    #[arg(long)]
    exit: bool,
}

/// Runs the demo; without `--exit` it stays up until it is interrupted.
pub(super) fn run(args: &DemoArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))?;
    let as_expected = runtime.block_on(demo::run(!args.exit, io.colour, io.out()))?;
    if as_expected { Ok(()) } else { Err(Failure::silent(Status::Failed)) }
}
