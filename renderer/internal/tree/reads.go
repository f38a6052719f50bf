package tree

import (
	"slices"
	"strings"

	"trimtab.dev/renderer/internal/protocol"
)

// record notes one read, once.
func (v *View) record(kind, path, id string) {
	v.reads[protocol.Read{kind, path, id}] = struct{}{}
}

// Reads gives everything that was read and everything found absent, sorted.
// A directory of which only its existence was asked is witnessed by any read
// below it, or else by its listing.
func (v *View) Reads() []protocol.Read {
	reads := make([]protocol.Read, 0, len(v.reads)+len(v.stated))
	for read := range v.reads {
		reads = append(reads, read)
	}
	for path, listing := range v.stated {
		if !witnessed(reads, path) {
			reads = append(reads, protocol.Read{"d", path, listing})
		}
	}
	slices.SortFunc(reads, func(a, b protocol.Read) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(reads)
}

// witnessed tells whether some read proves that path is a directory.
func witnessed(reads []protocol.Read, path string) bool {
	if path == "" {
		return true
	}
	for _, read := range reads {
		if read[0] == "a" {
			continue
		}
		if strings.HasPrefix(read[1], path+"/") || (read[0] == "d" && read[1] == path) {
			return true
		}
	}
	return false
}
