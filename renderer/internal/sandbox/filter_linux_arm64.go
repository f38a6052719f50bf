package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// foreignNumbers: this architecture has no second interface under its name.
var foreignNumbers []unix.SockFilter

// ownCalls: the common ones suffice.
var ownCalls []uint32
