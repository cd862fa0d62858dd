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
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_pidfd_send_signal,
        libc::SYS_process_madvise,
        libc::SYS_shmat,
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

    /// The bit of the calls that `x86_64` keeps for programs with short pointers: the same calls again, but for those that
    /// have a number of their own there.
    #[cfg(target_arch = "x86_64")]
    const SHORT_POINTERS: c_long = 0x4000_0000;

    /// Those with a number of their own, all of them ways that are denied: `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, `ptrace`,
    /// `process_vm_readv`, `process_vm_writev`; and `execve`, `execveat`. Source: `syscall_64.tbl` of Linux.
    #[cfg(target_arch = "x86_64")]
    const SHORT_OUTSIDE: &[c_long] = &[524, 536, 521, 539, 540];
    #[cfg(target_arch = "x86_64")]
    const SHORT_FILES: &[c_long] = &[520, 545];

    pub(super) fn confine(to: Confinement) -> Result<(), Error> {
        let mut outside = denied(OUTSIDE);
        #[cfg(target_arch = "x86_64")]
        outside.extend(denied(SHORT_OUTSIDE));
        // A process may signal and limit itself.
        let this = u64::from(std::process::id());
        outside.extend(conditional(
            libc::SYS_tgkill,
            &[SeccompRule::new(vec![is_not(this)?])?],
        ));
        outside.extend(conditional(
            libc::SYS_prlimit64,
            &[SeccompRule::new(vec![is_not(this)?, is_not(0)?])?],
        ));
        apply(outside, libc::EPERM)?;
        if to == Confinement::Program {
            return Ok(());
        }
        let mut files = denied(FILES);
        #[cfg(target_arch = "x86_64")]
        files.extend(denied(SHORT_FILES));
        files.extend(conditional(
            libc::SYS_clone,
            &[SeccompRule::new(vec![is_no_thread()?])?],
        ));
        apply(files, libc::EACCES)?;
        // The C library asks for threads by this call first, whose flags no filter can see, and then by the older one.
        apply(denied(&[libc::SYS_clone3]), libc::ENOSYS)
    }

    type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

    /// Calls that are denied whatever they are given.
    fn denied(calls: &[c_long]) -> Rules {
        calls
            .iter()
            .flat_map(|&call| conditional(call, &[]))
            .collect()
    }

    /// A call that is denied where one of the rules holds; without a rule, always.
    fn conditional(call: c_long, rules: &[SeccompRule]) -> Rules {
        let mut calls = Rules::from([(call, rules.to_vec())]);
        #[cfg(target_arch = "x86_64")]
        calls.insert(call | SHORT_POINTERS, rules.to_vec());
        calls
    }

    /// Its first argument is another process than this.
    fn is_not(process: u64) -> Result<SeccompCondition, Error> {
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, process)?;
        Ok(condition)
    }

    /// What is started is no thread of this process.
    fn is_no_thread() -> Result<SeccompCondition, Error> {
        let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
        let condition = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(thread),
            0,
        )?;
        Ok(condition)
    }

    /// Answers the calls with an error number from now on.
    fn apply(calls: Rules, error: i32) -> Result<(), Error> {
        let filter = SeccompFilter::new(
            calls,
            SeccompAction::Allow,
            SeccompAction::Errno(error.unsigned_abs()),
            TargetArch::try_from(std::env::consts::ARCH)?,
        )?;
        apply_filter(&BpfProgram::try_from(filter)?)
    }
}
