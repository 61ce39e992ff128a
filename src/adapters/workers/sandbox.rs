//! What shuts a worker in: limits of resources, then a filter of system calls that leaves memory, its pipes and its end.
//!
//! Everything that opens, connects, starts or looks around is refused with EPERM: no file system, no network, no other
//! program, no thread.

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::collections::BTreeMap;
use std::io;

/// System calls that are left.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    // The limit on processor time is set anew for each document.
    libc::SYS_prlimit64,
    // How a process ends, be it by abort.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Limits for good: no more files, no child, no octet written to a file, no core image, and so much memory.
pub(super) fn limit(memory_megabytes: u64) -> io::Result<()> {
    let memory = memory_megabytes.saturating_mul(1_024 * 1_024);
    for (resource, most) in [
        (Resource::As, memory),
        (Resource::Nofile, 3),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Grants so many more seconds of processor time; then the kernel ends the process (SIGXCPU).
pub(super) fn grant(seconds: u64) -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    // Whole seconds are counted: the begun one is given.
    let current = Some(used.saturating_add(seconds).saturating_add(1));
    setrlimit(Resource::Cpu, Rlimit { current, maximum: None }).map_err(Into::into)
}

/// Filters system calls from here on.
pub(super) fn confine() -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|_| "no filter for this machine".to_owned())?;
    let rules: BTreeMap<i64, Vec<_>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter =
        SeccompFilter::new(rules, refusal, SeccompAction::Allow, arch).map_err(|error| error.to_string())?;
    let program: BpfProgram =
        filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}
