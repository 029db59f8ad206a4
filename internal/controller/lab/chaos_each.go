package lab

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Stage is a part of the life of a cluster.
type Stage struct {
	Name string
	Does func(l *Lab)
}

// LifeOfMany is the life of a varied cluster, in which most operations that the controller knows of are called.
var LifeOfMany = []Stage{
	{"created", func(l *Lab) {
		l.Create(Sealed("again", "another-tls"))
		l.Create(Ingress("guarded", map[string]string{"certificate-arn": CrashCertificate + "," + l.ForeignCertificate(
			"guarded.example.com"), "wafv2-acl-name": GuardACL,
			"shield-advanced-protection": "true", "minimum-load-balancer-capacity": "CapacityUnits=500",
			"ipam-ipv4-pool-id":             guardPool,
			"mutual-authentication":         `[{"port":443,"mode":"verify","trustStore":"` + GuardStore + `"}]`,
			"listen-ports":                  `[{"HTTPS":443}]`,
			"listener-attributes.HTTPS-443": "routing.http.response.server.enabled=false"}, "s0"))
		l.Create(Ingress("web", map[string]string{"certificate-arn": CrashCertificate,
			"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "ssl-redirect": "443", "tags": "stage=test",
			"load-balancer-attributes": "idle_timeout.timeout_seconds=75",
			"target-group-attributes":  "deregistration_delay.timeout_seconds=30"}, "s0", "s1"))
		l.Create(Ingress("shown", map[string]string{"enable-frontend-nlb": "true"}, "s0", "s1"))
		l.Create(CrashBalancer("edge"))
	}},
	{"edited", func(l *Lab) {
		l.Restart()
		// what pods the user's binding had: without checkpoints, their targets would be those of others once they are gone
		_, _ = l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop",
			Name: "bound"}})
		l.Renew("tls")
		l.Edit("asked", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "other.asked.dev" })
		l.Edit("guarded", func(i *networkingv1.Ingress) {
			for k, v := range map[string]string{"wafv2-acl-name": "none", "shield-advanced-protection": "false",
				"minimum-load-balancer-capacity": "CapacityUnits=0",
				"certificate-arn":                CrashCertificate,
				"listener-attributes.HTTPS-443":  "routing.http.response.server.enabled=true"} {
				i.Annotations["alb.ingress.kubernetes.io/"+k] = v
			}
			delete(i.Annotations, "alb.ingress.kubernetes.io/ipam-ipv4-pool-id")
		})
		l.Edit("shown", func(i *networkingv1.Ingress) {
			i.Spec.Rules = Ingress("x", nil, "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/security-groups"] = "sg-0a1de000000000002"
			i.Annotations["alb.ingress.kubernetes.io/subnets"] = "subnet-0a1de0000000000a1,subnet-0a1de0000000000c1"
		})
		l.Edit("web", func(i *networkingv1.Ingress) {
			i.Spec.Rules = Ingress("x", nil, "s1", "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/healthcheck-path"] = "/health"
			i.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = "192.0.2.0/24"
			i.Annotations["alb.ingress.kubernetes.io/tags"] = "team=shop"
			i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTPS":443}]`
			i.Annotations["alb.ingress.kubernetes.io/ssl-policy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"
			delete(i.Annotations, "alb.ingress.kubernetes.io/ssl-redirect")
			i.Annotations["alb.ingress.kubernetes.io/ip-address-type"] = "dualstack"
		})
		l.Balancer("edge", "attributes", "load_balancing.cross_zone.enabled=true")
		l.Balancer("net", "scheme", "internal")
		l.Scale("s1", SoakAddress(1, 1), SoakAddress(1, 2))
	}},
	{"deleted", func(l *Lab) {
		for _, name := range []string{"web", "shown", "base", "guarded", "again", "sealed", "asked"} {
			l.Remove(name)
		}
		for _, name := range []string{"net", "edge"} {
			l.Drop(CrashBalancer(name), name)
		}
	}},
}

// ManyKeys are the keys of the stacks of ManyLab.
var ManyKeys = slices.Concat(CrashKeys, []stack.Key{Key("web"), Key("shown"), Key("guarded")})

// Scale gives a Service other pods.
func (l *Lab) Scale(service string, addresses ...string) {
	l.Helper()
	for _, o := range ChaosEndpoints(service, "a", addresses...) {
		old, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			l.Fatalf("%T is no object", o)
		}
		if !l.Get(old, o.GetName()) {
			l.Create(o)
			continue
		}
		o.SetResourceVersion(old.GetResourceVersion())
		pod, isPod := o.DeepCopyObject().(*corev1.Pod)
		l.Must(l.Client.Update(l.Context(), o))
		if isPod { // an update leaves the status
			pod.SetResourceVersion(o.GetResourceVersion())
			l.Must(l.Client.Status().Update(l.Context(), pod))
		}
	}
}

// ManyWait lets time pass for the varied cluster.
func (l *Lab) ManyWait(d time.Duration) {
	l.Helper()
	l.PassWith(d, ManyKeys...)
}

