package tree

import (
	"path"
	"strings"

	"trimtab.dev/renderer/internal/protocol"
)

// Prefetch asks for many objects in one go, so that single reads find them in the cache.
func (v *View) Prefetch(entries []Entry) error {
	wants := make([][2]string, 0, len(entries))
	for _, entry := range entries {
		kind := "blob"
		if entry.Class == Directory {
			kind = "tree"
		}
		if _, found := v.cache.get(entry.OID); !found && entry.Class != Submodule {
			wants = append(wants, [2]string{kind, entry.OID})
		}
	}
	return v.fetch(wants)
}

// fetch asks for many objects. A missing or damaged one is left to the single read, which knows its path.
func (v *View) fetch(wants [][2]string) error {
	if len(wants) == 0 {
		return nil
	}
	return v.source.Objects(wants, func(answer protocol.Answer, body []byte) error {
		_, _ = v.keep(answer, body, "")
		return nil
	})
}

// PrefetchNamed asks for those entries of a directory whose names a text mentions. It records nothing:
// it only saves questions.
func (v *View) PrefetchNamed(directory, text string) error {
	node, complete := v.peek(directory)
	kept, cached := v.cache.get(node.OID)
	if !complete || !cached {
		return nil
	}
	var mentioned []Entry
	for _, entry := range kept.entries {
		if entry.Class != Link && strings.Contains(text, entry.Name) {
			mentioned = append(mentioned, entry)
		}
	}
	return v.Prefetch(mentioned)
}

// peek walks through what the cache has, without recording; complete tells whether it came through.
func (v *View) peek(name string) (node Node, complete bool) {
	node, rest := v.start(name)
	for rest != "" {
		part, after, _ := strings.Cut(rest, "/")
		kept, cached := v.cache.get(node.OID)
		if !cached {
			return node, false
		}
		entry, found := find(kept.entries, part)
		if !found || entry.Class != Directory {
			return node, false
		}
		node, rest = Node{Entry: entry, Path: path.Join(node.Path, part)}, after
	}
	return node, true
}

// Known gives the entries of a tree that the cache has, by oid. It records nothing.
func (v *View) Known(oid string) []Entry {
	kept, cached := v.cache.get(oid)
	if !cached {
		return nil
	}
	return kept.entries
}
