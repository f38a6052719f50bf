// Package random makes the functions of templates that depend on chance or on
// the clock repeatable where that can be done, and counts every use.
package random

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"trimtab.dev/renderer/internal/protocol"
)

// Source is the chance and the time of one render.
type Source struct {
	seed     []byte
	name     string
	now      time.Time
	counters map[string]int
	used     protocol.Random
}

// NewSource takes the seed in hex, the name of what is rendered (its release
// and path) and the time, RFC 3339. An empty time is the epoch: never the machine's clock.
func NewSource(seed, name, now string) (*Source, error) {
	key, err := hex.DecodeString(seed)
	if err != nil {
		return nil, fmt.Errorf("the seed is not hexadecimal: %w", err)
	}
	at := time.Unix(0, 0).UTC()
	if now != "" {
		if at, err = time.Parse(time.RFC3339Nano, now); err != nil {
			return nil, fmt.Errorf("the time %q is not in RFC 3339: %w", now, err)
		}
	}
	return &Source{
		seed: key, name: name, now: at, counters: map[string]int{},
		used: protocol.Random{Seeded: map[string]int{}, Unseeded: map[string]int{}, Time: map[string]int{}},
	}, nil
}

// Used tells what was drawn, by function; nil when nothing was.
func (s *Source) Used() *protocol.Random {
	if len(s.used.Seeded)+len(s.used.Unseeded)+len(s.used.Time) == 0 {
		return nil
	}
	return &s.used
}

// generator gives the stream for the next use of a function:
// ChaCha8 keyed with HMAC-SHA-256(seed, name NUL function NUL counter).
func (s *Source) generator(function string) *rand.Rand {
	mac := hmac.New(sha256.New, s.seed)
	mac.Write([]byte(s.name + "\x00" + function + "\x00"))
	_ = binary.Write(mac, binary.BigEndian, uint64(s.counters[function]))
	s.counters[function]++
	s.used.Seeded[function]++
	return rand.New(rand.NewChaCha8([32]byte(mac.Sum(nil))))
}

// clock gives the request's time and counts its use.
func (s *Source) clock(function string) time.Time {
	s.used.Time[function]++
	return s.now
}
