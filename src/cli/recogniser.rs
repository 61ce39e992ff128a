//! `sentra recogniser`: what the gateway starts for one image of a page. Not for people: it shuts itself in and becomes the
//! recognising program, which reads the image from standard input.

use super::Failure;
use crate::adapters::workers;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `sentra recogniser`.
#[derive(Args, Clone, Debug)]
pub(super) struct RecogniserArgs {
    /// The program that recognises text
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Languages as it names them
    #[arg(long, value_name = "LANGUAGES")]
    languages: String,
}

/// Becomes the program.
pub(super) fn run(args: &RecogniserArgs) -> Result<(), Failure> {
    let error = workers::become_recogniser(&args.program, &args.languages);
    Err(Failure::new(format!("the recognising program cannot be started: {error}")))
}
