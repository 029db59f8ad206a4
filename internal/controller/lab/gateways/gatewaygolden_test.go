package gateways

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gatewayCase is the head of a golden case of Gateways. Around are objects that each configuration of the case gets,
// with the configuration's name in place of NAME.
type gatewayCase struct {
	Around string
	Flags  []string
}

const (
	// invalidAnnotation names the field of a configuration that is invalid, or without effect.
	invalidAnnotation = "lbc.test/invalid"
	// lacksAnnotation names what a valid configuration needs and the simulated account has not.
	lacksAnnotation = "lbc.test/lacks"
)

// gatewayResult is what becomes of a configuration: the stack, of which one with an invalid field shows the identities
// only, the conditions that differ from those of objects that serve, and the events.
type gatewayResult struct {
	Name     string
	Invalid  string
	Stack    any
	Statuses []string
	Events   []string
}

// TestGoldenCasesOfGateways has each field of the three kinds of configurations, valid and invalid, from the objects to
// what is wanted of AWS and, after passes over a simulated account, to statuses and events. playground/crdrules holds
// the cases to the schemas.
func TestGoldenCasesOfGateways(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Cases(t, "testdata/gateway") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			var c gatewayCase
			objs := golden.Input(t, name, &c)
			names, invalid, lacking := c.instantiate(t, &objs)
			l := lab.New(t, account.Profile{}, ofCluster(t, objs)...)
			l.Core = secretsOf(objs)
			l.Flags(append([]string{"--default-target-type=ip"}, c.Flags...)...)
			gatewaysNeed(l)
			view := objects.FromObjects(objs)
			results := make([]gatewayResult, len(names))
			var keys []stack.Key
			for i, n := range names {
				results[i] = gatewayResult{Name: n, Invalid: invalid[n]}
				for _, o := range []stack.Owner{stack.GatewayALB, stack.GatewayNLB} {
					key := lab.GatewayKey(o, n)
					w := l.Gateways[o].Front.Load(view, key.ID)
					if !w.Declared && w.Decisions == nil {
						continue
					}
					keys = append(keys, key)
					r, _, err := front.Compiler{Facts: l.Inventory, Config: settings.Compile(l.Config)}.Compile(t.Context(),
						key, w, nil)
					l.Must(err)
					if results[i].Stack = stackOf(t, r.Stack); invalid[n] != "" {
						results[i].Stack = identities(r.Stack)
					}
				}
			}
			for range 6 {
				_, _ = l.Round(keys...)
				l.Clock.Advance(20e9)
			}
			l.RunQueues(t.Context())
			for i, n := range names {
				results[i].Statuses, results[i].Events = statusesOf(l, n), eventsOf(l, n)
				if invalid[n] != "" && len(results[i].Events) == 0 && !slices.ContainsFunc(results[i].Statuses,
					func(s string) bool { return strings.Contains(s, "False") }) {
					t.Errorf("nothing shows that %s of %s is invalid", invalid[n], n)
				}
				warns := func(e string) bool { return !strings.Contains(e, " Note: ") }
				if invalid[n] == "" && !lacking[n] && (slices.ContainsFunc(results[i].Events, warns) ||
					len(results[i].Statuses) > 0) {
					t.Errorf("%s is not valid: %q %q", n, results[i].Events, results[i].Statuses)
				}
			}
			golden.Compare(t, name, results)
		})
	}
}

// ofCluster are the objects as a client has them, but Secrets, which are read by another one.
func ofCluster(t *testing.T, objs []metav1.Object) (out []client.Object) {
	t.Helper()
	for _, o := range objs {
		if _, ok := o.(*corev1.Secret); ok {
			continue
		}
		one, ok := o.(client.Object)
		if !ok {
			t.Fatalf("%T", o)
		}
		out = append(out, one)
	}
	return out
}

