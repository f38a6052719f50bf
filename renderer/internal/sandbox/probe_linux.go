//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is a process id that no process has: what is forbidden must fail with
// EPERM before the kernel looks for it, and nobody is harmed if it is not.
const nobody = 0x3fffffff

// probes are the ways out that are tried. Each gives the error of the attempt.
var probes = []struct {
	name string
	try  func() error
}{
	{"read a file", func() error { return opened(unix.Open("/etc/passwd", unix.O_RDONLY, 0)) }},
	{"write a file", func() error { return opened(unix.Open("/dev/null", unix.O_WRONLY, 0)) }},
	{"list a directory", func() error { return opened(unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)) }},
	{"stat a path", func() error { return unix.Fstatat(unix.AT_FDCWD, "/etc/passwd", &unix.Stat_t{}, 0) }},
	{"make a directory", func() error { return unix.Mkdirat(unix.AT_FDCWD, "/nonexistent/directory", 0o700) }},
	{"read a link", func() error { _, err := unix.Readlink("/proc/self/exe", make([]byte, 64)); return err }},
	{"open an internet socket", func() error { return opened(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) }},
	{"open a local socket", func() error { return opened(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) }},
	{"start a program", func() error { return unix.Exec("/nonexistent/program", []string{"program"}, nil) }},
	{"fork", fork},
	{"signal a process", func() error { return unix.Kill(nobody, 0) }},
	{"trace a process", func() error { return unix.PtraceAttach(nobody) }},
	{"read another process' memory", func() error { _, err := unix.ProcessVMReadv(nobody, nil, nil, 0); return err }},
	{"make an anonymous file", func() error { return opened(unix.MemfdCreate("probe", 0)) }},
	{"use io_uring", func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) }},
	{"leave the namespaces", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{"load a BPF program", func() error { return raw(unix.SYS_BPF, ^uintptr(0), 0, 0) }},
	{"read the keyring", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); return err }},
}

func try() []attempt {
	attempts := make([]attempt, len(probes))
	for index, probe := range probes {
		err := probe.try()
		attempts[index] = attempt{Probe: probe.name, Denied: errors.Is(err, unix.EPERM)}
		if err != nil {
			attempts[index].Error = err.Error()
		}
	}
	return attempts
}

// opened closes what should not have been opened.
func opened(descriptor int, err error) error {
	if err == nil {
		_ = unix.Close(descriptor)
	}
	return err
}

func raw(number, first, second, third uintptr) error {
	if _, _, errno := syscall.Syscall(number, first, second, third); errno != 0 {
		return errno
	}
	return nil
}

// fork asks for a process that would end at once if it came to be.
func fork() error {
	child, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, uintptr(unsafe.Pointer(nil)))
	if errno != 0 {
		return errno
	}
	if child == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}
