package tree

import (
	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/protocol"
)

// tree gives a tree's entries from the cache or the parent. where is only for messages.
func (v *View) tree(oid, where string) (*object, error) { return v.object("tree", oid, where) }

// blob gives a blob's bytes. They are shared: never write to them.
func (v *View) blob(oid, where string) ([]byte, error) {
	kept, err := v.object("blob", oid, where)
	if err != nil {
		return nil, err
	}
	return kept.content, nil
}

func (v *View) object(kind, oid, where string) (*object, error) {
	if kept, found := v.cache.get(oid); found {
		return kept, nil
	}
	var fetched *object
	err := v.source.Objects([][2]string{{kind, oid}}, func(answer protocol.Answer, body []byte) error {
		var err error
		fetched, err = v.keep(answer, body, where)
		return err
	})
	if err != nil {
		return nil, err
	}
	if fetched == nil {
		return nil, failure.New(failure.Source, where, "object %s was asked for and not answered", oid)
	}
	return fetched, nil
}

// keep turns an answer into an object of the cache.
func (v *View) keep(answer protocol.Answer, body []byte, where string) (*object, error) {
	if answer.Error != "" || answer.Missing {
		return nil, failure.New(failure.Source, where, "object %s could not be read: %s", answer.OID, answer.Error)
	}
	kept := &object{oid: answer.OID, size: len(body)}
	if answer.Kind != "tree" {
		kept.content = body
		v.cache.put(kept)
		return kept, nil
	}
	entries, err := parse(body, len(answer.OID)/2)
	if err != nil {
		return nil, failure.New(failure.Source, where, "%s", "the directory "+err.Error())
	}
	kept.entries, kept.listing = entries, listingDigest(entries)
	kept.size = 4 * len(body)
	v.cache.put(kept)
	return kept, nil
}
