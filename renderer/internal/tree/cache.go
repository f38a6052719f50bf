package tree

import "container/list"

// Cache keeps Git objects across requests, by oid, up to a number of bytes;
// the least recently used go first. Objects never change, so it needs no other rule.
type Cache struct {
	limit   int
	size    int
	order   *list.List
	objects map[string]*list.Element
}

// object is a blob's bytes or a tree's entries.
type object struct {
	oid     string
	content []byte
	entries []Entry
	listing string
	size    int
}

// overhead is what an object costs beside its content: its key, the list element and the map slot.
const overhead = 256

// NewCache makes a cache of at most limit bytes.
func NewCache(limit int) *Cache {
	return &Cache{limit: limit, order: list.New(), objects: map[string]*list.Element{}}
}

func (c *Cache) get(oid string) (*object, bool) {
	element, found := c.objects[oid]
	if !found {
		return nil, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*object), true
}

func (c *Cache) put(kept *object) {
	if _, found := c.objects[kept.oid]; found {
		return
	}
	kept.size += overhead
	c.objects[kept.oid] = c.order.PushFront(kept)
	c.size += kept.size
	// The newest stays even if it alone is over the limit: its request needs it now.
	for c.size > c.limit && c.order.Len() > 1 {
		c.drop(c.order.Back())
	}
}

func (c *Cache) drop(element *list.Element) {
	old := c.order.Remove(element).(*object)
	delete(c.objects, old.oid)
	c.size -= old.size
}
