package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

var now = time.Now()

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	authority, err := Open(dir, now)
	return must(t, authority, err)
}

func issue(t *testing.T, authority *Authority, identity Identity) Pair {
	t.Helper()
	pair, err := authority.Issue(identity, now)
	return must(t, pair, err)
}

// leaf loads a pair, which also proves that key and certificate belong together.
func leaf(t *testing.T, pair Pair) *x509.Certificate {
	t.Helper()
	loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	must(t, loaded, err)
	cert, err := x509.ParseCertificate(loaded.Certificate[0])
	return must(t, cert, err)
}

func pool(t *testing.T, authority *Authority) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(authority.CertFile())
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(must(t, data, err)) {
		t.Fatal("the authority's file holds no certificate")
	}
	return pool
}

// A server certificate is good for its hosts and nothing else; a client certificate names user and groups.
func TestCertificatesStandForTheirIdentity(t *testing.T) {
	authority := open(t, t.TempDir())
	server := leaf(t, issue(t, authority, Identity{File: "server", User: "s", Hosts: []string{"localhost", "127.0.0.1"}}))
	client := leaf(t, issue(t, authority, Identity{File: "admin", User: "admin", Groups: []string{"system:masters"}}))

	verify := func(cert *x509.Certificate, host string, usage x509.ExtKeyUsage) error {
		_, err := cert.Verify(x509.VerifyOptions{Roots: pool(t, authority), DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if err := verify(server, host, x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("server certificate for %s: %v", host, err)
		}
	}
	if verify(server, "example.com", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("the server certificate is good for a foreign host")
	}
	if err := verify(client, "", x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("client certificate: %v", err)
	}
	if verify(client, "", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("a client certificate may serve")
	}
	if client.Subject.CommonName != "admin" || client.Subject.Organization[0] != "system:masters" {
		t.Errorf("subject %v", client.Subject)
	}
}

// A second start on the same folder keeps every key, so old kubeconfigs stay good.
func TestASecondOpenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	content := func() string {
		authority := open(t, dir)
		pair := issue(t, authority, Identity{File: "admin", User: "admin"})
		account, err := authority.ServiceAccountKey()
		all := ""
		for _, path := range []string{authority.CertFile(), authority.KeyFile(), pair.Cert, pair.Key, must(t, account, err)} {
			data, err := os.ReadFile(path)
			all += string(must(t, data, err))
		}
		return all
	}
	if first := content(); content() != first {
		t.Error("a second open made new keys")
	}
}

// When the authority is lost, certificates that it signed are made anew, or nobody could get in.
func TestALostAuthorityTakesItsCertificatesWithIt(t *testing.T) {
	dir := t.TempDir()
	identity := Identity{File: "admin", User: "admin"}
	issue(t, open(t, dir), identity)
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	authority := open(t, dir)
	cert := leaf(t, issue(t, authority, identity))
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool(t, authority), KeyUsages: usages}); err != nil {
		t.Error(err)
	}
}

// A damaged authority is an error that names the file, never a silent new one.
func TestADamagedAuthorityIsAnError(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, now); err == nil {
		t.Error("opened a damaged authority")
	}
}

// Keys are readable by their owner alone.
func TestFilesArePrivate(t *testing.T) {
	authority := open(t, t.TempDir())
	info, err := os.Stat(authority.KeyFile())
	if must(t, info, err).Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// The kubeconfig carries all that a client needs.
func TestKubeconfigNeedsNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	authority := open(t, filepath.Join(dir, "pki"))
	path := filepath.Join(dir, "kubeconfig")
	client := issue(t, authority, Identity{File: "admin", User: "admin"})
	if err := WriteKubeconfig(path, "https://127.0.0.1:6443", authority.CertFile(), client); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "pki")); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if must(t, config, err).Host != "https://127.0.0.1:6443" {
		t.Errorf("server %s", config.Host)
	}
	if _, err := tls.X509KeyPair(config.CertData, config.KeyData); err != nil {
		t.Error(err)
	}
	if len(config.CAData) == 0 {
		t.Error("no authority inside")
	}
}