// What stands before the load balancer of an Ingress of LifeOfMany.
const (
	GuardACL   = "guard"
	guardPool  = "ipam-pool-0a1de000000000001"
	GuardStore = "partners"
)

// ManyLab is the varied cluster before its life.
func ManyLab(t *testing.T, keeps bool, prepare ...func(*Lab)) *Lab {
	t.Helper()
	l := CrashLab(t, keeps, true, prepare...)
	l.GuardAccount()
	l.Must(l.Sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000))
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	l.Sim.Account.AddIPAMPool(&vpc.IPAMPool{ID: guardPool, Family: "ipv4", Public: true, CIDRs: []netip.Prefix{
		netip.MustParsePrefix("203.0.113.0/24")}})
	return l
}

// GuardAccount subscribes to Shield, and makes the web ACL and the trust store.
func (l *Lab) GuardAccount() {
	l.Helper()
	_, err := l.Sim.Shield.CreateSubscription(l.Context(), &shield.CreateSubscriptionInput{})
	l.Must(err)
	_, err = l.Sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String(GuardACL),
		Scope:         waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{
			MetricName: aws.String(GuardACL)}})
	l.Must(err)
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	l.Sim.Account.AddTrustStore(&account.TrustStore{
		ARN:  "arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/" + GuardStore + "/0a1de00000000001",
		Name: GuardStore})
}

// ForeignCertificate is one of the account that nobody's stack owns.
func (l *Lab) ForeignCertificate(domain string) (arn string) {
	arn = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000ff"
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	l.Sim.Account.AddCertificate(&account.Certificate{ARN: arn, Domain: domain, AlternativeNames: []string{domain},
		Status: "ISSUED", Type: "PRIVATE", KeyAlgorithm: "RSA_2048"})
	return arn
}

// Permissions counts the calls since a mark by the IAM action that allows them.
func (l *Lab) Permissions(mark uint64) map[string]int {
	out := map[string]int{}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		out[c.Service+":"+c.Action]++
	}
	return out
}

// Called are the IAM actions of the controller's calls since a mark.
func (l *Lab) Called(mark uint64) (out []string) {
	by := l.Permissions(mark)
	for _, o := range permission.Operations { // the others are calls of the test's
		if by[o.Permission] > 0 {
			out = append(out, o.Permission)
		}
	}
	slices.Sort(out)
	return out
}

// Denying is a refusal as IAM words it.
func Denying(permission string) gate.Fault { return failedread.Denying(permission) }

// Uncalled are the IAM actions that the varied cluster's life does not need, and why.
var Uncalled = map[string]string{
	"elasticloadbalancing:DescribeSSLPolicies": "no TLS policy is declared that the table of them lacks",
	"cognito-idp:DescribeUserPoolClient": "Elastic Load Balancing asks for it on behalf of whoever creates a " +
		"rule; its denial is one of CreateRule",
	"ec2:DescribeAddresses": "no object here names an address by its text; " +
		"internal/aws/inventory/details_test.go",
	"ec2:DescribeManagedPrefixLists": "no object here names a prefix list; lifeOfTheRest",
	"ec2:DescribeNetworkInterfaces": "pods here have no interfaces of their own; " +
		"internal/aws/inventory/interfaces_test.go",
	"ec2:DescribeRouteTables": "subnets here say by tags what they are for; " +
		"internal/aws/inventory/facts_test.go",
	"sts:GetCallerIdentity": "AWS denies it to nobody",
	"sts:AssumeRole": "no binding here names a role; " +
		"TestARoleThatIsDeniedStopsOnlyItsBindings",
	"tag:GetResources": "the gate is off; TestADeniedTaggingAPIIsReplacedByDescribeTags, in " +
		"internal/aws/inventory",
	"elasticloadbalancing:DescribeAccountLimits": "no load balancer here exceeds a default; lifeOfTheRest",
	"elasticloadbalancing:CreateTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"elasticloadbalancing:DeleteTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"elasticloadbalancing:ModifyTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:DeleteObject":                            "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:GetObject":                               "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:PutObject":                               "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
}

// Silent operations, when they are denied (in a stage), cost nothing that the owner of an object could see; the log
// tells of them.
var Silent = map[string]bool{
	"RevokeSecurityGroupIngress": true, // the bindings that needed the rules are gone
	"deleted ListCertificates":   true, // what was listed before is deleted
	"ListHostedZones":            true, // a validation record that is not needed any more stays
	"DescribeAccountLimits":      true, // AWS is left to decide
	"DescribeManagedPrefixLists": true, // AWS is left to decide
	"DescribeVpcs":               true, // targets are taken to be in the VPC until AWS says that they are not
}

// TargetsOf are the targets of a group that do not drain.
func (l *Lab) TargetsOf(name string) []string {
	for _, tg := range l.Sim.Resources().TargetGroups {
		if tg.Name == name {
			return slices.Sorted(maps.Keys(RegisteredIn(tg)))
		}
	}
	return nil
}
