package companions

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/foreign"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/sandbox"
	"github.com/k8s-lbc/lbc/playground/state"
)

// certificates is the namespace of what cert-manager issues for, and the middle of the names.
const certificates = "certs"

// balancerZone is the hosted zone of the names of ALBs in us-west-2.
const balancerZone = "Z1H1FL5HABSF5"

// issuedName is a name that cert-manager proves.
func issuedName(first string) string { return first + "." + certificates + "." + zone }

// renewal has certificates of an hour renewed a minute after they were issued.
const renewal = "cert-manager.io/issuer: acme, cert-manager.io/duration: 1h, cert-manager.io/renew-before: 59m"

// issuer has challenges answered by an Ingress of the group of the Ingress, and by a route of the Gateway.
var issuer = fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: acme, namespace: %[1]s}
spec:
  acme:
    server: https://127.0.0.1:14000/dir
    skipTLSVerify: true
    privateKeySecretRef: {name: acme-account}
    solvers:
    - selector: {dnsNames: [%[2]s]}
      http01:
        ingress:
          ingressClassName: alb
          ingressTemplate:
            metadata:
              annotations:
                alb.ingress.kubernetes.io/group.name: certs
                alb.ingress.kubernetes.io/target-type: ip
                alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
    - selector: {dnsNames: [%[3]s]}
      http01:
        gatewayHTTPRoute: {parentRefs: [{kind: Gateway, name: web}]}
---
`, certificates, issuedName("ingress"), issuedName("gateway"))

// readSecrets admits the controller to the Secrets of a namespace.
const readSecrets = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets, namespace: certs}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets, namespace: certs}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}]
---
`

// secured are an Ingress and a Gateway, whose Secrets cert-manager makes.
func secured() string {
	ingress := scene.Ingress(certificates, "web", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip", "group.name": "certs", "import-tls-secrets": "true",
		"listen-ports":           `[{"HTTP": 80}, {"HTTPS": 443}]`,
		"cert-manager.io/issuer": "acme", "cert-manager.io/duration": "1h", "cert-manager.io/renew-before": "59m",
	}, scene.Path{Host: issuedName("ingress"), Path: "/"})
	ingress = strings.TrimSuffix(ingress, "---\n") + "  tls: [{secretName: ingress-tls, hosts: [" + issuedName("ingress") +
		"]}]\n---\n"
	gateway := scene.Gateway(certificates, "web", "companions", "scheme: internet-facing",
		"name: http, port: 80, protocol: HTTP",
		"name: https, port: 443, protocol: HTTPS, hostname: "+issuedName("gateway")+
			", tls: {certificateRefs: [{name: gateway-tls}]}")
	gateway = strings.Replace(gateway, "kind: Gateway\nmetadata: {name: web,", "kind: Gateway\nmetadata: {annotations: {"+
		renewal+"}, name: web,", 1)
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: companions}\nspec: " +
		"{controllerName: gateway.k8s.aws/alb}\n---\n" + ingress + gateway +
		scene.TargetGroups(certificates, "web", "targetReference: {name: web}, defaultConfiguration: {targetType: ip}") +
		scene.Route("HTTPRoute", certificates, "web", "parentRefs: [{name: web}], hostnames: ["+issuedName("gateway")+
			"], rules: [{backendRefs: [{name: web, port: 80}]}]")
}

// TestCertManagerProvesNamesThroughIngressesAndGateways shows that the real cert-manager gets
// certificates by HTTP-01 through an Ingress and a Gateway, that both serve them, and also the renewed.
func TestCertManagerProvesNamesThroughIngressesAndGateways(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the programs of make companions")
	}
	c := cluster(t, "--enable-tls-secret-import")
	define(t, c, filepath.Join(sources(t, c, "certmanager", "github.com/cert-manager/cert-manager"), "deploy", "crds",
		"*.yaml"), "certificates.cert-manager.io")
	established(t, c, "issuers.cert-manager.io", "challenges.acme.cert-manager.io")
	startCertManager(t, c)
	c.Apply(t, scene.Namespace(certificates, 2)+readSecrets+issuer+secured())

	addresses := map[string]string{"ingress": c.IngressAddress(t, certificates, "web"), "gateway": gatewayStatus(t, c,
		certificates, "web")}
	for first, address := range addresses {
		alias(t, c, issuedName(first), address)
	}
	issued := map[string]string{}
	for first, address := range addresses {
		issued[first] = waitIssued(t, c, address, first, "")
		if r := c.WaitGet(t, "http://"+address+"/", issuedName(first), 200, "web"); r.Pod.Host != issuedName(first) {
			t.Errorf("the pod got host %q", r.Pod.Host)
		}
	}
	// From now on, requests of the authority reach the Ingress through a redirect.
	c.Kubectl(t, "annotate", "ingress", "-n", certificates, "web", "alb.ingress.kubernetes.io/ssl-redirect=443")
	c.WaitGet(t, "http://"+addresses["ingress"]+"/", issuedName("ingress"), 301, "")
	for first, address := range addresses {
		issued[first] = waitIssued(t, c, address, first, issued[first])
	}
	// one may have been on its way before
	issued["ingress"] = waitIssued(t, c, addresses["ingress"], "ingress", issued["ingress"])
	// The Ingress of a challenge names the host of the other one, whose Secret is imported.
	for _, w := range scene.Warnings(t, c, certificates) {
		if strings.Contains(w, "no certificate found") &&
			!strings.Contains(w, "until this is fixed, the controller does not create or change the HTTPS listener on port 443") {
			t.Errorf("after the certificate was issued: %s", w)
		}
	}
	c.Kubectl(t, "delete", "ingress,httproute,gateway,issuer", "-n", certificates, "--all")
	c.Kubectl(t, "delete", "namespace", certificates, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(certificates)...)
}

