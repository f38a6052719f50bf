//go:build linux && (amd64 || arm64)

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h); both architectures are little-endian.
const (
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16
)

// prSetVMA is the one prctl that the Go runtime wants: it names its memory.
const prSetVMA = 0x53564d41

// commonCalls are what the Go runtime needs to compute, schedule, collect garbage, sleep, and use open streams.
var commonCalls = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_LSEEK, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_FCNTL,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETRUSAGE, unix.SYS_GETRANDOM, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// filter builds the program: a foreign architecture kills, listed calls pass, threads and signals
// to ourselves pass, everything else fails with EPERM.
func filter(pid uint32) []unix.SockFilter {
	program := []unix.SockFilter{
		load(offsetArch),
		jumpIfEqual(auditArch, 1, 0),
		give(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetNumber),
	}
	program = append(program, foreignNumbers...)
	program = append(program, onArgument(unix.SYS_CLONE, jumpIfAny(unix.CLONE_THREAD, 0, 1))...)
	program = append(program, onArgument(unix.SYS_TGKILL, jumpIfEqual(pid, 0, 1))...)
	program = append(program, onArgument(unix.SYS_PRCTL, jumpIfEqual(prSetVMA, 0, 1))...)
	program = append(program, jumpIfEqual(unix.SYS_CLONE3, 0, 1), give(fail(unix.ENOSYS)))
	for _, number := range append(commonCalls, ownCalls...) {
		program = append(program, jumpIfEqual(number, 0, 1), give(unix.SECCOMP_RET_ALLOW))
	}
	return append(program, give(fail(unix.EPERM)))
}

// onArgument passes a call if its first argument satisfies the condition (which falls
// through when it does, and skips one when not), else fails it with EPERM.
func onArgument(number uint32, condition unix.SockFilter) []unix.SockFilter {
	return []unix.SockFilter{
		jumpIfEqual(number, 0, 4),
		load(offsetArgument),
		condition,
		give(unix.SECCOMP_RET_ALLOW),
		give(fail(unix.EPERM)),
	}
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jumpIfEqual(value uint32, then, otherwise uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: then, Jf: otherwise, K: value}
}

func jumpIfAny(bits uint32, then, otherwise uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: then, Jf: otherwise, K: bits}
}

func give(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

func fail(errno syscall.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }
