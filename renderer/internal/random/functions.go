package random

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// The alphabets of sprig's functions (http://masterminds.github.io/sprig/strings.html).
const (
	digits  = "0123456789"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// unseedable draw from the machine's own randomness deep inside sprig: they can only be counted.
var unseedable = []string{
	"bcrypt", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert",
	"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd",
}

// Functions gives the template functions that replace Helm's.
func (s *Source) Functions() template.FuncMap {
	functions := template.FuncMap{
		"randAlphaNum": s.text("randAlphaNum", digits+letters),
		"randAlpha":    s.text("randAlpha", letters),
		"randNumeric":  s.text("randNumeric", digits),
		"randAscii":    s.text("randAscii", printable()),
		"randBytes":    s.randBytes,
		"randInt":      s.randInt,
		"shuffle":      s.shuffle,
		"uuidv4":       s.uuid,
		"keys":         sortedKeys,
		"values":       sortedValues,
	}
	for _, name := range unseedable {
		functions[name] = s.counted(name)
	}
	maps.Copy(functions, s.timeFunctions())
	return functions
}

// printable is what sprig's randAscii draws from: 32 to 126.
func printable() string {
	var built strings.Builder
	for letter := byte(32); letter < 127; letter++ {
		built.WriteByte(letter)
	}
	return built.String()
}

func (s *Source) text(function, alphabet string) func(int) string {
	return func(count int) string {
		if count < 1 {
			return ""
		}
		generator := s.generator(function)
		drawn := make([]byte, count)
		for index := range drawn {
			drawn[index] = alphabet[generator.IntN(len(alphabet))]
		}
		return string(drawn)
	}
}

func fill(generator *rand.Rand, count int) []byte {
	drawn := make([]byte, count)
	for index := range drawn {
		drawn[index] = byte(generator.Uint32())
	}
	return drawn
}

func (s *Source) randBytes(count int) (string, error) {
	if count < 0 {
		return "", fmt.Errorf("randBytes wants a length, not %d", count)
	}
	return base64.StdEncoding.EncodeToString(fill(s.generator("randBytes"), count)), nil
}

func (s *Source) randInt(low, high int) (int, error) {
	if high <= low {
		return 0, fmt.Errorf("randInt wants a range, not %d to %d", low, high)
	}
	return s.generator("randInt").IntN(high-low) + low, nil
}

func (s *Source) shuffle(text string) string {
	shuffled := []rune(text)
	s.generator("shuffle").Shuffle(len(shuffled), func(a, b int) {
		shuffled[a], shuffled[b] = shuffled[b], shuffled[a]
	})
	return string(shuffled)
}

// uuid is version 4 (RFC 9562, 5.4) of seeded bits.
func (s *Source) uuid() string {
	bits := fill(s.generator("uuidv4"), 16)
	bits[6] = bits[6]&0x0f | 0x40
	bits[8] = bits[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bits[0:4], bits[4:6], bits[6:8], bits[8:10], bits[10:16])
}

// counted wraps one of sprig's functions so that its uses are reported.
func (s *Source) counted(name string) any {
	original := reflect.ValueOf(sprigFunctions[name])
	return reflect.MakeFunc(original.Type(), func(arguments []reflect.Value) []reflect.Value {
		s.used.Unseeded[name]++
		if original.Type().IsVariadic() {
			return original.CallSlice(arguments)
		}
		return original.Call(arguments)
	}).Interface()
}

var sprigFunctions = sprig.TxtFuncMap()

// sortedKeys replaces sprig's keys, which come in the random order of Go's maps.
func sortedKeys(dictionaries ...map[string]any) []string {
	var keys []string
	for _, dictionary := range dictionaries {
		keys = append(keys, slices.Sorted(maps.Keys(dictionary))...)
	}
	return keys
}

// sortedValues replaces sprig's values: in the order of their keys.
func sortedValues(dictionary map[string]any) []any {
	values := make([]any, 0, len(dictionary))
	for _, key := range slices.Sorted(maps.Keys(dictionary)) {
		values = append(values, dictionary[key])
	}
	return values
}

// timeFunctions replace those of sprig that look at the machine's clock, also when they only
// do so for an argument that is no time (sprig v3, date.go).
func (s *Source) timeFunctions() template.FuncMap {
	inZone := func(function string) func(string, any, string) string {
		return func(layout string, date any, zone string) string { return s.format(function, layout, date, zone) }
	}
	return template.FuncMap{
		"now":          func() time.Time { return s.clock("now") },
		"ago":          func(date any) string { return s.clock("ago").Sub(s.moment("ago", date)).Round(time.Second).String() },
		"date":         func(layout string, date any) string { return s.format("date", layout, date, "UTC") },
		"dateInZone":   inZone("dateInZone"),
		"date_in_zone": inZone("date_in_zone"),
		"htmlDate":     func(date any) string { return s.format("htmlDate", time.DateOnly, date, "UTC") },
		"htmlDateInZone": func(date any, zone string) string {
			return s.format("htmlDateInZone", time.DateOnly, date, zone)
		},
		"durationRound": s.durationRound,
	}
}

func (s *Source) format(function, layout string, date any, zone string) string {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.UTC
	}
	return s.moment(function, date).In(location).Format(layout)
}

// moment reads a template's idea of a time; anything unknown is now, as in sprig.
func (s *Source) moment(function string, date any) time.Time {
	switch typed := date.(type) {
	case time.Time:
		return typed
	case *time.Time:
		return *typed
	case int64:
		return time.Unix(typed, 0)
	case int:
		return time.Unix(int64(typed), 0)
	case int32:
		return time.Unix(int64(typed), 0)
	default:
		return s.clock(function)
	}
}

// durationRound measures a time against the request's now; the rest is sprig's.
func (s *Source) durationRound(value any) string {
	if date, isTime := value.(time.Time); isTime {
		value = int64(s.clock("durationRound").Sub(date))
	}
	return sprigFunctions["durationRound"].(func(any) string)(value)
}
