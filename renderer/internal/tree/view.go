package tree

import (
	"errors"
	"path"
	"strings"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/protocol"
)

// Source serves Git objects and plaintexts; the worker's parent stands behind it.
type Source interface {
	// Objects asks for pairs of kind ("blob", "tree") and oid, and calls keep for each, in any order.
	Objects(wants [][2]string, keep func(answer protocol.Answer, body []byte) error) error
	// Decrypted asks for the plaintext of a file.
	Decrypted(path, oid string) ([]byte, error)
}

// ErrAbsent is what a look-up gives for a path at which nothing is. It is recorded.
var ErrAbsent = errors.New("there is nothing at this path")

// maxLinks is how many symbolic links one path may lead through, as in Linux.
const maxLinks = 40

// View is one request's sight of a tree. Paths are relative to its root, with
// slashes, cleaned; "" is the root.
type View struct {
	source Source
	cache  *Cache
	root   string
	hints  map[string]string
	reads  map[protocol.Read]struct{}
	stated map[string]string
}

// Node is what a path leads to once links are followed. Path is the real one.
type Node struct {
	Entry
	Path string
}

// NewView opens the tree with this oid. Hints map directories to their trees.
func NewView(source Source, cache *Cache, root string, hints map[string]string) *View {
	return &View{
		source: source, cache: cache, root: root, hints: hints,
		reads: map[protocol.Read]struct{}{}, stated: map[string]string{},
	}
}

// Clean gives the canonical form of a path below the root; false if it climbs out.
func Clean(raw string) (string, bool) {
	cleaned := path.Clean(raw)
	if cleaned == "." {
		return "", true
	}
	if cleaned == ".." || strings.HasPrefix(cleaned, "../") || strings.HasPrefix(cleaned, "/") || strings.ContainsRune(cleaned, 0) {
		return "", false
	}
	return cleaned, true
}

// Stat finds what is at a path. A file counts as read; a directory as seen to exist.
func (v *View) Stat(name string) (Node, error) {
	node, err := v.resolve(name)
	if err != nil {
		return Node{}, err
	}
	if node.IsFile() {
		v.record("f", node.Path, node.OID)
		return node, nil
	}
	kept, err := v.tree(node.OID, node.Path)
	if err != nil {
		return Node{}, err
	}
	v.stated[node.Path] = kept.listing
	return node, nil
}

// ReadFile gives a file's content as it stands in Git, and records it.
func (v *View) ReadFile(name string) ([]byte, error) {
	content, _, err := v.readNode(name)
	return content, err
}

// ReadPlain gives a file's content, decrypted by the parent if SOPS encrypted it.
func (v *View) ReadPlain(name string) ([]byte, error) {
	content, node, err := v.readNode(name)
	if err != nil || !Encrypted(content) {
		return content, err
	}
	return v.source.Decrypted(node.Path, node.OID)
}

func (v *View) readNode(name string) ([]byte, Node, error) {
	node, err := v.Stat(name)
	if err != nil {
		return nil, node, err
	}
	if !node.IsFile() {
		return nil, node, failure.New(failure.Source, node.Path, "is a directory where a file was expected")
	}
	content, err := v.blob(node.OID, node.Path)
	return content, node, err
}

// ReadDir lists a directory, by name, and records the listing. The path given back is the real one.
func (v *View) ReadDir(name string) ([]Entry, string, error) {
	node, err := v.resolve(name)
	if err != nil {
		return nil, "", err
	}
	if node.Class != Directory {
		v.record("f", node.Path, node.OID)
		return nil, "", failure.New(failure.Source, node.Path, "is a file where a directory was expected")
	}
	kept, err := v.tree(node.OID, node.Path)
	if err != nil {
		return nil, "", err
	}
	v.record("d", node.Path, kept.listing)
	return kept.entries, node.Path, nil
}

// resolve walks to a path through links, and records links and absences.
func (v *View) resolve(name string) (Node, error) {
	for range maxLinks {
		node, next, err := v.walk(name)
		if err != nil || next == "" {
			return node, err
		}
		name = strings.TrimPrefix(next, "/")
	}
	return Node{}, failure.New(failure.Source, name, "leads through more than %d symbolic links; they may form a circle", maxLinks)
}

// walk goes down to a path. When it meets a link it gives back, in next, where to start again ("/" + path).
func (v *View) walk(name string) (node Node, next string, err error) {
	node, rest := v.start(name)
	for rest != "" {
		part, after, _ := strings.Cut(rest, "/")
		if node.Class != Directory {
			v.record("a", name, "")
			return node, "", ErrAbsent
		}
		kept, err := v.tree(node.OID, node.Path)
		if err != nil {
			return node, "", err
		}
		entry, found := find(kept.entries, part)
		if !found {
			v.record("a", name, "")
			return node, "", ErrAbsent
		}
		node = Node{Entry: entry, Path: path.Join(node.Path, part)}
		switch entry.Class {
		case Link:
			target, err := v.follow(node)
			return node, "/" + path.Join(target, after), err
		case Submodule:
			return node, "", failure.New(failure.Source, node.Path, "is a submodule; submodules are not read, so copy its content or make it a Repository of its own")
		}
		rest = after
	}
	return node, "", nil
}

// start gives the deepest hinted directory on the way to a path, else the root.
func (v *View) start(name string) (Node, string) {
	for prefix := name; prefix != ""; prefix = parent(prefix) {
		if oid, hinted := v.hints[prefix]; hinted {
			return Node{Entry{Directory, path.Base(prefix), oid}, prefix}, strings.TrimPrefix(name[len(prefix):], "/")
		}
	}
	return Node{Entry: Entry{Class: Directory, OID: v.root}}, name
}

func parent(name string) string {
	if slash := strings.LastIndexByte(name, '/'); slash >= 0 {
		return name[:slash]
	}
	return ""
}

// follow reads a link and gives the path that it leads to, below the root.
func (v *View) follow(link Node) (string, error) {
	v.record("l", link.Path, link.OID)
	target, err := v.blob(link.OID, link.Path)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(string(target), "/") {
		return "", failure.New(failure.Source, link.Path, "is a symbolic link to an absolute path; only links inside the repository are followed")
	}
	inside, ok := Clean(path.Join(parent(link.Path), string(target)))
	if !ok {
		return "", failure.New(failure.Source, link.Path, "is a symbolic link that leaves the repository; only links inside it are followed")
	}
	return inside, nil
}

func find(entries []Entry, name string) (Entry, bool) {
	low, high := 0, len(entries)
	for low < high {
		middle := (low + high) / 2
		if entries[middle].Name < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(entries) && entries[low].Name == name {
		return entries[low], true
	}
	return Entry{}, false
}