// secretsOf is the client of the Secrets among objects.
func secretsOf(objs []metav1.Object) kubernetes.Interface {
	var out []runtime.Object
	for _, o := range objs {
		if s, ok := o.(*corev1.Secret); ok {
			s.ResourceVersion = "1"
			out = append(out, s)
		}
	}
	return fake.NewClientset(out...)
}

// instantiate adds what is around each configuration. names are those of the configurations, in the order of the case.
func (c *gatewayCase) instantiate(t *testing.T, all *[]metav1.Object) (names []string, invalid map[string]string,
	lacking map[string]bool) {
	t.Helper()
	invalid, lacking = map[string]string{}, map[string]bool{}
	for _, o := range slices.Clone(*all) {
		switch c := o.(type) {
		case *configv1.LoadBalancerConfiguration, *configv1.ListenerRuleConfiguration:
		case *configv1.TargetGroupConfiguration:
			if c.Spec.TargetReference == nil {
				continue
			}
		default:
			continue
		}
		if o.GetNamespace() != "shop" || slices.Contains(names, o.GetName()) {
			continue
		}
		names, invalid[o.GetName()] = append(names, o.GetName()), o.GetAnnotations()[invalidAnnotation]
		_, lacking[o.GetName()] = o.GetAnnotations()[lacksAnnotation]
		around, _, err := manifest.Decode([]byte(strings.ReplaceAll(c.Around, "NAME", o.GetName())), "shop")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range around {
			kind, _ := objects.KindOf(a)
			if !slices.ContainsFunc(*all, func(o metav1.Object) bool {
				k, _ := objects.KindOf(o)
				return k == kind && o.GetName() == a.GetName() && o.GetNamespace() == a.GetNamespace()
			}) {
				*all = append(*all, a)
			}
		}
	}
	manifest.FillIn(*all)
	for _, o := range *all {
		o.SetGeneration(1)
	}
	return names, invalid, lacking
}

// gatewaysNeed makes what configurations of the cases name in the account: trust store corp, web ACL guard, and a
// subscription of Shield Advanced.
func gatewaysNeed(l *lab.Lab) {
	l.Helper()
	l.Must(l.Sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000000))
	l.Sim.Account.Lock()
	pem, err := l.Sim.Account.Authority().PEM()
	l.Must(err)
	l.Must(l.Sim.Account.Buckets.Put("pki", "ca.pem", pem))
	l.Sim.Account.Unlock()
	_, err = l.Sim.Balancing.CreateTrustStore(l.Context(), &elbv2.CreateTrustStoreInput{Name: aws.String("corp"),
		CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca.pem")})
	l.Must(err)
	_, err = l.Sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String("guard"),
		Scope:         waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{
			MetricName: aws.String("guard")}})
	l.Must(err)
}

// stackOf is a stack as a tree, without the tags and labels that each resource of a stack has.
func stackOf(t *testing.T, s *stack.Stack) any {
	t.Helper()
	if s == nil {
		return "none"
	}
	own := map[string]bool{}
	for _, of := range []stack.Owner{stack.GatewayALB, stack.GatewayNLB} {
		for _, suffix := range []string{"stack", "resource", "stack-name", "stack-namespace"} {
			own[string(of)+"/"+suffix] = true
		}
	}
	own["elbv2.k8s.aws/cluster"] = true
	copied := *s
	plain := func(tags map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range tags {
			if !own[k] {
				out[k] = v
			}
		}
		return out
	}
	copied.SecurityGroups, copied.LoadBalancers, copied.Listeners = slices.Clone(s.SecurityGroups),
		slices.Clone(s.LoadBalancers), slices.Clone(s.Listeners)
	copied.Rules, copied.TargetGroups, copied.Bindings = slices.Clone(s.Rules), slices.Clone(s.TargetGroups),
		slices.Clone(s.Bindings)
	for i := range copied.SecurityGroups {
		copied.SecurityGroups[i].Tags = plain(copied.SecurityGroups[i].Tags)
	}
	for i := range copied.LoadBalancers {
		copied.LoadBalancers[i].Tags = plain(copied.LoadBalancers[i].Tags)
	}
	for i := range copied.Listeners {
		copied.Listeners[i].Tags = plain(copied.Listeners[i].Tags)
	}
	for i := range copied.Rules {
		copied.Rules[i].Tags = plain(copied.Rules[i].Tags)
	}
	for i := range copied.TargetGroups {
		copied.TargetGroups[i].Tags = plain(copied.TargetGroups[i].Tags)
	}
	for i := range copied.Bindings {
		copied.Bindings[i].Labels = plain(copied.Bindings[i].Labels)
	}
	return copied
}

