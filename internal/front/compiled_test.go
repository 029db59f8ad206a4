package front

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

const accountCertificate = "arn:aws:acm:us-west-2:111122223333:certificate/c1"

// account is a VPC with two subnets. Nothing exists for any load balancer.
func account() facts.Facts {
	f := facts.Facts{
		VPC: &facts.VPC{ID: "vpc-1", CIDRs: []string{"10.0.0.0/16"}}, Subnets: map[string]facts.Subnet{}, Routes: true,
		ExistingKnown: true, OwnKnown: true,
		Certificates: map[string]facts.Certificate{accountCertificate: {ARN: accountCertificate, Status: "ISSUED",
			Domains: []string{"*.example.com", "example.com"}}},
		SecurityGroups: map[string]facts.SecurityGroup{},
	}
	for zone, cidr := range map[string]string{"a": "10.0.0.0/20", "b": "10.0.16.0/20"} {
		f.Subnets["subnet-"+zone] = facts.Subnet{
			ID: "subnet-" + zone, VPC: "vpc-1", Zone: "us-west-2" + zone, CIDR: cidr, AvailableIPs: 100,
			Tags: map[string]string{naming.RoleInternalELBTag: "1", naming.RoleELBTag: "1"},
		}
	}
	return f
}

func compiling() compile.Config {
	return compile.Config{
		Cluster: "my-cluster", VPC: "vpc-1", DefaultTargetType: stack.TargetIP, DefaultScheme: stack.Internal,
		BackendSecurityGroup: "sg-backend", EnableBackendSecurityGroup: true,
		ExternalTargetGroups: allowlist.List{{Pattern: allowlist.Any}},
		Gates: compile.Gates{EnableIPTargetType: true, ListenerRulesTagging: true, WeightedTargetGroups: true,
			NLBSecurityGroup: true},
	}
}

// compiled is what a pass makes of objects.
type compiled struct {
	Input
	compile.Result
}

// pass compiles a stack of objects; before is what the last pass remembered.
func pass(t testing.TB, f Loader, key stack.Key, objs []metav1.Object, before *compile.Memory) compiled {
	t.Helper()
	w := f.Load(objects.FromObjects(objs), key.ID).Governed(key, before)
	if !w.Declared {
		return compiled{Input: w}
	}
	return compiled{w, compile.Compile(w.LoadBalancer, account(), compiling(), before)}
}

// keptRule is the answer of a rule that AWS has.
const keptRule = "as AWS has it"

// answer is what the load balancer makes of a request: a host to redirect to, a status, or target groups.
func (c compiled) answer(r traffic.Request) string {
	if c.Stack == nil {
		return "no load balancer"
	}
	id := stack.Ref{Kind: stack.KindListener, ID: fmt.Sprint(r.Port)}
	var rules []stack.Rule
	for _, one := range c.Stack.Rules {
		if one.Listener == id {
			rules = append(rules, one)
		}
	}
	for _, l := range c.Stack.Listeners {
		if l.Port != r.Port {
			continue
		}
		d := traffic.Match(rules, l.DefaultActions, r)
		if d.Rule != nil && slices.Contains(c.Keep.Actions, stack.Ref{Kind: stack.KindRule, ID: d.Rule.ID}) {
			return keptRule
		}
		out := ""
		for _, a := range d.Actions {
			switch {
			case a.Redirect != nil:
				out += "to " + a.Redirect.Host
			case a.FixedResponse != nil:
				out += a.FixedResponse.StatusCode
			case a.Forward != nil:
				for _, g := range a.Forward.TargetGroups {
					out += fmt.Sprintf("%s %d;", g.TargetGroup.ID, traffic.Weight(g))
				}
			default:
				out += string(a.Type) + ","
			}
		}
		return out
	}
	return "no listener"
}

func decode(t testing.TB, text string) []metav1.Object {
	t.Helper()
	objs, skipped, err := manifest.Decode([]byte(text), "default")
	if err != nil || len(skipped) > 0 {
		t.Fatalf("%v, skipped %v in:\n%s", err, skipped, text)
	}
	manifest.FillIn(objs)
	return objs
}
