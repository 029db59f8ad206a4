package lab

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// What tests of several subjects name in the simulated account.
const (
	ServerCertificate = "arn:aws:iam::123456789012:server-certificate/old"
	SharedGroup       = "shared"
	OutpostSubnet     = "subnet-0a1de0000000000a3"
	// RestGateways are a Gateway that verifies its clients, and one with addresses of the account.
	RestGateways = GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}}}, listeners: [{name: https, port: 443, protocol: HTTPS, hostname: www.example.com}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: s1, port: 80}]}]}}
LoadBalancerConfiguration shop/edge {spec: {scheme: internet-facing}}
Gateway shop/edge {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, addresses: [{value: 198.51.100.11}, {value: 198.51.100.12}, {value: 198.51.100.13}], listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/edge {spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: s1, port: 80}]}]}}`
)

// RestKeys are the keys of the stacks of RestLab.
var RestKeys = []stack.Key{Key("login"), Key("outpost"), Key("borrowed"), FrontGroup,
	GatewayKey(stack.GatewayALB, "web"), GatewayKey(stack.GatewayNLB, "edge")}

// RestLab is the cluster of lifeOfTheRest before its life: no load balancer was made in the account yet.
func RestLab(t *testing.T, prepare ...func(*Lab)) *Lab {
	t.Helper()
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Data: map[string]string{
		"ca.crt": AuthorityPEM(t, "first")}}
	l := New(t, account.Profile{}, Class(), Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		Node("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60"), ca,
		Service("s0"), Service("s1"))
	for _, p := range prepare {
		p(l)
	}
	pods := l.NetworkInterface(l.SecurityGroup("pods"), 0)
	l.Create(ChaosEndpoints("s0", "fargate", aws.ToString(pods.PrivateIpAddress))...)
	l.Create(ChaosEndpoints("s1", "a", SoakAddress(1, 0))...)
	l.Flags("--default-target-type=ip")
	l.Config.TrustStores.Bucket, l.Config.TrustStores.Prefix = "pki", "trust-stores"
	shared := l.SecurityGroup(SharedGroup)
	l.Sim.Account.Lock()
	l.Must(l.Sim.Account.Buckets.Make("pki"))
	l.Sim.Account.AddPrefixList(&vpc.PrefixList{ID: "pl-0a1de0000000000a1", Name: "clients", Owner: l.Sim.Account.ID,
		MaxEntries: 20})
	g, _ := l.Sim.Account.SecurityGroup(shared)
	g.Owner = "210987654321"
	l.Must(l.Sim.Account.SetQuota("rules-per-application-load-balancer", 200))
	l.Sim.Account.AddCertificate(&account.Certificate{ARN: ServerCertificate, Domain: "old.example.com",
		AlternativeNames: []string{"old.example.com"}, Status: "ISSUED", KeyAlgorithm: "RSA_2048"})
	outpost, _ := l.Sim.Account.Subnet(OutpostSubnet)
	outpost.Outpost = l.Sim.Account.ARN("outposts", "outpost/op-0a1de00000000001")
	for _, s := range l.Sim.Account.Subnets {
		delete(s.Tags, "kubernetes.io/role/elb")
		delete(s.Tags, "kubernetes.io/role/internal-elb")
	}
	l.Sim.Account.Unlock()
	l.Restart()
	return l
}

// CreateRest creates what RestLab is for.
func (l *Lab) CreateRest() {
	l.Helper()
	l.Create(Ingress("login", map[string]string{"certificate-arn": CrashCertificate + "," + ServerCertificate,
		"listen-ports": `[{"HTTPS":443}]`, "auth-type": "cognito", "tags": "stage=test",
		"security-group-prefix-lists": "pl-0a1de0000000000a1",
		"auth-idp-cognito":            `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo","userPoolClientID":"client","userPoolDomain":"demo"}`}, "s0"))
	l.Create(Ingress("outpost", map[string]string{"customer-owned-ipv4-pool": "ipv4pool-coip-0a1de000000000001",
		"subnets": OutpostSubnet}, "s1"))
	l.Create(Ingress("borrowed", map[string]string{"security-groups": l.groupNamed(SharedGroup),
		"manage-backend-security-group-rules": "true"}, "s1"))
	l.Create(Paths("wide", 101, "s1")) // one rule more than AWS's default
	l.Apply(RestGateways)
}

// groupNamed is the id of a security group.
func (l *Lab) groupNamed(name string) string {
	l.Helper()
	for _, g := range l.Sim.Resources().SecurityGroups {
		if g.Name == name {
			return g.ID
		}
	}
	l.Fatalf("no security group %s", name)
	return ""
}

// RestWait lets time pass for the cluster of lifeOfTheRest.
func (l *Lab) RestWait(d time.Duration) {
	l.Helper()
	for end := l.Clock.Now().Add(d); l.Clock.Now().Before(end); {
		l.PassWith(min(d, 5*time.Minute), RestKeys...)
		l.LookAround(func(_ reconcile.Result, err error) { l.Must(err) })
		l.Clock.Advance(time.Second)
		l.RunQueues(l.Context())
	}
}