// identities are the resources of a stack in one line; of rules and their answers, the text.
func identities(s *stack.Stack) string {
	if s == nil {
		return "none"
	}
	var out []string
	for i := range s.LoadBalancers {
		out = append(out, s.LoadBalancers[i].ID)
	}
	for i := range s.Listeners {
		out = append(out, "listener "+s.Listeners[i].ID)
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		text := string(r.Actions[len(r.Actions)-1].Type)
		if f := r.Actions[len(r.Actions)-1].FixedResponse; f != nil {
			text = f.StatusCode
		}
		out = append(out, "rule "+stack.ConditionsText(r.Conditions)+" → "+text)
	}
	for i := range s.TargetGroups {
		out = append(out, "target group "+s.TargetGroups[i].Name)
	}
	return strings.Join(out, ", ")
}

var arnPattern = regexp.MustCompile(`arn:aws:elasticloadbalancing:[^ "',]*`)

// statusesOf are the conditions of Gateway shop/NAME and of the routes of that name, and the status of
// ListenerRuleConfiguration shop/NAME, without those that say no more than that all is well.
func statusesOf(l *lab.Lab, name string) (out []string) {
	l.Helper()
	add := func(of string, conditions []metav1.Condition) {
		for _, c := range conditions {
			if well := c.Status == metav1.ConditionTrue && c.Type != "PartiallyInvalid" || c.Type == "Conflicted" &&
				c.Status == metav1.ConditionFalse; !well {
				out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s %s", of, c.Type, c.Status, c.Reason,
					arnPattern.ReplaceAllString(c.Message, "ARN"))))
			}
		}
	}
	g := &gatewayv1.Gateway{}
	if l.Get(g, name) {
		add("Gateway", g.Status.Conditions)
		for i := range g.Status.Listeners {
			add("listener "+string(g.Status.Listeners[i].Name), g.Status.Listeners[i].Conditions)
		}
		if len(g.Status.Conditions) == 0 {
			out = append(out, "Gateway: no status")
		}
	}
	for _, r := range []client.Object{&gatewayv1.HTTPRoute{}, &gatewayv1.GRPCRoute{}, &gatewayv1.TCPRoute{},
		&gatewayv1.UDPRoute{}, &gatewayv1.TLSRoute{}} {
		if !l.Get(r, name) {
			continue
		}
		kind, _ := objects.KindOf(r)
		status, _, _ := route.Common(r)
		for i := range status.Parents {
			add(string(kind), status.Parents[i].Conditions)
		}
		if len(status.Parents) == 0 {
			out = append(out, string(kind)+": no status")
		}
	}
	c := &configv1.ListenerRuleConfiguration{}
	if l.Get(c, name) && c.Status.Accepted != nil && !*c.Status.Accepted {
		out = append(out, "ListenerRuleConfiguration: accepted False "+aws.ToString(c.Status.Message))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// eventsOf are the events of objects of a name but those of success, each once.
func eventsOf(l *lab.Lab, name string) (out []string) {
	of := diag.Object{Namespace: "shop", Name: name}.String()
	for object, texts := range l.Warnings(0) {
		if !strings.HasSuffix(object, " "+strings.TrimSpace(of)) {
			continue
		}
		for _, text := range texts {
			out = append(out, object+" "+arnPattern.ReplaceAllString(text, "ARN"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
