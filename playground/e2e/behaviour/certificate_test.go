package behaviour

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

// certifying is a controller that requests and imports certificates.
func certifying(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{ExtraArgs: []string{"--feature-gates=EnableCertificateManagement=true",
		"--enable-tls-secret-import"}})
}

// owned lists the certificates of ACM whose tags name the stack of Ingresses.
func owned(t *testing.T, c *harness.Cluster, stack string) []acmtypes.CertificateDetail {
	t.Helper()
	return ownedBy(t, c, "ingress.k8s.aws", stack)
}

// ownedBy lists the certificates of ACM whose tags name the stack of a kind of owner.
func ownedBy(t *testing.T, c *harness.Cluster, owner, stack string) []acmtypes.CertificateDetail {
	t.Helper()
	list, err := c.Simulator.Trust.ListCertificates(t.Context(), &acm.ListCertificatesInput{
		Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}})
	if err != nil {
		t.Fatal(err)
	}
	var out []acmtypes.CertificateDetail
	for _, s := range list.CertificateSummaryList {
		tags, err := c.Simulator.Trust.ListTagsForCertificate(t.Context(), &acm.ListTagsForCertificateInput{
			CertificateArn: s.CertificateArn})
		if err != nil {
			continue // deleted meanwhile
		}
		if !slices.ContainsFunc(tags.Tags, func(tag acmtypes.Tag) bool {
			return *tag.Key == owner+"/stack" && aws.ToString(tag.Value) == stack
		}) {
			continue
		}
		if d, err := c.Simulator.Trust.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{
			CertificateArn: s.CertificateArn}); err == nil {
			out = append(out, *d.Certificate)
		}
	}
	return out
}

// TestATLSSecretIsImportedRenewedUnderItsARNAndDeleted shows that clients get the certificate of a
// TLS Secret, renewed under its ARN, with the rights that the guide grants.
func TestATLSSecretIsImportedRenewedUnderItsARNAndDeleted(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := certifying(t)
	const ns, host = "imported", "www.imported.dev"
	// listens on 443
	ingress := scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"import-tls-secrets": "true"}),
		scene.Path{Host: host, Path: "/"})
	ingress = strings.TrimSuffix(ingress, "---\n") + "  tls: [{secretName: web-tls, hosts: [" + host + "]}]\n---\n"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, scene.Namespace(ns, 1)+secretRights(ns)+secretManifest(t, key, ns, host, 1)+ingress)
	lb := c.IngressAddress(t, ns, "web")
	waitSerial(t, c, lb, host, 1)
	first := owned(t, c, ns+"/web")
	if len(first) != 1 || first[0].Type != acmtypes.CertificateTypeImported {
		t.Fatalf("certificates: %+v", first)
	}
	expectNoWarnings(t, c, ns)

	scene.Change(t, c, secretManifest(t, key, ns, host, 2))
	waitSerial(t, c, lb, host, 2)
	if now := owned(t, c, ns+"/web"); len(now) != 1 || *now[0].CertificateArn != *first[0].CertificateArn {
		t.Errorf("renewed under another ARN: %+v", now)
	}

	// What cannot be imported gets an event, and what was imported serves on.
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	broken := secretManifest(t, key, ns, host, 3)
	at := strings.Index(broken, "  tls.key: ")
	scene.Change(t, c, broken[:at]+"  tls.key: "+base64.StdEncoding.EncodeToString(privateKey(t, other))+"\n---\n")
	if e := c.WaitEvent(t, "Ingress", ns, "web", "FailedBuildModel"); !strings.Contains(e.Message,
		"not the key of the certificate") {
		t.Errorf("event: %s", e.Message)
	}
	waitSerial(t, c, lb, host, 2)

	c.Kubectl(t, "delete", "ingress", "-n", ns, "web")
	wait(t, c, "the end of the certificate", func() string {
		if n := len(owned(t, c, ns+"/web")); n > 0 {
			return fmt.Sprint(n, " left")
		}
		return ""
	})
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// secretRights admit the controller to the Secrets of a namespace.
func secretRights(ns string) string {
	return fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets, namespace: %[1]s}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}]
