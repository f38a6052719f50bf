// Package treetest holds small Git trees in memory, for tests: it hashes as Git does and serves objects by oid.
package treetest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"trimtab.dev/renderer/internal/protocol"
)

// LinkMark begins the content of a file that is a symbolic link to the rest.
const LinkMark = "-> "

// Files maps paths to contents; LinkMark + target makes a link.
type Files map[string]string

// With gives a copy with some files replaced.
func (f Files) With(changes Files) Files {
	changed := Files{}
	for name, content := range f {
		changed[name] = content
	}
	for name, content := range changes {
		changed[name] = content
	}
	return changed
}

// Without gives a copy that lacks a file, or a directory with all that is in it.
func (f Files) Without(gone string) Files {
	changed := Files{}
	for name, content := range f {
		if name != gone && !strings.HasPrefix(name, gone+"/") {
			changed[name] = content
		}
	}
	return changed
}

// Store holds objects by oid.
type Store map[string]Object

// Object is a blob or a tree.
type Object struct {
	Kind string
	Body []byte
}

// Put hashes and keeps an object.
func (s Store) Put(kind string, body []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", kind, len(body)), body...))
	oid := hex.EncodeToString(sum[:])
	s[oid] = Object{kind, body}
	return oid
}

// Tree keeps all files and gives the root's oid.
func (s Store) Tree(files Files) string {
	return s.directory(files, "")
}

func (s Store) directory(files Files, directory string) string {
	children := map[string]bool{} // name → is a directory
	for name := range files {
		below, inside := strings.CutPrefix(name, directory)
		if !inside {
			continue
		}
		child, _, deeper := strings.Cut(below, "/")
		children[child] = deeper
	}
	var names []string
	for name := range children {
		names = append(names, name)
	}
	sort.Strings(names)
	var raw []byte
	for _, name := range names {
		mode, oid := s.entry(files, directory+name, children[name])
		binary, _ := hex.DecodeString(oid)
		raw = append(fmt.Appendf(raw, "%s %s\x00", mode, name), binary...)
	}
	return s.Put("tree", raw)
}

func (s Store) entry(files Files, name string, isDirectory bool) (mode, oid string) {
	if isDirectory {
		return "40000", s.directory(files, name+"/")
	}
	if target, isLink := strings.CutPrefix(files[name], LinkMark); isLink {
		return "120000", s.Put("blob", []byte(target))
	}
	return "100644", s.Put("blob", []byte(files[name]))
}

// Objects serves as a tree.Source.
func (s Store) Objects(wants [][2]string, keep func(protocol.Answer, []byte) error) error {
	for _, want := range wants {
		found, known := s[want[1]]
		answer := protocol.Answer{OID: want[1], Kind: found.Kind, Missing: !known}
		if err := keep(answer, found.Body); err != nil {
			return err
		}
	}
	return nil
}

// Decrypted serves as a tree.Source that has no keys.
func (s Store) Decrypted(string, string) ([]byte, error) {
	return nil, fmt.Errorf("no key")
}

// Blob gives the oid of a content.
func Blob(content string) string { return Store{}.Put("blob", []byte(content)) }

// Holds evaluates one read against other files, by design 002's table and nothing of the worker's.
func Holds(read protocol.Read, files Files) bool {
	kind, name, id := read[0], read[1], read[2]
	content, isFile := files[name]
	target, isLink := strings.CutPrefix(content, LinkMark)
	switch kind {
	case "f":
		return isFile && !isLink && Blob(content) == id
	case "l":
		return isFile && isLink && Blob(target) == id
	case "d":
		return !isFile && listing(files, name) == id
	case "a":
		return !isFile && listing(files, name) == ""
	default:
		panic("a read of kind " + kind)
	}
}

// listing is the digest of a directory, or "" if there is none.
func listing(files Files, directory string) string {
	prefix := strings.TrimPrefix(path.Clean(directory)+"/", "./")
	records := map[string]bool{}
	for name, content := range files {
		below, inside := strings.CutPrefix(name, prefix)
		if !inside {
			continue
		}
		child, _, deeper := strings.Cut(below, "/")
		switch {
		case deeper:
			records["d "+child+"\x00"] = true
		case strings.HasPrefix(content, LinkMark):
			records["l "+child+"\x00"] = true
		default:
			records["f "+child+"\x00"] = true
		}
	}
	if len(records) == 0 && prefix != "" {
		return ""
	}
	var sorted []string
	for record := range records {
		sorted = append(sorted, record)
	}
	slices.Sort(sorted)
	return digest(strings.Join(sorted, ""))
}
