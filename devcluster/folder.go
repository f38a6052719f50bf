package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFolder makes the data folder (for its owner alone) and takes it for this process.
// The kernel lets go of the lock however the process ends, so none is ever stale.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	path := filepath.Join(dir, "devcluster.lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		holder, _ := os.ReadFile(path) // only for the sentence
		return nil, fmt.Errorf("the data folder %s is in use by devcluster process %s: stop it, or name another --data-dir",
			dir, strings.TrimSpace(string(holder)))
	}
	if err := lock.Truncate(0); err != nil {
		return nil, err
	}
	_, err = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return lock, err
}

// longestSocket is how long a socket's path may be on every system that we know (104 on macOS, 108 on Linux, with the end mark).
const longestSocket = 100

// socketFolder is where etcd's socket lies: the data folder, or a short private one when that path is too long for a socket.
// The short one is named after the data folder, so that a start after kill -9 finds and clears it.
func socketFolder(dataDir string) (string, error) {
	if len(filepath.Join(dataDir, "etcd.sock")) <= longestSocket {
		return dataDir, nil
	}
	digest := sha256.Sum256([]byte(dataDir))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("devcluster-%x", digest[:8]))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o700) // fails when someone else made it in between
}

// output is where the process may still speak after logs took over its standard streams.
type output struct{ stdout, stderr *os.File }

// redirectOutput sends whatever is written to the standard streams (klog, panics, stray prints) to the log file,
// and returns the streams as they were.
func redirectOutput(path string) (output, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return output{}, fmt.Errorf("the log cannot be opened: %w", err)
	}
	defer file.Close()
	var saved [3]*os.File
	for _, fd := range []int{unix.Stdout, unix.Stderr} {
		duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return output{}, err
		}
		saved[fd] = os.NewFile(uintptr(duplicate), "standard stream")
		if err := unix.Dup2(int(file.Fd()), fd); err != nil {
			return output{}, err
		}
	}
	return output{stdout: saved[unix.Stdout], stderr: saved[unix.Stderr]}, nil
}
