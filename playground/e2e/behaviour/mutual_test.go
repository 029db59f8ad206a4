package behaviour

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

// issuer signs certificates of clients.
type issuer struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	var i issuer
	i.key, i.cert = i.sign(t, "clients' authority", true)
	return i
}

func (i issuer) sign(t *testing.T, name string, authority bool) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: authority, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	parent, signer := i.cert, i.key
	if authority {
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// client is a caller with a certificate of the issuer.
func (i issuer) client(t *testing.T) *tls.Certificate {
	t.Helper()
	key, cert := i.sign(t, "client", false)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// getAs makes one request by HTTPS with a client certificate, or without; the server's certificate is not looked at.
func getAs(ctx context.Context, c *harness.Cluster, client *tls.Certificate, host string, port int) (int, error) {
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "www.example.com"}
	if client != nil {
		config.Certificates = []tls.Certificate{*client}
	}
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (
		net.Conn, error) {
		return curl.Endpoints(c.Env.Endpoints).Dial(ctx, network, fmt.Sprintf("%s:%d", host, port))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s:%d/", host, port), nil)
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// trust makes a trust store with the certificate of an issuer, and returns its ARN.
func trust(t *testing.T, c *harness.Cluster, name string, i issuer) string {
	t.Helper()
	c.Simulator.Account.Lock()
	err := c.Simulator.Account.Buckets.Put("pki-of-"+name, "ca.pem",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
	c.Simulator.Account.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	store, err := c.Simulator.Balancing.CreateTrustStore(t.Context(), &elb.CreateTrustStoreInput{
		Name: aws.String(name), CaCertificatesBundleS3Bucket: aws.String("pki-of-" + name),
		CaCertificatesBundleS3Key: aws.String("ca.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := store.TrustStores[0].TrustStoreArn
	t.Cleanup(func() {
		if _, err := c.Simulator.Balancing.DeleteTrustStore(context.Background(), &elb.DeleteTrustStoreInput{
			TrustStoreArn: arn}); err != nil {
			t.Error(err)
		}
	})
	return aws.ToString(arn)
}

// TestClientsAreVerifiedByTheTrustStoreThatTheIngressNames shows which real TLS clients an ALB
// admits by the trust store of its Ingress, when the annotation goes, and when set off.
func TestClientsAreVerifiedByTheTrustStoreThatTheIngressNames(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "mutual"
	ours, others := newIssuer(t), newIssuer(t)
	trust(t, c, "clients", ours)
	ports := scene.Annotations{"listen-ports": `[{"HTTPS":443},{"HTTPS":8443}]`, "certificate-arn": certificate}
	with := func(mutual string) scene.Annotations {
		a := public(ports)
		if mutual != "" {
			a["mutual-authentication"] = mutual
		}
		return a
	}
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class,
		with(`[{"port":443,"mode":"verify","trustStore":"clients"},{"port":8443,"mode":"passthrough"}]`)))
	host := c.IngressAddress(t, ns, "web")
	c.WaitFor(t, "an answer to a client with a certificate", func(ctx context.Context) error {
		status, err := getAs(ctx, c, ours.client(t), host, 443)
		if err == nil && status != 200 {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	expect := func(when string, port int, client *tls.Certificate, admitted bool) {
		t.Helper()
		if status, err := getAs(t.Context(), c, client, host, port); (err == nil && status == 200) != admitted {
			t.Errorf("%s, port %d: status %d, %v, want admitted=%v", when, port, status, err, admitted)
		}
	}
	expect("without a certificate", 443, nil, false)
	expect("with a certificate of another authority", 443, others.client(t), false)
	expect("without a certificate", 8443, nil, true)
	expect("with a certificate of another authority", 8443, others.client(t), true)

	scene.WaitSuccess(t, c, ns, "web", 0)
	mark := c.Mark()
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, with("")))
	expect("after the annotation was removed", 443, nil, false)
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 {
		t.Errorf("removing the annotation writes %v", w)
	}
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, with(`[{"port":443,"mode":"off"}]`)))
	c.WaitFor(t, "an answer to a client without a certificate", func(ctx context.Context) error {
		_, err := getAs(ctx, c, nil, host, 443)
		return err
	})
	expectNoWarnings(t, c, ns)
}

// TestClientsAreVerifiedByTheConfigurationOfTheGateway shows which real TLS clients each port of a
// Gateway admits, with pods and with nodes as targets.
func TestClientsAreVerifiedByTheConfigurationOfTheGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	ours, others := newIssuer(t), newIssuer(t)
	arn := trust(t, c, "clients-of-gateways", ours)
	for _, targets := range []string{"ip", "instance"} {
		ns := "mutual-" + targets
		port := func(number, mutual string) string {
			return fmt.Sprintf(`{protocolPort: "HTTPS:%s", defaultCertificate: "%s", mutualAuthentication: {%s}}`, number,
				certificate, mutual)
		}
		c.Apply(t, scene.Namespace(ns, 1)+scene.TargetGroups(ns, "targets", "defaultConfiguration: {targetType: "+targets+
			", healthCheckConfig: {healthCheckPath: /health}}")+
			scene.Gateway(ns, "web", "alb",
				`scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}, listenerConfigurations: [`+
					port("443", `mode: verify, trustStore: "`+arn+`"`)+", "+port("8443", "mode: passthrough")+", "+
					port("9443", `mode: "off"`)+"]",
				"name: verify, protocol: HTTPS, port: 443", "name: passthrough, protocol: HTTPS, port: 8443",
				"name: unverified, protocol: HTTPS, port: 9443")+
			scene.Route("HTTPRoute", ns, "web", "parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]"))
		host := scene.GatewayAddress(t, c, ns, "web")
		lb := c.LoadBalancer(t, host)
		modes := map[int32]string{}
		for _, l := range lb.Listeners {
			out, err := c.Simulator.Balancing.DescribeListeners(t.Context(), &elb.DescribeListenersInput{
				ListenerArns: []string{l.ARN}})
			if err != nil {
				t.Fatal(err)
			}
			if m := out.Listeners[0].MutualAuthentication; m != nil {
				modes[l.Port] = aws.ToString(m.Mode) + " " + aws.ToString(m.TrustStoreArn)
			}
		}
		if want := map[int32]string{443: "verify " + arn, 8443: "passthrough ", 9443: "off "}; !maps.Equal(modes, want) {
			t.Errorf("%s: modes %v, want %v", targets, modes, want)
		}
		for _, row := range []struct {
			name     string
			port     int
			client   *tls.Certificate
			admitted bool
		}{
			{"17 a client of the trust store", 443, ours.client(t), true},
			{"17 no certificate where clients are verified", 443, nil, false},
			{"17 a client of another authority", 443, others.client(t), false},
			{"18 no certificate where it is passed on", 8443, nil, true},
			{"18 a client of another authority where it is passed on", 8443, others.client(t), true},
			{"19 no certificate where none is asked for", 9443, nil, true},
		} {
			t.Run(row.name+" "+targets, func(t *testing.T) {
				if row.admitted {
					c.WaitFor(t, "an answer", func(ctx context.Context) error {
						status, err := getAs(ctx, c, row.client, host, row.port)
						if err == nil && status != http.StatusOK {
							err = fmt.Errorf("status %d", status)
						}
						return err
					})
				} else if status, err := getAs(t.Context(), c, row.client, host, row.port); err == nil {
					t.Errorf("answered %d", status)
				}
			})
		}
	}
}
