package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	serverCertificate = "arn:aws:iam::123456789012:server-certificate/old"
	sharedGroup       = "shared"
	outpostSubnet     = "subnet-0a1de0000000000a3"
	// restGateways are a Gateway that verifies its clients, and one with addresses of the account.
	restGateways = gatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}}}, listeners: [{name: https, port: 443, protocol: HTTPS, hostname: www.example.com}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: s1, port: 80}]}]}}
LoadBalancerConfiguration shop/edge {spec: {scheme: internet-facing}}
Gateway shop/edge {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, addresses: [{value: 198.51.100.11}, {value: 198.51.100.12}, {value: 198.51.100.13}], listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/edge {spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: s1, port: 80}]}]}}`
)

// lifeOfTheRest needs what lifeOfMany does not: subnets without roles in tags, pods with interfaces of their own, logins, certificates of IAM,
// security groups of another account, addresses of customers, more rules than AWS admits by default, and Gateways with addresses and authorities.
var lifeOfTheRest = []stage{
	{"created", func(l *lab) {
		l.create(labIngress("login", map[string]string{"certificate-arn": crashCertificate + "," + serverCertificate, "listen-ports": `[{"HTTPS":443}]`, "auth-type": "cognito", "tags": "stage=test", "security-group-prefix-lists": "pl-0a1de0000000000a1",
			"auth-idp-cognito": `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo","userPoolClientID":"client","userPoolDomain":"demo"}`}, "s0"))
		l.create(labIngress("outpost", map[string]string{"customer-owned-ipv4-pool": "ipv4pool-coip-0a1de000000000001", "subnets": outpostSubnet}, "s1"))
		l.create(labIngress("borrowed", map[string]string{"security-groups": l.groupNamed(sharedGroup), "manage-backend-security-group-rules": "true"}, "s1"))
		l.create(labPaths("wide", 101, "s1")) // one rule more than AWS's default
		l.apply(restGateways)
	}},
	{"edited", func(l *lab) {
		l.restart()
		l.untagListeners("login")
		l.annotate("login", "tags", "team=shop")
		ca := &corev1.ConfigMap{}
		l.get(ca, "ca")
		ca.Data["ca.crt"] = authorityPEM(l.T, "second")
		l.must(l.client.Update(l.Context(), ca))
		l.annotate("outpost", "tags", "team=shop")
	}},
	{"deleted", func(l *lab) {
		for _, name := range []string{"login", "outpost", "borrowed", "wide"} {
			l.remove(name)
		}
		l.discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nGateway shop/edge {}\nTCPRoute shop/edge {}")
	}},
}

var restKeys = []stack.Key{implicit("login"), implicit("outpost"), implicit("borrowed"), frontGroup, gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "edge")}

// groupNamed is the id of a security group.
func (l *lab) groupNamed(name string) string {
	l.Helper()
	for _, g := range l.sim.Resources().SecurityGroups {
		if g.Name == name {
			return g.ID
		}
	}
	l.Fatalf("no security group %s", name)
	return ""
}

// untagListeners takes the tag of the cluster away from the listeners of an Ingress, as a user may.
func (l *lab) untagListeners(name string) {
	l.Helper()
	for _, lb := range l.sim.Resources().LoadBalancers {
		if !strings.HasPrefix(lb.Name, "k8s-shop-"+name+"-") {
			continue
		}
		for _, li := range lb.Listeners {
			_, err := l.sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{li.ARN}, TagKeys: []string{naming.ClusterTag}})
			l.must(err)
		}
	}
}

// restLab is the cluster of lifeOfTheRest before its life: no load balancer was made in the account yet.
func restLab(t *testing.T, prepare ...func(*lab)) *lab {
	t.Helper()
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Data: map[string]string{"ca.crt": authorityPEM(t, "first")}}
	l := newLab(t, account.Profile{}, labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labNode("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60"), ca,
		labService("s0"), labService("s1"))
	for _, p := range prepare {
		p(l)
	}
	pods := l.networkInterface(l.securityGroup("pods"), 0)
	l.create(chaosEndpoints("s0", "fargate", aws.ToString(pods.PrivateIpAddress))...)
	l.create(chaosEndpoints("s1", "a", soakAddress(1, 0))...)
	l.flags("--default-target-type=ip")
	l.config.TrustStores.Bucket, l.config.TrustStores.Prefix = "pki", "trust-stores"
	shared := l.securityGroup(sharedGroup)
	l.sim.Account.Lock()
	l.must(l.sim.Account.Buckets.Make("pki"))
	l.sim.Account.AddPrefixList(&vpc.PrefixList{ID: "pl-0a1de0000000000a1", Name: "clients", Owner: l.sim.Account.ID, MaxEntries: 20})
	g, _ := l.sim.Account.SecurityGroup(shared)
	g.Owner = "210987654321"
	l.must(l.sim.Account.SetQuota("rules-per-application-load-balancer", 200))
	l.sim.Account.AddCertificate(&account.Certificate{ARN: serverCertificate, Domain: "old.example.com", AlternativeNames: []string{"old.example.com"}, Status: "ISSUED", KeyAlgorithm: "RSA_2048"})
	outpost, _ := l.sim.Account.Subnet(outpostSubnet)
	outpost.Outpost = l.sim.Account.ARN("outposts", "outpost/op-0a1de00000000001")
	for _, s := range l.sim.Account.Subnets {
		delete(s.Tags, "kubernetes.io/role/elb")
		delete(s.Tags, "kubernetes.io/role/internal-elb")
	}
	l.sim.Account.Unlock()
	l.restart()
	return l
}

// restWait lets time pass for the cluster of lifeOfTheRest.
func (l *lab) restWait(d time.Duration) {
	l.Helper()
	for end := l.clock.Now().Add(d); l.clock.Now().Before(end); {
		l.passWith(min(d, 5*time.Minute), restKeys...)
		l.lookAround(func(_ reconcile.Result, err error) { l.must(err) })
		l.clock.Advance(time.Second)
		l.runQueues(l.Context())
	}
}

func TestAGatewayKeepsItsElasticAddressesAfterARestart(t *testing.T) {
	t.Parallel()
	l := restLab(t)
	l.apply(restGateways)
	l.restWait(5 * time.Minute)
	l.restart()
	mark, from := l.mark(), len(l.events)
	l.restWait(5 * time.Minute)
	if told := l.troubles(from); len(told) > 0 {
		t.Errorf("told %v", told)
	}
	if writes := l.writes(mark); len(writes) > 0 {
		t.Errorf("written %v", writes)
	}
}
