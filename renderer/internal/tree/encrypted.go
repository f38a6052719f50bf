package tree

import (
	"bytes"
	"regexp"
)

// sopsKey finds SOPS' own metadata at the top level of YAML, JSON or dotenv
// (https://getsops.io/docs: the key "sops", or "sops_*" in flat formats).
var sopsKey = regexp.MustCompile(`(?m)^(sops:|[ \t]*"sops"[ \t]*:|sops_[a-z_0-9]+=)`)

// Encrypted tells whether SOPS encrypted this content.
func Encrypted(content []byte) bool {
	return bytes.Contains(content, []byte("ENC[AES256_GCM,")) && sopsKey.Match(content)
}
