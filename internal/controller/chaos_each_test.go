package controller

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// stage is a part of the life of a cluster.
type stage struct {
	name string
	does func(l *lab)
}

// The life of a varied cluster, in which each operation that the controller knows of is called at least once for most of them.
var lifeOfMany = []stage{
	{"created", func(l *lab) {
		l.create(sealed("again", "another-tls"))
		l.create(labIngress("guarded", map[string]string{"certificate-arn": crashCertificate + "," + l.foreignCertificate("guarded.example.com"), "wafv2-acl-name": guardACL,
			"shield-advanced-protection": "true", "minimum-load-balancer-capacity": "CapacityUnits=500", "ipam-ipv4-pool-id": guardPool,
			"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"` + guardStore + `"}]`, "listen-ports": `[{"HTTPS":443}]`,
			"listener-attributes.HTTPS-443": "routing.http.response.server.enabled=false"}, "s0"))
		l.create(labIngress("web", map[string]string{"certificate-arn": crashCertificate, "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "ssl-redirect": "443", "tags": "stage=test",
			"load-balancer-attributes": "idle_timeout.timeout_seconds=75", "target-group-attributes": "deregistration_delay.timeout_seconds=30"}, "s0", "s1"))
		l.create(labIngress("shown", map[string]string{"enable-frontend-nlb": "true"}, "s0", "s1"))
		l.create(crashBalancer("edge"))
	}},
	{"edited", func(l *lab) {
		l.restart()
		l.renew("tls")
		l.edit("asked", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "other.asked.dev" })
		l.edit("guarded", func(i *networkingv1.Ingress) {
			for k, v := range map[string]string{"wafv2-acl-name": "none", "shield-advanced-protection": "false", "minimum-load-balancer-capacity": "CapacityUnits=0",
				"certificate-arn": crashCertificate, "listener-attributes.HTTPS-443": "routing.http.response.server.enabled=true"} {
				i.Annotations["alb.ingress.kubernetes.io/"+k] = v
			}
			delete(i.Annotations, "alb.ingress.kubernetes.io/ipam-ipv4-pool-id")
		})
		l.edit("shown", func(i *networkingv1.Ingress) {
			i.Spec.Rules = labIngress("x", nil, "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/security-groups"] = "sg-0a1de000000000002"
			i.Annotations["alb.ingress.kubernetes.io/subnets"] = "subnet-0a1de0000000000a1,subnet-0a1de0000000000c1"
		})
		l.edit("web", func(i *networkingv1.Ingress) {
			i.Spec.Rules = labIngress("x", nil, "s1", "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/healthcheck-path"] = "/health"
			i.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = "192.0.2.0/24"
			i.Annotations["alb.ingress.kubernetes.io/tags"] = "team=shop"
			i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTPS":443}]`
			i.Annotations["alb.ingress.kubernetes.io/ssl-policy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"
			delete(i.Annotations, "alb.ingress.kubernetes.io/ssl-redirect")
			i.Annotations["alb.ingress.kubernetes.io/ip-address-type"] = "dualstack"
		})
		l.balancer("edge", "attributes", "load_balancing.cross_zone.enabled=true")
		l.balancer("net", "scheme", "internal")
		l.scale("s1", soakAddress(1, 1), soakAddress(1, 2))
	}},
	{"deleted", func(l *lab) {
		for _, name := range []string{"web", "shown", "base", "guarded", "again", "sealed", "asked"} {
			l.remove(name)
		}
		for _, name := range []string{"net", "edge"} {
			l.drop(crashBalancer(name), name)
		}
	}},
}

var manyKeys = slices.Concat(crashKeys, []stack.Key{implicit("web"), implicit("shown"), implicit("guarded")})

// scale gives a Service other pods.
func (l *lab) scale(service string, addresses ...string) {
	l.Helper()
	for _, o := range chaosEndpoints(service, "a", addresses...) {
		old, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			l.Fatalf("%T is no object", o)
		}
		if !l.get(old, o.GetName()) {
			l.create(o)
			continue
		}
		o.SetResourceVersion(old.GetResourceVersion())
		pod, isPod := o.DeepCopyObject().(*corev1.Pod)
		l.must(l.client.Update(l.Context(), o))
		if isPod { // an update leaves the status
			pod.SetResourceVersion(o.GetResourceVersion())
			l.must(l.client.Status().Update(l.Context(), pod))
		}
	}
}

// manyWait lets time pass for the varied cluster.
func (l *lab) manyWait(d time.Duration) {
	l.Helper()
	l.passWith(d, manyKeys...)
}

// What stands before the load balancer of an Ingress of lifeOfMany.
const (
	guardACL   = "guard"
	guardPool  = "ipam-pool-0a1de000000000001"
	guardStore = "partners"
)