// startCertManager starts cert-manager and the authority Pebble in a network in which names of the account resolve and
// load balancers listen at port 80, as "playground exec" does.
func startCertManager(t *testing.T, c *harness.Cluster) {
	t.Helper()
	dir, programs := t.TempDir(), os.Getenv(directoryVariable)
	keys := filepath.Join(sources(t, c, "certmanager", "github.com/letsencrypt/pebble/v2"), "test", "certs", "localhost")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "127.0.0.1:14000", "certificate": filepath.Join(keys, "cert.pem"), "privateKey": filepath.Join(keys,
			"key.pem"), "httpPort": 80, "tlsPort": 443,
		"profiles": map[string]any{"default": map[string]any{"description": "an hour", "validityPeriod": 3600}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`%[1]s/pebble -config %[2]s/pebble.json >%[2]s/pebble.log 2>&1 & pebble=$!
%[1]s/cert-manager -kubeconfig %[3]s -v=2 >%[2]s/cert-manager.log 2>&1 & manager=$!
trap 'kill $pebble $manager' TERM
wait $manager; wait $pebble`, programs, dir, c.Env.Kubeconfig)
	e := state.Endpoints{Kubeconfig: c.Env.Kubeconfig, APIServer: c.Config.Host, Simulator: c.Env.URL}
	settings, err := c.Env.AWS.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.DNS = settings.DNS
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := foreign.Run(ctx, e, append(c.Environ(), "HOME="+dir, "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"),
			[]string{"sh", "-c", script})
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, name := range []string{"cert-manager.log", "pebble.log"} {
				t.Logf("the end of %s:\n%s", name, process.Tail(filepath.Join(dir, name), 60))
			}
		}
	})
	c.WaitFor(t, "cert-manager to start", func(context.Context) error {
		select {
		case err := <-ended:
			ended <- nil
			if not := new(sandbox.NotPermittedError); errors.As(err, &not) {
				t.Skip(err)
			}
			t.Fatalf("cert-manager has ended: %v\n%s", err, process.Tail(filepath.Join(dir, "cert-manager.log"), 20))
		default:
		}
		if info, err := os.Stat(filepath.Join(dir, "cert-manager.log")); err != nil || info.Size() == 0 {
			return fmt.Errorf("it has written no log: %w", err)
		}
		return nil
	})
}

// gatewayStatus waits for the address in the status of a Gateway, which may lack the certificate of a listener still.
func gatewayStatus(t *testing.T, c *harness.Cluster, namespace, name string) (address string) {
	t.Helper()
	c.WaitFor(t, "the address of Gateway "+name, func(context.Context) (err error) {
		if address, err = c.TryKubectl(t, "get", "gateway", "-n", namespace, name, "-o",
			"jsonpath={.status.addresses[0].value}"); err == nil && address == "" {
			err = errors.New("its status has none")
		}
		return err
	})
	return address
}

// alias makes a name of the zone an alias of a load balancer.
func alias(t *testing.T, c *harness.Cluster, name, address string) {
	t.Helper()
	zones, err := c.Simulator.Names.ListHostedZonesByName(t.Context(), &route53.ListHostedZonesByNameInput{
		DNSName: aws.String(zone + ".")})
	if err != nil || len(zones.HostedZones) == 0 {
		t.Fatalf("the zone %s: %v", zone, err)
	}
	if _, err := c.Simulator.Names.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: zones.HostedZones[0].Id,
		ChangeBatch: &types.ChangeBatch{
			Changes: []types.Change{{Action: types.ChangeActionUpsert, ResourceRecordSet: &types.ResourceRecordSet{
				Name: aws.String(name), Type: types.RRTypeA,
				AliasTarget: &types.AliasTarget{DNSName: aws.String(address), HostedZoneId: aws.String(balancerZone),
					EvaluateTargetHealth: true},
			}}}},
	}); err != nil {
		t.Fatal(err)
	}
}

// waitIssued waits until clients of a load balancer get the certificate of the Secret, other than that with the serial
// number before, and returns its number.
func waitIssued(t *testing.T, c *harness.Cluster, address, first, before string) (serial string) {
	t.Helper()
	c.WaitFor(t, "a certificate for "+issuedName(first), func(ctx context.Context) error {
		text, err := c.TryKubectl(t, "get", "secret", "-n", certificates, first+"-tls", "-o", `jsonpath={.data.tls\.crt}`)
		if err != nil {
			return err
		}
		chain, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(chain)
		if block == nil {
			return errors.New("the Secret has no certificate")
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		conn, err := curl.Endpoints(c.Env.Endpoints).Dial(ctx, "tcp", net.JoinHostPort(address, "443"))
		if err != nil {
			return err
		}
		defer conn.Close()
		client := tls.Client(conn, &tls.Config{ServerName: issuedName(first), InsecureSkipVerify: true})
		if err := client.HandshakeContext(ctx); err != nil {
			return err
		}
		served := client.ConnectionState().PeerCertificates[0]
		serial = served.SerialNumber.String()
		if serial != leaf.SerialNumber.String() || serial == before ||
			!strings.HasPrefix(served.Issuer.CommonName, "Pebble") {
			return fmt.Errorf("certificate %s of %s is served, the Secret has %s, before was %q", serial,
				served.Issuer.CommonName, leaf.SerialNumber, before)
		}
		return served.VerifyHostname(issuedName(first))
	})
	return serial
}
