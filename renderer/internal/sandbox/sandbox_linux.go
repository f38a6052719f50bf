//go:build linux && (amd64 || arm64)

package sandbox

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enter sets no_new_privs (without it the kernel takes no filter from us), then
// landlock where the kernel has it, then the filter, which is what counts.
func enter() (string, error) {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return "", fmt.Errorf("no_new_privs was refused: %w (a program built with cgo cannot reach all its threads; build with CGO_ENABLED=0)", errno)
	}
	landlocked := landlock() == nil
	if err := seccomp(); err != nil {
		return "", err
	}
	if landlocked {
		return "landlock+seccomp", nil
	}
	return "seccomp", nil
}

// seccomp installs the filter on all threads at once.
func seccomp() error {
	program := filter(uint32(syscall.Getpid()))
	described := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&described)))
	if errno != 0 {
		return fmt.Errorf("the seccomp filter was refused: %w", errno)
	}
	return nil
}

// rulesetAttributes is struct landlock_ruleset_attr of linux/landlock.h.
type rulesetAttributes struct{ fileSystem, network, scoped uint64 }

// landlock forbids every file and network access that this kernel's landlock knows.
func landlock() error {
	abi, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errno
	}
	attributes, size := attributesFor(int(abi))
	ruleset, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), size, 0)
	if errno != 0 {
		return errno
	}
	defer func() { _ = syscall.Close(int(ruleset)) }()
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// attributesFor names all rights of a landlock version
// (https://docs.kernel.org/userspace-api/landlock.html, "Previous limitations").
func attributesFor(abi int) (rulesetAttributes, uintptr) {
	attributes, size := rulesetAttributes{fileSystem: 1<<13 - 1}, uintptr(8)
	if abi >= 2 {
		attributes.fileSystem |= 1 << 13 // refer
	}
	if abi >= 3 {
		attributes.fileSystem |= 1 << 14 // truncate
	}
	if abi >= 4 {
		attributes.network, size = 3, 16 // bind, connect
	}
	if abi >= 5 {
		attributes.fileSystem |= 1 << 15 // ioctl on devices
	}
	if abi >= 6 {
		attributes.scoped, size = 3, 24 // abstract sockets, signals
	}
	return attributes, size
}
