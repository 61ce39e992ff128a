//! What the recognising program is shut in by, from the inside: this program first limits itself, then becomes it.
//!
//! It is another's program of a million lines, so what a filter must leave to it is not known call by call, as it is for
//! our own workers. It may read what belongs to it and map it; it may not write, connect, start anything or look at another
//! process, and its output goes only to us.

use crate::limits::{RECOGNITION_CPU, RECOGNITION_MEMORY};
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs, their libraries and their data lie.
const READABLE: &[&str] = &["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null"];

/// System calls that are refused with EPERM.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_openat2,
    libc::SYS_open_by_handle_at,
    libc::SYS_memfd_create,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// The same in the forms that only older machines have.
#[cfg(target_arch = "x86_64")]
const REFUSED_OLD: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_creat,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OLD: &[libc::c_long] = &[];

/// Shuts this process in and becomes `program`. Comes back only when that failed.
#[must_use]
pub fn become_recogniser(program: &Path, languages: &str) -> io::Error {
    match shut_in(program) {
        Ok(()) => Command::new(program)
            .args(["stdin", "stdout", "-l", languages, "--psm", "3", "--dpi", "200"])
            .args(["-c", "tessedit_create_tsv=1"])
            .env_clear()
            // Threads are refused; it shall not try.
            .env("OMP_THREAD_LIMIT", "1")
            .env("LC_ALL", "C")
            .exec(),
        Err(error) => error,
    }
}

fn shut_in(program: &Path) -> io::Result<()> {
    let memory = RECOGNITION_MEMORY.saturating_mul(1_024 * 1_024);
    for (resource, most) in [
        (Resource::As, memory),
        (Resource::Cpu, RECOGNITION_CPU),
        (Resource::Nofile, 64),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    restrict_files(program).map_err(io::Error::other)?;
    let filter = filter().map_err(io::Error::other)?;
    apply_filter(&filter).map_err(io::Error::other)
}

/// Leaves only reading of what belongs to the program, where the kernel has Landlock (5.13). Elsewhere writing is refused
/// all the same, by the filter.
fn restrict_files(program: &Path) -> Result<(), landlock::RulesetError> {
    // `/opt/tesseract/bin/tesseract` brings its data in `/opt/tesseract/share`.
    let own = program.parent().and_then(Path::parent).filter(|folder| folder.parent().is_some());
    let readable = READABLE.iter().map(PathBuf::from).chain(own.map(Path::to_owned));
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V3))?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::from_read(ABI::V3)))?
        .restrict_self()?;
    Ok(())
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().chain(REFUSED_OLD).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_openat, writing(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, writing(1)?);
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch)?.try_into()
}

/// Opening for writing, by the flags in an argument.
fn writing(argument: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let access = u64::from(libc::O_ACCMODE.unsigned_abs());
    [libc::O_WRONLY, libc::O_RDWR]
        .into_iter()
        .map(|mode| {
            let mode = u64::from(mode.unsigned_abs());
            let masked = SeccompCmpOp::MaskedEq(access);
            let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, masked, mode)?;
            SeccompRule::new(vec![condition])
        })
        .collect()
}
