// Package decrypt opens files that SOPS encrypted for age keys, with the keys
// given for this one file and none from the environment, a file or a cloud.
package decrypt

import (
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"

	"trimtab.dev/renderer/internal/failure"
)

// Open gives the plaintext of content, whose format is yaml, json, dotenv, ini or
// binary. The message of an error never holds content or keys.
func Open(content []byte, format string, keys []string) ([]byte, error) {
	store := common.StoreForFormat(formats.FormatFromString(format), config.NewStoresConfig())
	tree, err := store.LoadEncryptedFile(content)
	if err != nil {
		return nil, failure.New(failure.Render, "", "this file is not a SOPS file of format %s, or its sops metadata is damaged", format)
	}
	key, err := dataKey(&tree, keys)
	if err != nil {
		return nil, err
	}
	if err := unlock(&tree, key); err != nil {
		return nil, err
	}
	plaintext, err := store.EmitPlainFile(tree.Branches)
	if err != nil {
		return nil, failure.New(failure.Render, "", "the decrypted file cannot be written as %s", format)
	}
	return plaintext, nil
}

// dataKey opens the file's own key with the first age identity that fits.
func dataKey(tree *sops.Tree, keys []string) ([]byte, error) {
	if len(tree.Metadata.KeyGroups) > 1 && tree.Metadata.ShamirThreshold != 1 {
		return nil, failure.New(failure.Unsupported, "", "this file's key is split among key groups (Shamir), which is not supported; encrypt it with one group of age keys")
	}
	var identities age.ParsedIdentities
	for _, key := range keys {
		if identities.Import(key) != nil {
			return nil, failure.New(failure.Render, "", "one of the keys given is no age identity (AGE-SECRET-KEY-1…)")
		}
	}
	var recipients []string
	for _, group := range tree.Metadata.KeyGroups {
		for _, master := range group {
			ours, isAge := master.(*age.MasterKey)
			if !isAge {
				continue
			}
			recipients = append(recipients, ours.Recipient)
			if key, opened := openWith(ours, identities); opened {
				return key, nil
			}
		}
	}
	if len(recipients) == 0 {
		return nil, failure.New(failure.Unsupported, "", "this file is not encrypted for any age key; other kinds of keys are not supported")
	}
	return nil, failure.New(failure.Source, "", "none of the %d keys given opens this file; it is encrypted for %s", len(keys), fmt.Sprint(recipients))
}

// openWith must not be asked without identities: the library would look for some itself.
func openWith(master *age.MasterKey, identities age.ParsedIdentities) ([]byte, bool) {
	if len(identities) == 0 {
		return nil, false
	}
	identities.ApplyToMasterKey(master)
	key, err := master.Decrypt()
	return key, err == nil
}

// unlock decrypts the values in place and compares the message authentication code over all of them.
func unlock(tree *sops.Tree, key []byte) error {
	cipher := aes.NewCipher()
	computed, err := tree.Decrypt(key, cipher)
	if err != nil {
		return failure.New(failure.Render, "", "a value of this file cannot be decrypted: it was changed or moved by hand; edit it with sops")
	}
	stored, err := cipher.Decrypt(tree.Metadata.MessageAuthenticationCode, key, tree.Metadata.LastModified.Format(time.RFC3339))
	if err != nil {
		return failure.New(failure.Render, "", "this file's authentication code cannot be decrypted: it was changed by hand; edit it with sops")
	}
	text, _ := stored.(string)
	if text == "" || subtle.ConstantTimeCompare([]byte(text), []byte(computed)) != 1 {
		return failure.New(failure.Render, "", "this file's authentication code does not match its content: it was changed by hand; edit it with sops")
	}
	return nil
}

// Zero overwrites a plaintext that was sent.
func Zero(plaintext []byte) { clear(plaintext) }
