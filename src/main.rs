//! The `sentra` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentra::cli::main()
}