// manyLab is the varied cluster before its life.
func manyLab(t *testing.T, keeps bool, prepare ...func(*lab)) *lab {
	t.Helper()
	l := crashLab(t, keeps, true, prepare...)
	l.guardAccount()
	l.must(l.sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000))
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	l.sim.Account.AddIPAMPool(&vpc.IPAMPool{ID: guardPool, Family: "ipv4", Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	return l
}

// guardAccount subscribes to Shield, and makes the web ACL and the trust store.
func (l *lab) guardAccount() {
	l.Helper()
	_, err := l.sim.Shield.CreateSubscription(l.Context(), &shield.CreateSubscriptionInput{})
	l.must(err)
	_, err = l.sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String(guardACL), Scope: waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String(guardACL)}})
	l.must(err)
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	l.sim.Account.AddTrustStore(&account.TrustStore{ARN: "arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/" + guardStore + "/0a1de00000000001", Name: guardStore})
}

// foreignCertificate is one of the account that nobody's stack owns.
func (l *lab) foreignCertificate(domain string) (arn string) {
	arn = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000ff"
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	l.sim.Account.AddCertificate(&account.Certificate{ARN: arn, Domain: domain, AlternativeNames: []string{domain}, Status: "ISSUED", Type: "PRIVATE", KeyAlgorithm: "RSA_2048"})
	return arn
}

// permissions counts the calls since a mark by the IAM action that allows them.
func (l *lab) permissions(mark uint64) map[string]int {
	out := map[string]int{}
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		out[c.Service+":"+c.Action]++
	}
	return out
}

// undisturbed is the account after each stage of the life of a varied cluster, with the IAM actions of its calls.
func undisturbed(t *testing.T) (accounts []string, called []string) {
	t.Helper()
	l := manyLab(t, false)
	mark := l.mark()
	for _, stage := range lifeOfMany {
		stage.does(l)
		l.manyWait(15 * time.Minute)
		accounts = append(accounts, l.account())
		if told := l.troubles(0); len(told) > 0 {
			t.Fatalf("%s: %v", stage.name, told)
		}
	}
	return accounts, l.called(mark)
}

// called are the IAM actions of the controller's calls since a mark.
func (l *lab) called(mark uint64) (out []string) {
	by := l.permissions(mark)
	for _, o := range awsclient.Operations { // the others are calls of the test's
		if by[o.Permission] > 0 {
			out = append(out, o.Permission)
		}
	}
	slices.Sort(out)
	return out
}

// TestEachOperationInTurnMayBeDeniedFailOrBeThrottled has one operation trouble a varied cluster for a while in each stage of its life. The
// trouble is told, costs few calls, keeps no user's binding from its targets, and leaves nothing when it is over.
func TestEachOperationInTurnMayBeDeniedFailOrBeThrottled(t *testing.T) {
	t.Parallel()
	accounts, called := undisturbed(t)
	judgeCoverage(t, called)
	faults := map[string]func(permission string) gate.Fault{
		"denied":    denying,
		"failing":   func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
		"unheard":   func(string) gate.Fault { return gate.Fault{Lose: true} },
		"throttled": func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
	}
	troubles := oneOf(13) // of each kind one, as twelve in a row have the same kinds as the next
	for n, permission := range called {
		for _, kind := range slices.Sorted(maps.Keys(faults)) {
			if another := []string{"failing", "", "unheard", "", "throttled", "", "", "", ""}[n%9]; !everyFault && kind != "denied" && kind != another {
				continue // each operation is denied in every run, and every third has another trouble
			}
			if !troubles.Next() {
				continue
			}
			fault := faults[kind](permission)
			t.Run(permission+" "+kind, func(t *testing.T) {
				t.Parallel()
				l := manyLab(t, false)
				fault.Service, fault.Action, _ = strings.Cut(permission, ":")
				for n, stage := range lifeOfMany {
					fault.ID = fmt.Sprint("stage", n)
					_, err := l.sim.Gate.AddFault(fault)
					l.must(err)
					mark, from := l.mark(), len(l.events)
					stage.does(l)
					l.manyWait(10 * time.Minute)
					l.judgeTrouble(stage.name, permission, kind, mark, from)
					l.sim.Gate.ClearFaults()
					l.manyWait(15 * time.Minute)
					l.judgeAccount(stage.name, accounts[n])
				}
			})
		}
	}
}

// denying is a refusal as IAM words it.
func denying(permission string) gate.Fault {
	f := gate.Fault{Code: "AccessDenied", Status: 403, Message: "User: arn:aws:sts::123456789012:assumed-role/lbc/1 is not authorized to perform: " + permission}
	if strings.HasPrefix(permission, "ec2:") {
		f.Code = "UnauthorizedOperation"
	}
	return f
}

