//! The `sentra` binary.

fn main() -> std::process::ExitCode {
    sentra::cli::main()
}
