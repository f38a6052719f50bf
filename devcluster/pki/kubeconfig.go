package pki

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes a kubeconfig that needs no other file: server, authority and client certificate are inside.
func WriteKubeconfig(path, server, authorityFile string, client Pair) error {
	authority, err := os.ReadFile(authorityFile)
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(client.Cert)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(client.Key)
	if err != nil {
		return err
	}
	const name = "devcluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: authority}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := WriteFile(path, data); err != nil {
		return fmt.Errorf("the kubeconfig cannot be written: %w", err)
	}
	return nil
}
