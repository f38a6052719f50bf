package decrypt

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/tree"
)

// plaintexts are one of each format, with what is easily lost: comments, numbers, empty values, list order.
var plaintexts = map[string]string{
	"yaml":   "# why\nkind: Secret\nstringData:\n    password: hunter\n    port: \"5432\"\n    list:\n        - b\n        - a\n    empty: \"\"\n    number: 5\n    truth: true\n",
	"json":   "{\n\t\"a\": \"secret\",\n\t\"b\": [\n\t\t1,\n\t\t2.5,\n\t\ttrue\n\t]\n}",
	"dotenv": "A=secret\nB=two words\n",
	"binary": "\x00\x01 any bytes \xff",
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// encrypt is what `sops encrypt --age` does.
func encrypt(t *testing.T, plaintext, format string, identity *age.X25519Identity) []byte {
	t.Helper()
	store := common.StoreForFormat(formats.FormatFromString(format), config.NewStoresConfig())
	branches, err := store.LoadPlainFile([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	master, err := sopsage.MasterKeyFromRecipient(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	encrypted := sops.Tree{Branches: branches, Metadata: sops.Metadata{KeyGroups: []sops.KeyGroup{{master}}, Version: "3.13.3"}}
	key, problems := encrypted.GenerateDataKey()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: key, Tree: &encrypted, Cipher: aes.NewCipher()}); err != nil {
		t.Fatal(err)
	}
	content, err := store.EmitEncryptedFile(encrypted)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestEveryFormatOpens: to the very text, and the render worker recognises each as encrypted.
func TestEveryFormatOpens(t *testing.T) {
	identity := newIdentity(t)
	for format, plaintext := range plaintexts {
		content := encrypt(t, plaintext, format, identity)
		opened, err := Open(content, format, []string{newIdentity(t).String(), identity.String()})
		if err != nil || strings.TrimSpace(string(opened)) != strings.TrimSpace(plaintext) {
			t.Errorf("%s: %v\n%q\n%q", format, err, opened, plaintext)
		}
		if !tree.Encrypted(content) || tree.Encrypted([]byte(plaintext)) {
			t.Errorf("%s is not told apart from its plaintext", format)
		}
	}
}

// TestRefusalsSayWhy: and never what.
func TestRefusalsSayWhy(t *testing.T) {
	identity := newIdentity(t)
	content := string(encrypt(t, plaintexts["yaml"], "yaml", identity))
	lines := strings.SplitAfter(content, "\n")
	for _, each := range []struct {
		name, content, format string
		keys                  []string
		class                 failure.Class
		says                  string
	}{
		{"another key", content, "yaml", []string{newIdentity(t).String()}, failure.Source, "none of the 1 keys given opens"},
		{"no key", content, "yaml", nil, failure.Source, "none of the 0 keys"},
		{"no key at all", content, "yaml", []string{"AGE-SECRET-KEY-NONSENSE"}, failure.Render, "is no age identity"},
		{"no SOPS file", "a: 1\n", "yaml", []string{identity.String()}, failure.Render, "not a SOPS file"},
		{"a value changed by hand", strings.Replace(content, "kind: ENC[AES256_GCM,data:", "kind: ENC[AES256_GCM,data:AA", 1), "yaml", []string{identity.String()}, failure.Render, "changed or moved by hand"},
		{"a value removed by hand", strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "number:") }), ""), "yaml", []string{identity.String()}, failure.Render, "by hand"},
		{"the wrong format", content, "json", []string{identity.String()}, failure.Render, "not a SOPS file of format json"},
	} {
		_, err := Open([]byte(each.content), each.format, each.keys)
		var found *failure.Failure
		if !errors.As(err, &found) || found.Class != each.class || !strings.Contains(found.Message, each.says) {
			t.Errorf("%s: %v", each.name, err)
			continue
		}
		for _, secret := range append([]string{"hunter"}, each.keys...) {
			if strings.Contains(found.Message+found.Detail, secret) {
				t.Errorf("%s: the message shows %s", each.name, secret)
			}
		}
	}
}

// TestConversation: hello, one answer a request, and the end of input is the end.
func TestConversation(t *testing.T) {
	identity := newIdentity(t)
	var toWorker, fromWorker bytes.Buffer
	parent := frame.NewConnection(&fromWorker, &toWorker)
	for _, format := range []string{"yaml", "nonsense"} {
		request := map[string]any{"type": "decrypt", "id": 7, "format": format, "keys": []string{identity.String()}}
		if err := parent.Write(request, encrypt(t, plaintexts["yaml"], "yaml", identity)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Serve(frame.NewConnection(&toWorker, &fromWorker), protocol.Hello{Type: "hello"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"type":"hello"`, `{"type":"result","id":7,"ok":true}`, `{"type":"result","id":7,"ok":false`} {
		if got, err := parent.Read(); err != nil || !strings.HasPrefix(string(got.Header), want) {
			t.Errorf("%s %v, wanted %s", got.Header, err, want)
		}
	}
}