---
`, ns)
}

// TestASecretOfAGatewayIsRotatedWithoutAFailedHandshake shows that no TLS handshake fails when the
// Secret of an ALB and an NLB gets another key and certificate. The new certificate has the same
// authority, which is the only one that the clients trust, as when cert-manager renews it.
func TestASecretOfAGatewayIsRotatedWithoutAFailedHandshake(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := certifying(t)
	const ns, host = "rotated", "www.rotated.dev"
	ca := newAuthority(t)
	to := func(name string) string {
		return "parentRefs: [{name: " + name + "}], rules: [{backendRefs: [{name: web, port: 80}]}]"
	}
	const ends = "tls: {mode: Terminate, certificateRefs: [{name: web-tls}]}"
	c.Apply(t, scene.Namespace(ns, 1)+secretRights(ns)+ca.secret(t, ns, host, 1)+scene.TargetGroups(ns, "web",
		"targetReference: {name: web}, defaultConfiguration: {targetType: ip}")+
		scene.Gateway(ns, "app", "alb", "scheme: internet-facing", "name: https, protocol: HTTPS, port: 443, "+ends)+
		scene.Route("HTTPRoute", ns, "app", to("app"))+
		scene.Gateway(ns, "net", "nlb", "scheme: internet-facing", "name: tls, protocol: TLS, port: 443, "+ends)+
		scene.Route("TCPRoute", ns, "net", to("net")))
	owners := map[string]string{"app": "gateway.k8s.aws.alb", "net": "gateway.k8s.aws.nlb"}
	imported := func(name string) string {
		t.Helper()
		all := ownedBy(t, c, owners[name], ns+"/"+name)
		if len(all) != 1 || all[0].Type != acmtypes.CertificateTypeImported {
			t.Fatalf("certificates of Gateway %s: %+v", name, all)
		}
		return *all[0].CertificateArn
	}
	arns := map[string]string{}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	clients := load.Start(t.Context())
	t.Cleanup(func() { clients.Stop() })
	for name := range owners {
		lb := scene.GatewayAddress(t, c, ns, name)
		waitSerial(t, c, lb, host, 1)
		arns[name] = imported(name)
		clients.Add(2, 5*time.Millisecond, func() load.Client {
			return &handshakes{c.Simulator.DialContext, net.JoinHostPort(lb, "443"), &tls.Config{
				ServerName: host, RootCAs: roots}}
		})
	}
	scene.More(t, c, clients, 50)

	mark := c.Mark()
	scene.Change(t, c, ca.secret(t, ns, host, 2))
	for name := range owners {
		waitSerial(t, c, scene.GatewayAddress(t, c, ns, name), host, 2)
		if now := imported(name); now != arns[name] {
			t.Errorf("the certificate of Gateway %s is renewed as %s, and was %s", name, now, arns[name])
		}
	}
	scene.More(t, c, clients, 100)
	if r := clients.Stop(); r.Failed > 0 || r.Requests == 0 {
		t.Error(r)
	}
	for _, w := range scene.Writes(c, mark, append(scene.Marks(ns), arns["app"], arns["net"])...) {
		// with the hash of its content
		if !strings.HasPrefix(w, "ImportCertificate ") && !strings.HasPrefix(w, "AddTagsToCertificate ") {
			t.Errorf("beside the import, this is written: %s", w)
		}
	}
	expectNoWarnings(t, c, ns)
}

// handshakes connect to an address, end the handshake of TLS and close the connection.
type handshakes struct {
	dial    load.Dial
	address string
	config  *tls.Config
}

// Call implements load.Client.
func (h *handshakes) Call(ctx context.Context) error {
	conn, err := h.dial(ctx, "tcp", h.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return tls.Client(conn, h.config).HandshakeContext(ctx)
}

// Close implements load.Client.
func (h *handshakes) Close() {}

// authority signs certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, certificate}
}

// secret is a Secret with a certificate for the host, and a key of its own.
func (a *authority) secret(t *testing.T, ns, host string, serial int64) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, certificateOf(host, serial), a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tlsSecret(t, ns, der, key)
}

func privateKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// secretManifest is a Secret with a certificate of its own signature for the host.
func secretManifest(t *testing.T, key *ecdsa.PrivateKey, ns, host string, serial int64) string {
	t.Helper()
	template := certificateOf(host, serial)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tlsSecret(t, ns, der, key)
}

// certificateOf is a certificate for a host that is to be signed.
func certificateOf(host string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

// tlsSecret is a Secret with a certificate and its key.
func tlsSecret(t *testing.T, ns string, der []byte, key *ecdsa.PrivateKey) string {
	t.Helper()
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: web-tls, namespace: %s}\ntype: "+
		"kubernetes.io/tls\ndata:\n  tls.crt: %s\n  tls.key: %s\n---\n", ns,
		base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		base64.StdEncoding.EncodeToString(privateKey(t, key)))
}

// waitSerial waits until a client with the server name gets the certificate with the serial number.
func waitSerial(t *testing.T, c *harness.Cluster, lb, host string, serial int64) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("certificate %d for %s", serial, host), func(ctx context.Context) error {
		conn, err := curl.Endpoints(c.Env.Endpoints).Dial(ctx, "tcp", net.JoinHostPort(lb, "443"))
		if err != nil {
			return err
		}
		defer conn.Close()
		client := tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true})
		if err := client.HandshakeContext(ctx); err != nil {
			return err
		}
		if got := client.ConnectionState().PeerCertificates[0].SerialNumber; got.Int64() != serial {
			return fmt.Errorf("got certificate %s", got)
		}
		return nil
	})
}