// judgeTrouble holds that ten minutes of trouble with an operation are calm and told.
func (l *lab) judgeTrouble(stage, permission, kind string, mark uint64, from int) {
	l.Helper()
	total, _ := l.counts(mark)
	by := l.permissions(mark)
	_, action, _ := strings.Cut(permission, ":")
	most := 250
	if kind == "throttled" || action == "DescribeTargetHealth" { // each of nine units is worth an attempt every quarter of a minute; the limiter paces them
		most = 500
	}
	if total > 3*most || by[permission] > most {
		l.Errorf("%s: %d calls in ten minutes, %d of them in vain: %v", stage, total, by[permission], by)
	}
	said := strings.Join(l.events[from:], "\n")
	if kind == "denied" && by[permission] > 0 && !strings.Contains(said, permission) && !silent[action] && !silent[stage+" "+action] {
		l.Errorf("%s: no event names %s:\n%s", stage, permission, said)
	}
	for object, texts := range l.warnings(from) {
		if len(texts) > 4 {
			l.Errorf("%s: %s is told %d times:\n%s", stage, object, len(texts), strings.Join(texts, "\n"))
		}
	}
	if targets := l.targetsOf("theirs"); stage == "edited" && !needsOfTargets[action] && !slices.Equal(targets, []string{soakAddress(1, 1) + ":8080", soakAddress(1, 2) + ":8080"}) {
		l.Errorf("%s: the user's target group has %v", stage, targets)
	}
}

// uncalled are the IAM actions that the varied cluster's life does not need, and why.
var uncalled = map[string]string{
	"cognito-idp:DescribeUserPoolClient":         "Elastic Load Balancing asks for it on behalf of whoever creates a rule; its denial is one of CreateRule",
	"ec2:DescribeAddresses":                      "no object here names an address by its text; internal/aws/inventory/details_test.go",
	"ec2:DescribeManagedPrefixLists":             "no object here names a prefix list; lifeOfTheRest",
	"ec2:DescribeNetworkInterfaces":              "pods here have no interfaces of their own; internal/aws/inventory/interfaces_test.go",
	"ec2:DescribeRouteTables":                    "subnets here say by tags what they are for; internal/aws/inventory/facts_test.go",
	"sts:GetCallerIdentity":                      "AWS denies it to nobody",
	"sts:AssumeRole":                             "no binding here names a role; TestARoleThatIsDeniedStopsOnlyItsBindings",
	"tag:GetResources":                           "the gate is off; TestADeniedTaggingAPIIsReplacedByDescribeTags, in internal/aws/inventory",
	"elasticloadbalancing:DescribeAccountLimits": "no load balancer here exceeds a default; lifeOfTheRest",
	"elasticloadbalancing:CreateTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"elasticloadbalancing:DeleteTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"elasticloadbalancing:ModifyTrustStore":      "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:DeleteObject":                            "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:GetObject":                               "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
	"s3:PutObject":                               "no Gateway is here; TestTrustStoresComeAndGoWhateverCallFails",
}

// judgeCoverage holds that each IAM action of the table of permissions has its trouble, or a reason why not.
func judgeCoverage(t *testing.T, called []string) {
	t.Helper()
	for _, o := range awsclient.Operations {
		if o.Service == awsclient.ServiceGlobalAccelerator {
			continue // no GlobalAccelerator is here: its controller has such a test of its own
		}
		if why, is := uncalled[o.Permission]; slices.Contains(called, o.Permission) == is {
			t.Errorf("%s: is it called? %v; said to be uncalled because %q", o.Permission, !is, why)
		}
	}
}

// silent operations, when they are denied (in a stage), cost nothing that the owner of an object could see; the log tells of them.
var silent = map[string]bool{
	"RevokeSecurityGroupIngress": true, // the bindings that needed the rules are gone
	"deleted ListCertificates":   true, // what was listed before is deleted
	"ListHostedZones":            true, // a validation record that is not needed any more stays
	"DescribeAccountLimits":      true, // AWS is left to decide
	"DescribeManagedPrefixLists": true, // AWS is left to decide
	"DescribeVpcs":               true, // targets are taken to be in the VPC until AWS says that they are not
}

// needsOfTargets are the operations without which no target comes or goes.
// After a restart without checkpoints, what is registered must be read before anything of it goes.
var needsOfTargets = map[string]bool{"RegisterTargets": true, "DeregisterTargets": true, "DescribeTargetHealth": true}

// targetsOf are the targets of a group that do not drain.
func (l *lab) targetsOf(name string) []string {
	for _, tg := range l.sim.Resources().TargetGroups {
		if tg.Name == name {
			return slices.Sorted(maps.Keys(registeredIn(tg)))
		}
	}
	return nil
}
