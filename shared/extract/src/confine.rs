//! Takes system calls away from a process that reads what strangers sent.
//!
//! On Linux a seccomp filter answers them with "not permitted"; it holds for the process, for what it
//! starts and for what it becomes, and nothing takes it off. Nothing of it needs a privilege or a
//! kernel newer than Lambda's 5.10, which knows no Landlock: the reader's file is opened before, and
//! after that none can be. Elsewhere nothing is taken away.

use std::io;

/// What a process may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Read what is open and answer: no network, no other file, no other process.
    Reader,
    /// Become another program, which opens its own files: no network. It sees what the user of this process may see.
    Program,
}

/// Confines this thread and every thread and process that it starts from now on.
///
/// # Errors
/// The system does not filter system calls.
#[cfg(target_os = "linux")]
pub fn confine(to: Confinement) -> io::Result<()> {
    linux::confine(to).map_err(io::Error::other)
}

/// Confines nothing: only Linux has the means.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: Confinement) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use libc::c_long;
    use seccompiler::{
        BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule, TargetArch, apply_filter,
    };

    use super::Confinement;

    /// Ways to another machine, to another process's memory and files, and into the kernel.
    const OUTSIDE: &[c_long] = &[
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        // Opens sockets without the calls above.
        libc::SYS_io_uring_setup,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_chroot,
        libc::SYS_pivot_root,
    ];

    /// Ways to files and programs.
    const FILES: &[c_long] = &[
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_fchmodat,
        libc::SYS_fchownat,
        libc::SYS_truncate,
        libc::SYS_memfd_create,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_symlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rmdir,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chown,
        libc::SYS_renameat,
    ];

    /// The bit of the calls that `x86_64` keeps for programs with short pointers: the same calls again.
    #[cfg(target_arch = "x86_64")]
    const SHORT_POINTERS: c_long = 0x4000_0000;

    pub(super) fn confine(to: Confinement) -> Result<(), Error> {
        apply_filter(&filter(OUTSIDE, libc::EPERM, false)?)?;
        match to {
            Confinement::Program => Ok(()),
            Confinement::Reader => {
                apply_filter(&filter(FILES, libc::EACCES, true)?)?;
                // The C library asks for threads by this call first, whose flags no filter can see,
                // and then by the older one.
                apply_filter(&filter(&[libc::SYS_clone3], libc::ENOSYS, false)?)
            }
        }
    }

    /// A filter that answers the calls with an error number; with `threads_only`, also the start of
    /// whatever is not a thread of this process.
    fn filter(calls: &[c_long], error: i32, threads_only: bool) -> Result<BpfProgram, Error> {
        let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
            calls.iter().map(|&call| (call, Vec::new())).collect();
        #[cfg(target_arch = "x86_64")]
        rules.extend(calls.iter().map(|call| (call | SHORT_POINTERS, Vec::new())));
        if threads_only {
            let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
            let flags = SeccompCondition::new(
                0,
                SeccompCmpArgLen::Qword,
                SeccompCmpOp::MaskedEq(thread),
                0,
            )?;
            rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![flags])?]);
        }
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(error.unsigned_abs()),
            TargetArch::try_from(std::env::consts::ARCH)?,
        )?;
        Ok(BpfProgram::try_from(filter)?)
    }
}
