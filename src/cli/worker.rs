//! `sentra worker`: what the gateway starts to have documents read. Not for people; it talks in frames over its pipes.

use super::Failure;
use crate::adapters::workers::{self, InsideOptions, Job, Sight};
use crate::extract::documents::{self, Effort, File};
use crate::message;
use clap::Args;
use std::io;

/// Arguments of `sentra worker`.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct WorkerArgs {
    /// Address space of the process, in megabytes
    #[arg(long, value_name = "MB")]
    memory_megabytes: u64,
    /// Processor time of one document, in seconds
    #[arg(long, value_name = "SECONDS")]
    cpu_seconds: u64,
}

/// Reads documents from standard input until it ends.
pub(super) fn run(args: WorkerArgs) -> Result<(), Failure> {
    let options = InsideOptions { memory_megabytes: args.memory_megabytes, cpu_seconds: args.cpu_seconds };
    let read = |job: Job<'_>| {
        let Job { name, media_type, octets, inline, sight } = job;
        let effort = match sight {
            Sight::No => Effort::Text,
            Sight::Look => Effort::Sight { recognise: false },
            Sight::Recognise => Effort::Sight { recognise: true },
        };
        documents::read(File { name, media_type, octets, inline }, effort, message::parse)
    };
    workers::serve(options, read, &mut io::stdin().lock(), &mut io::stdout().lock())
        .map_err(|error| Failure::new(format!("the worker ends: {error}")))
}
