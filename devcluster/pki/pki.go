// Package pki makes and keeps the certificates and the kubeconfig of one development cluster.
//
// Everything lies in one folder and is made once: a second start on the same folder finds the same
// certificate authority, so that a kubeconfig handed out earlier still opens the door.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of every certificate: longer than any development cluster is kept.
const lifetime = 10 * 365 * 24 * time.Hour

// Identity names one certificate: the file stem, and the user and groups (or server) that it stands for.
type Identity struct {
	File   string   // file name without ending
	User   string   // subject CN: the user name that the API server sees
	Groups []string // subject O: the groups that the API server sees
	Hosts  []string // DNS names and addresses of a server certificate; none: a client certificate
}

// Authority is the certificate authority of one cluster and the folder that holds its keys.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate and its private key, as paths of PEM files.
type Pair struct{ Cert, Key string }

// Open reads the authority in dir or, when there is none yet, makes it.
func Open(dir string, now time.Time) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the certificate folder cannot be made: %w", err)
	}
	authority := &Authority{dir: dir}
	err := authority.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = authority.make(now)
	}
	return authority, err
}

// CertFile is the path of the authority's own certificate (PEM).
func (a *Authority) CertFile() string { return a.path("ca.crt") }

// KeyFile is the path of the authority's private key (PEM).
func (a *Authority) KeyFile() string { return a.path("ca.key") }

// Issue returns the pair of an identity, and signs a new one when there is none yet.
func (a *Authority) Issue(identity Identity, now time.Time) (Pair, error) {
	pair := Pair{Cert: a.path(identity.File + ".crt"), Key: a.path(identity.File + ".key")}
	if exist(pair.Cert, pair.Key) {
		return pair, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	return pair, a.sign(pair, identity.template(now), key)
}

// ServiceAccountKey returns the path of the RSA key that signs service account tokens, made on first use.
func (a *Authority) ServiceAccountKey() (string, error) {
	path := a.path("service-account.key")
	if exist(path) {
		return path, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return path, writePEM(path, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func (a *Authority) path(name string) string { return filepath.Join(a.dir, name) }

// read loads the authority; fs.ErrNotExist when a file of it is missing.
func (a *Authority) read() error {
	cert, err := readPEM(a.CertFile())
	if err != nil {
		return err
	}
	key, err := readPEM(a.KeyFile())
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(cert); err != nil {
		return fmt.Errorf("%s is no certificate (delete the folder %s to start anew): %w", a.CertFile(), a.dir, err)
	}
	if a.key, err = x509.ParseECPrivateKey(key); err != nil {
		return fmt.Errorf("%s is no EC key (delete the folder %s to start anew): %w", a.KeyFile(), a.dir, err)
	}
	return nil
}

// make signs a new authority by its own key. What an older one signed is void with it and goes first.
func (a *Authority) make(now time.Time) error {
	stale, err := filepath.Glob(a.path("*.crt"))
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	a.key, a.cert = key, &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "devcluster"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if err := a.sign(Pair{Cert: a.CertFile(), Key: a.KeyFile()}, a.cert, key); err != nil {
		return err
	}
	return a.read() // as every later start will see it
}

// sign writes the certificate and, before it, its key: a certificate that is there has a key.
func (a *Authority) sign(pair Pair, template *x509.Certificate, key *ecdsa.PrivateKey) error {
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(pair.Key, "EC PRIVATE KEY", encoded); err != nil {
		return err
	}
	return writePEM(pair.Cert, "CERTIFICATE", cert)
}

func (i Identity) template(now time.Time) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: i.User, Organization: i.Groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range i.Hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

func exist(paths ...string) bool {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}

func readPEM(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}

func writePEM(path, kind string, der []byte) error {
	return WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// WriteFile replaces a file in one step, readable by its owner alone: a reader, or a crash, sees the old or the new.
func WriteFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
