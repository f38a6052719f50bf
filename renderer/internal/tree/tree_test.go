package tree

import (
	"fmt"
	"strings"
	"testing"
)

// TestTheCacheForgetsWhatWasUsedLongestAgo: within its bytes, and never the newest.
func TestTheCacheForgetsWhatWasUsedLongestAgo(t *testing.T) {
	cache := NewCache(3 * (overhead + 100))
	for index := range 3 {
		cache.put(&object{oid: fmt.Sprint(index), size: 100})
	}
	cache.get("0")
	cache.put(&object{oid: "3", size: 100})
	for oid, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true} {
		if _, kept := cache.get(oid); kept != want {
			t.Errorf("object %s is kept: %t", oid, kept)
		}
	}
	cache.put(&object{oid: "large", size: 1 << 20})
	if _, kept := cache.get("large"); !kept || cache.order.Len() != 1 {
		t.Errorf("%d objects are kept beside the large one", cache.order.Len())
	}
}

// TestTreesOfBothHashes: SHA-1 and SHA-256 repositories; a cut one is damaged.
func TestTreesOfBothHashes(t *testing.T) {
	for _, size := range []int{20, 32} {
		raw := []byte("100755 run\x00" + strings.Repeat("\x01", size) + "40000 sub\x00" + strings.Repeat("\x02", size) + "160000 module\x00" + strings.Repeat("\x03", size))
		entries, err := parse(raw, size)
		if err != nil || len(entries) != 3 || entries[0].Class != Submodule || entries[1].Class != Executable || len(entries[1].OID) != 2*size {
			t.Errorf("%v %v", entries, err)
		}
		if _, err := parse(raw[:len(raw)-1], size); err == nil {
			t.Error("a cut tree was read")
		}
	}
}

// TestListingDigest is the rule of design 002, worked out by hand: sha256("d sub\0" "f a\0" "x run\0").
func TestListingDigest(t *testing.T) {
	entries := []Entry{{File, "a", ""}, {Executable, "run", ""}, {Directory, "sub", ""}}
	if got := listingDigest(entries); got != "816d52b0537dd881a1bb0734b640889561c31f1957b376bbe08570ef07d1f95a" {
		t.Error(got)
	}
}

// TestEncryptedIsTold: by the metadata and a value, not by a word.
func TestEncryptedIsTold(t *testing.T) {
	for content, want := range map[string]bool{
		"a: ENC[AES256_GCM,data:x]\nsops:\n  mac: x\n":        true,
		"{\"a\": \"ENC[AES256_GCM,data:x]\",\n \"sops\": {}}": true,
		"A=ENC[AES256_GCM,data:x]\nsops_mac=x\n":              true,
		"a: ENC[AES256_GCM,data:x]\n":                         false,
		"sops: is a word\n":                                   false,
	} {
		if Encrypted([]byte(content)) != want {
			t.Errorf("%q: %t", content, !want)
		}
	}
}
