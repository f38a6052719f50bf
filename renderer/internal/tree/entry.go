// Package tree reads a Git tree that is served object by object, follows
// symbolic links inside it, and records what was read and what was absent.
package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Class is the sort of a tree entry, one letter as in the listing digest.
type Class byte

// The classes of entries.
const (
	File       Class = 'f'
	Executable Class = 'x'
	Link       Class = 'l'
	Directory  Class = 'd'
	Submodule  Class = 's'
)

// maxName is the longest entry name that we read, in bytes (what Linux file systems hold).
const maxName = 255

// Entry is one line of a tree.
type Entry struct {
	Class Class
	Name  string
	OID   string
}

// IsFile tells whether the entry is a regular file, executable or not.
func (e Entry) IsFile() bool { return e.Class == File || e.Class == Executable }

// parse reads Git's raw tree format: "mode SP name NUL oid" (20 or 32 raw bytes).
// Hostile names are an error: nobody makes them by accident.
func parse(raw []byte, oidBytes int) ([]Entry, error) {
	entries := make([]Entry, 0, len(raw)/40+1)
	for len(raw) > 0 {
		space := bytes.IndexByte(raw, ' ')
		end := bytes.IndexByte(raw, 0)
		if space < 0 || end < space || len(raw) < end+1+oidBytes {
			return nil, fmt.Errorf("is damaged: a tree entry is cut short")
		}
		name := string(raw[space+1 : end])
		if err := checkName(name); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{
			Class: classOf(string(raw[:space])),
			Name:  name,
			OID:   hex.EncodeToString(raw[end+1 : end+1+oidBytes]),
		})
		raw = raw[end+1+oidBytes:]
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for index := 1; index < len(entries); index++ {
		if entries[index].Name == entries[index-1].Name {
			return nil, fmt.Errorf("has two entries named %q", entries[index].Name)
		}
	}
	return entries, nil
}

// classOf maps a mode as Git does: by its type bits, then the owner's x bit.
func classOf(mode string) Class {
	switch mode {
	case "40000", "040000":
		return Directory
	case "120000":
		return Link
	case "160000":
		return Submodule
	case "100755":
		return Executable
	default:
		return File
	}
}

// checkName refuses the names by which checkouts were broken out of
// (CVE-2014-9390 and its successors), though nothing is checked out here.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("has an entry named %q, which no path may hold", name)
	case strings.Contains(name, "/"):
		return fmt.Errorf("has an entry with a slash in its name")
	case len(name) > maxName:
		return fmt.Errorf("has an entry whose name is %d bytes long, over the limit of %d", len(name), maxName)
	case isDotGit(name):
		return fmt.Errorf("has an entry named %q, which stands for .git", name)
	}
	return nil
}

// isDotGit knows the spellings of .git on case-folding and 8.3 file systems.
func isDotGit(name string) bool {
	folded := strings.ToLower(strings.TrimRight(name, ". "))
	return folded == ".git" || folded == "git~1"
}

// listingDigest is the SHA-256 of a directory's names and classes (design 002).
func listingDigest(entries []Entry) string {
	records := make([]string, len(entries))
	for index, entry := range entries {
		records[index] = string([]byte{byte(entry.Class), ' '}) + entry.Name + "\x00"
	}
	sort.Strings(records)
	sum := sha256.Sum256([]byte(strings.Join(records, "")))
	return hex.EncodeToString(sum[:])
}
