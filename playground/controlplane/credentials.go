package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// User is a user of the API server, authenticated by a token.
type User struct {
	Name   string // as RBAC sees it
	short  string // file name of the kubeconfig
	groups []string
}

var masters = []string{"system:masters"}

// The users of a control plane.
var (
	Admin       = User{"playground-admin", "admin", masters}
	Nodes       = User{"playground-nodes", "nodes", masters}
	Controllers = User{"system:kube-controller-manager", "controller-manager", masters}
	Scheduler   = User{"system:kube-scheduler", "scheduler", masters}
	// Controller is the load balancer controller. It has the rights of its manifests, no more, so that a missing one shows
	// here.
	Controller = User{
		"system:serviceaccount:kube-system:aws-load-balancer-controller", "controller",
		[]string{"system:serviceaccounts", "system:serviceaccounts:kube-system"},
	}
)

// account is the user of a service account.
func account(namespace, name string) User {
	u := User{"system:serviceaccount:" + namespace + ":" + name, "controller-" + name, []string{"system:serviceaccounts",
		"system:serviceaccounts:" + namespace}}
	if u.Name == Controller.Name {
		return Controller
	}
	return u
}

// Credentials are the keys of a control plane, in files, and the tokens of its users.
type Credentials struct {
	CA                []byte // PEM
	CAFile            string
	ServingCert       string
	ServingKey        string
	KubeletCert       string // of the server of the kubelets
	KubeletKey        string
	KubeletClientCert string // of the API server, to kubelets
	KubeletClientKey  string
	ServiceAccountKey string
	TokenFile         string
	Tokens            map[string]string // user name → token
}

// newCredentials writes a fresh CA, the API server's certificate, the service account key and the token file below dir.
func newCredentials(dir string) (*Credentials, error) {
	c := &Credentials{
		CAFile:            filepath.Join(dir, "ca.pem"),
		ServingCert:       filepath.Join(dir, "apiserver.pem"),
		ServingKey:        filepath.Join(dir, "apiserver.key"),
		KubeletCert:       filepath.Join(dir, "kubelet.pem"),
		KubeletKey:        filepath.Join(dir, "kubelet.key"),
		KubeletClientCert: filepath.Join(dir, "kubelet-client.pem"),
		KubeletClientKey:  filepath.Join(dir, "kubelet-client.key"),
		ServiceAccountKey: filepath.Join(dir, "service-account.key"),
		TokenFile:         filepath.Join(dir, "tokens.csv"),
		Tokens:            map[string]string{},
	}
	ca, caKey, err := newCertificate(&x509.Certificate{
		Subject:               pkix.Name{CommonName: "playground-ca"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}, nil, nil)
	if err != nil {
		return nil, err
	}
	_, saKey, err := newCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: "service-accounts"}}, nil, nil)
	if err != nil {
		return nil, err
	}
	tokens, err := c.newTokens()
	if err != nil {
		return nil, err
	}
	c.CA = certPEM(ca)
	files := map[string][]byte{c.CAFile: c.CA, c.ServiceAccountKey: keyPEM(saKey), c.TokenFile: []byte(tokens)}
	for _, signed := range []struct {
		certFile, keyFile string
		template          x509.Certificate
	}{
		{c.ServingCert, c.ServingKey, x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(172, 20, 0, 1)},
		}},
		{c.KubeletCert, c.KubeletKey, x509.Certificate{
			Subject:     pkix.Name{CommonName: "kubelet"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			DNSNames:    []string{"localhost"},
		}},
		{c.KubeletClientCert, c.KubeletClientKey, x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
	} {
		signed.template.KeyUsage = x509.KeyUsageDigitalSignature
		cert, key, err := newCertificate(&signed.template, ca, caKey)
		if err != nil {
			return nil, err
		}
		files[signed.certFile], files[signed.keyFile] = certPEM(cert), keyPEM(key)
	}
	return c, writeAll(files)
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func keyPEM(k *ecdsa.PrivateKey) []byte {
	der, _ := x509.MarshalECPrivateKey(k) // cannot fail for a P-256 key that was just made
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// writeAll writes files that only this user can read.
func writeAll(files map[string][]byte) error {
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	return nil
}

// newTokens makes the users' tokens, and returns the text of the token file.
func (c *Credentials) newTokens() (string, error) {
	var tokens strings.Builder
	for i, u := range []User{Admin, Nodes, Controllers, Scheduler, Controller} {
		b := make([]byte, 16)
		if _, err := rand.Read(b); err != nil {
			return "", fmt.Errorf("make a token: %w", err)
		}
		c.Tokens[u.Name] = hex.EncodeToString(b)
		fmt.Fprintf(&tokens, "%s,%s,uid-%d,%q\n", c.Tokens[u.Name], u.Name, i, strings.Join(u.groups, ","))
	}
	return tokens.String(), nil
}

// newCertificate makes a key and a certificate for ten years, signed by parent or, if that is nil, by itself.
func newCertificate(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate,
	*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(10, 0, 0)
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// KubeletServing is the TLS configuration of the server of the kubelets, which answers to the API server only. Its name
// is localhost.
func (cp *ControlPlane) KubeletServing() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(cp.creds.KubeletCert, cp.creds.KubeletKey)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the kubelets: %w", err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(cp.creds.CA)
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}, nil
}

// Config is the configuration of a user's client of the API server at an address, without client-side rate limits.
func (c *Credentials) Config(address string, u User) *rest.Config {
	return &rest.Config{
		Host:            "https://" + address,
		BearerToken:     c.Tokens[u.Name],
		UserAgent:       "playground/" + u.short,
		QPS:             -1, // API priority and fairness is the limit that matters
		TLSClientConfig: rest.TLSClientConfig{CAData: c.CA},
		// Else what the components are warned of, such as the old kind Endpoints, goes wherever a kubectl in this process
		// prints.
		WarningHandler: rest.NoWarnings{},
	}
}

// Kubeconfig writes a user's kubeconfig for the API server at an address into a directory, and returns its path. It
// replaces the file as a whole: processes started before may be reading it.
func (c *Credentials) Kubeconfig(dir, address string, u User) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["playground"] = &clientcmdapi.Cluster{Server: "https://" + address, CertificateAuthorityData: c.CA}
	auth := &clientcmdapi.AuthInfo{Token: c.Tokens[u.Name]}
	if auth.Token == "" { // the API server knows the user only by impersonation
		auth = &clientcmdapi.AuthInfo{Token: c.Tokens[Admin.Name], Impersonate: u.Name, ImpersonateGroups: u.groups}
	}
	config.AuthInfos[u.short] = auth
	config.Contexts["playground"] = &clientcmdapi.Context{Cluster: "playground", AuthInfo: u.short}
	config.CurrentContext = "playground"
	path := filepath.Join(dir, u.short+".kubeconfig")
	content, err := clientcmd.Write(*config)
	if err == nil {
		err = replaceFile(path, content)
	}
	if err != nil {
		return "", fmt.Errorf("write kubeconfig: %w", err)
	}
	return path, nil
}

// replaceFile writes a file that only its owner may read; readers see what it held before or all of the content.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
