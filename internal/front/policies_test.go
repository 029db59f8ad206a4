package front

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// policyValues have a value that decides about the load balancer of each annotation that is a policy.
var policyValues = map[string]string{
	"ownership": "observed", "existing-load-balancer": "payroll", "approved-plan": "none", "replacement-policy": "refuse",
	"drift-policy":    "tags=ignore",
	"deletion-policy": "Retain", "delete-duplicates": "sg-0123456789abcdef0", "allow-deletion": "true",
}

// policyKeysOf are the annotations of a kind, by the names in policyValues.
func policyKeysOf(t *testing.T, of stack.Owner) map[string]annotation.Key {
	t.Helper()
	k := owner.Of(of)
	out := map[string]annotation.Key{
		"ownership": k.Ownership, "existing-load-balancer": k.Existing, "approved-plan": k.ApprovedPlan,
		"replacement-policy": k.ReplacementPolicy, "drift-policy": k.DriftPolicy,
		"deletion-policy": k.DeletionPolicy, "delete-duplicates": k.DeleteDuplicates, "allow-deletion": k.AllowDeletion,
	}
	all := policyKeys(of)
	if len(all) != len(out) {
		t.Fatalf("policies of %s: %v, of the registry of owners %v", of, all, slices.Collect(maps.Values(out)))
	}
	for name, key := range out {
		if !slices.Contains(all, key) {
			t.Fatalf("%s is no policy: %q", name, key)
		}
	}
	return out
}

var groups = []stack.Key{{Owner: stack.Ingress, ID: stack.ID{Name: "front"}},
	{Owner: stack.Service, ID: stack.ID{Name: "front"}}}

// of makes an object of a group, created so many seconds after the others began.
func of(key stack.Key, name string, age int64, annotations map[annotation.Key]string) metav1.Object {
	ns, name, _ := strings.Cut(name, "/")
	meta := metav1.ObjectMeta{Namespace: ns, Name: name, UID: "uid", CreationTimestamp: metav1.Unix(1_700_000_000+age, 0),
		Annotations: map[string]string{}}
	for k, v := range annotations {
		meta.Annotations[string(k)] = v
	}
	if key.Owner == stack.Service {
		return &corev1.Service{ObjectMeta: meta}
	}
	return &networkingv1.Ingress{ObjectMeta: meta}
}

func deployed(key stack.Key, o metav1.Object) metav1.Object {
	o.SetFinalizers([]string{naming.Finalizer(key)})
	return o
}

// inGroup is the input of members.
func inGroup(key stack.Key, members ...metav1.Object) Input {
	w := Input{Declared: true, Members: members, LoadBalancer: intent.LoadBalancer{Key: key}}
	for _, o := range members {
		w.LoadBalancer.Members = append(w.LoadBalancer.Members, intent.Member{Object: owner.Object(o)})
	}
	return w
}

// decides lists what the policies of an input decide about its load balancer.
func decides(w Input, key stack.Key) string {
	var out []string
	note := func(what string, is bool) {
		if is {
			out = append(out, what)
		}
	}
	desired := &stack.Stack{Key: key}
	approval, err := Approval(w, desired, awsop.Observed{}, nil)
	note("observed", w.Observes(key.Owner))
	note("adopted", w.Adopts(desired))
	note("not approved", err != nil || approval(held()).Steps[0].Guard != nil)
	note("duplicates", len(w.Options(key.Owner, diff.Options{}).DeleteDuplicates) > 0)
	w.Leaving, w.Members, w.Declared = append(slices.Clone(w.Members), w.Leaving...), nil, false
	now := metav1.Now()
	for _, o := range w.Leaving {
		o.SetDeletionTimestamp(&now)
	}
	allowed, _ := w.DeletionAllowed(key.Owner)
	note("deletion allowed", allowed)
	note("retained", w.retention(key.Owner) != stack.RetainNothing)
	return strings.Join(out, ", ")
}

func TestNewcomersPolicySetsItAsideAlone(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		for name, k := range policyKeysOf(t, key.Owner) {
			value := policyValues[name]
			mine := map[annotation.Key]string{k: value}
			if name == "existing-load-balancer" {
				mine[owner.Of(key.Owner).Ownership] = "adopted"
			}
			web := func() metav1.Object { return deployed(key, of(key, "shop/web", 1, nil)) }
			evil := func() metav1.Object { return of(key, "mal/evil", 9, mine) }
			memory := &compile.Memory{Members: []diag.Object{owner.Object(web())}}
			for when, c := range map[string]struct {
				evil   metav1.Object
				before *compile.Memory
			}{
				"at once":               {evil(), memory},
				"without memory":        {evil(), nil},
				"older, without memory": {of(key, "mal/evil", 0, mine), nil},
				"deployed":              {deployed(key, evil()), memory},
				"deployed, forgotten":   {deployed(key, evil()), nil},
			} {
				w := inGroup(key, c.evil, web()).Governed(key, c.before)
				is := strings.HasPrefix(when, "deployed")
				if !w.Declared || len(w.SetAside) == 1 == is || len(w.Members) == 2 != is || len(w.LoadBalancer.Members) != len(
					w.Members) {
					t.Errorf("%s %s, %s: members %d, set aside %d", key.Owner, name, when, len(w.Members), len(w.SetAside))
					continue
				}
				found := w.Findings
				for _, m := range w.LoadBalancer.Members {
					if evil := m.Object.Name == "evil"; m.Withheld != evil || evil != m.Diagnostics.HasErrors() {
						t.Errorf("%s %s, %s: %+v", key.Owner, name, when, m)
					}
					found = append(found, m.Diagnostics...)
				}
				for _, d := range found {
					if d.Object.Namespace != "mal" || d.Code != diag.SettingNotPermitted || !strings.Contains(d.Text, "shop/web") ||
						!strings.Contains(d.Path, "/") {
						t.Errorf("%s %s, %s: %s", key.Owner, name, when, d.Message())
					}
				}
				if len(found) != len(mine) {
					t.Errorf("%s %s, %s: findings %v", key.Owner, name, when, found)
				}
				if got := decides(w, key); got != "" {
					t.Errorf("%s %s, %s: the newcomer decides %s", key.Owner, name, when, got)
				}
			}
			settings := map[metav1.Object]bool{of(key, "shop/web", 1, mine): true, of(key, "shop/second", 8, mine): true}
			for o := range settings {
				if w := inGroup(key, of(key, "shop/web", 1, nil), o, of(key, "mal/late", 9, mine)).Governed(key, nil); (len(w.SetAside) != 0) != (name == "approved-plan") {
					t.Errorf("%s %s: what an object that decides has as well sets another one aside: %v", key.Owner, name, w.Findings)
				}
			}
			if w := inGroup(key, evil()).Governed(key, nil); len(w.SetAside) != 0 {
				t.Errorf("%s %s: an object alone is set aside", key.Owner, name)
			}
		}
	}
}

func TestPoliciesOfDecidersHoldAll(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		keys := policyKeysOf(t, key.Owner)
		for name, want := range map[string]string{
			"ownership": "observed", "approved-plan": "not approved", "delete-duplicates": "duplicates",
			"allow-deletion": "deletion allowed", "deletion-policy": "retained",
		} {
			web := of(key, "shop/web", 1, map[annotation.Key]string{keys[name]: policyValues[name]})
			w := inGroup(key, of(key, "mal/evil", 9, nil), web).Governed(key, nil)
			if got := decides(w, key); got != want {
				t.Errorf("%s %s: %q", key.Owner, name, got)
			}
		}
	}
}

func TestClassParametersNameWhoDecides(t *testing.T) {
	t.Parallel()
	key := groups[0]
	observed := map[annotation.Key]string{annotation.Ownership: "observed"}
	by := map[string]intent.Authority{"infra": intent.Deciding, "shop": intent.RoutesOnly}
	w := inGroup(key, of(key, "shop/web", 1, observed), of(key, "infra/settings", 9, nil))
	w.Authority = by
	if w = w.Governed(key, nil); len(w.SetAside) != 1 || w.Observes(key.Owner) || !strings.Contains(w.Findings[0].Text,
		"the class parameters let only") {
		t.Errorf("the oldest one decides: %v", w.Findings)
	}
	w = inGroup(key, of(key, "shop/web", 1, nil), of(key, "infra/settings", 9, observed))
	w.Authority = by
	if w = w.Governed(key, nil); len(w.SetAside) != 0 || !w.Observes(key.Owner) {
		t.Errorf("a namespace of the class parameters does not decide: %v", w.Findings)
	}
	w = inGroup(key, of(key, "shop/web", 1, observed))
	w.Authority = by
	if w = w.Governed(key, nil); len(w.SetAside) != 1 || w.Declared || !w.Nothing() {
		t.Errorf("one that has routes only decides where it is alone: %+v", w.Findings)
	}
}

func TestOwnershipOfAClassCountsForItsAuthors(t *testing.T) {
	t.Parallel()
	key := groups[0]
	for name, c := range map[string]struct {
		of       string // the object whose class declares it
		group    bool   // the class names the group
		held     bool
		setAside int
	}{
		"the class of the oldest":                     {of: "shop/web", held: true},
		"the class that a newcomer has chosen":        {of: "mal/evil", setAside: 1},
		"the class of a newcomer that has this group": {of: "mal/evil", group: true, held: true},
	} {
		w := inGroup(key, of(key, "shop/web", 1, nil), of(key, "mal/evil", 9, nil))
		w.ClassOwnership, w.ClassOfGroup = map[string]string{c.of: "observed"}, map[string]bool{c.of: c.group}
		for i := range w.LoadBalancer.Members {
			w.LoadBalancer.Members[i].ClassOfGroup = c.group
		}
		if w = w.Governed(key, nil); w.Observes(key.Owner) != c.held || len(w.SetAside) != c.setAside {
			t.Errorf("%s: observed %v, set aside %d", name, w.Observes(key.Owner), len(w.SetAside))
		}
	}
}

func TestMisspeltPolicyIsAsAbsent(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		keys := policyKeysOf(t, key.Owner)
		for _, name := range []string{"ownership", "approved-plan", "allow-deletion"} {
			wrong := map[string]string{"ownership": "manged", "approved-plan": "nobody", "allow-deletion": "yes"}[name]
			for who, age := range map[string]int64{"the oldest": 0, "a newcomer": 9} {
				o := of(key, "mal/evil", age, map[annotation.Key]string{keys[name]: wrong})
				w := inGroup(key, of(key, "shop/web", 1, nil), o).Governed(key, nil)
				if got := decides(w, key); got != "" || len(w.SetAside) > 0 {
					t.Errorf("%s %s of %s: %q, set aside %d", key.Owner, name, who, got, len(w.SetAside))
				}
			}
		}
		o := of(key, "shop/web", 1, map[annotation.Key]string{keys["ownership"]: "observd"})
		before := &compile.Memory{Policies: map[diag.Object]map[string]string{
			owner.Object(o): {string(keys["ownership"]): "observed"}}}
		w := inGroup(key, o, of(key, "team/b", 2, nil)).Governed(key, before)
		if !w.Observes(key.Owner) || w.LoadBalancer.Policies[owner.Object(o)][string(keys["ownership"])] != "observed" {
			t.Errorf("%s: the last valid value does not count: %v", key.Owner, w.LoadBalancer.Policies)
		}
		o = of(key, "shop/web", 1, map[annotation.Key]string{keys["ownership"]: "shard",
			keys["existing-load-balancer"]: "platform",
			keys["replacement-policy"]:     "refus", keys["drift-policy"]: "tags=ignor"})
		before.Policies[owner.Object(o)] = map[string]string{string(keys["ownership"]): "shared",
			string(keys["existing-load-balancer"]): "platform",
			string(keys["replacement-policy"]):     "refuse", string(keys["drift-policy"]): "tags=ignore"}
		w = inGroup(key, o).Governed(key, before)
		s := w.LoadBalancer.Members[0].Settings
		if s.Existing.Value != "platform" || s.ReplacementPolicy.Value != "refuse" ||
			s.DriftPolicy["tags"].Value != "ignore" {
			t.Errorf("%s: settings by the last valid values: %+v", key.Owner, s)
		}
	}
}

func TestApprovalBelongsToItsAuthor(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		k := policyKeysOf(t, key.Owner)["approved-plan"]
		desired := &stack.Stack{Key: key}
		digest := digestOfStack(t, desired)
		w := inGroup(key, of(key, "shop/web", 1, map[annotation.Key]string{k: "none"}),
			of(key, "mal/evil", 9, map[annotation.Key]string{k: digest})).Governed(key, nil)
		hold, err := Approval(w, desired, awsop.Observed{}, nil)
		if err != nil || hold(held()).Steps[0].Guard == nil || len(w.SetAside) != 1 {
			t.Fatalf("%s: a newcomer approves of what another one holds: %v", key.Owner, err)
		}
		g := hold(held()).Steps[0].Guard
		other := owner.Object(of(key, "team/b", 5, nil))
		for _, d := range w.ToApprovers(key.Owner, diag.New(diag.Object{}, "", g.Code, g.Text, g.Remedy),
			[]diag.Object{other}) {
			if shows := strings.Contains(d.Message(), digest); shows != (d.Object.Name == "web") ||
				!strings.Contains(d.Message(), "shop/web") {
				t.Errorf("%s: %s is told %s", key.Owner, d.Object, d.Message())
			}
		}
		w = inGroup(key, of(key, "shop/web", 1, map[annotation.Key]string{k: "none"}),
			of(key, "shop/ops", 9, map[annotation.Key]string{k: digest})).Governed(key, nil)
		if hold, err = Approval(w, desired, awsop.Observed{}, nil); err != nil || hold(held()).Steps[0].Guard != nil {
			t.Errorf("%s: an approval in the namespace that decides does not count", key.Owner)
		}
	}
}

func TestNewcomerApprovesOfWhatItDeclares(t *testing.T) {
	t.Parallel()
	key := groups[0]
	evil := func(value string) metav1.Object {
		return of(key, "team/b", 9, map[annotation.Key]string{annotation.ApprovedPlan: value})
	}
	input := func(value, path string) Input {
		w := inGroup(key, of(key, "shop/web", 1, nil), evil(value))
		w.LoadBalancer.Members[1].Routes = []intent.Route{
			{Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}}}}
		return w.Governed(key, nil)
	}
	w := input("none", "/a")
	_, digest, found := strings.Cut(w.Findings[0].Remedy, "write ")
	digest, _, _ = strings.Cut(digest, ";")
	if !found || len(digest) != 16 {
		t.Fatalf("no digest is told: %s", w.Findings[0].Remedy)
	}
	if w := input(digest, "/a"); len(w.SetAside) != 0 {
		t.Errorf("approved, it is set aside: %v", w.Findings)
	}
	if w := input(digest, "/b"); len(w.SetAside) != 1 {
		t.Error("the approval counts after an edit")
	}
}

// TestNextOldestDecidesOnceTheOldestHasGone is an edge of the rule: who is left decides.
func TestNextOldestDecidesOnceTheOldestHasGone(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		k := owner.Of(key.Owner).Ownership
		web, evil := deployed(key, of(key, "shop/web", 1, nil)),
			deployed(key, of(key, "mal/evil", 9, map[annotation.Key]string{k: "observed"}))
		before := &compile.Memory{Members: []diag.Object{owner.Object(web), owner.Object(evil)}}
		w := inGroup(key, evil)
		w.Leaving = []metav1.Object{web}
		if w = w.Governed(key, before); w.Observes(key.Owner) || !w.LoadBalancer.Members[0].Withheld ||
			len(w.LoadBalancer.Leaving) != 1 {
			t.Errorf("%s: while the oldest leaves, another one decides", key.Owner)
		}
		if w = inGroup(key, evil).Governed(key, before); !w.Observes(key.Owner) || w.LoadBalancer.Members[0].Withheld {
			t.Errorf("%s: the next oldest does not decide", key.Owner)
		}
	}
}

// TestRoutesDecideNothingOfTheirGateway gives each policy to a route and a ListenerSet of another namespace: only those
// of a Gateway are read.
func TestRoutesDecideNothingOfTheirGateway(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "web"}}
	annotations := map[string]string{}
	for name, k := range policyKeysOf(t, key.Owner) {
		annotations[string(k)] = policyValues[name]
	}
	g, objs := aGateway("HTTP")
	all := gatewayv1.NamespacesFromAll
	g.Spec.Listeners[0].AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &all}}
	g.Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: &all}}
	shop := gatewayv1.Namespace("shop")
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: "evil", Annotations: annotations}}
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Group: ptr.To(gatewayv1.Group(gatewayv1.GroupName)),
		Kind: ptr.To(gatewayv1.Kind("Gateway")), Name: "web", Namespace: &shop}}
	route.Spec.Rules = []gatewayv1.HTTPRouteRule{
		{Matches: []gatewayv1.HTTPRouteMatch{
			{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: ptr.To("/")}}}}}
	set := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: "evil", Annotations: annotations}}
	set.Spec.ParentRef = gatewayv1.ParentGatewayReference{Group: ptr.To(gatewayv1.Group(gatewayv1.GroupName)),
		Kind: ptr.To(gatewayv1.Kind("Gateway")), Name: "web", Namespace: &shop}
	set.Spec.Listeners = []gatewayv1.ListenerEntry{{Name: "b", Port: 81, Protocol: "HTTP"}}
	w := gatewayFrontEnd(attachment.Application).Load(objects.FromObjects(append(objs, route, set)),
		key.ID).Governed(key, nil)
	if len(w.LoadBalancer.Members) < 2 || len(w.SetAside) != 0 {
		t.Fatalf("members %+v", w.LoadBalancer.Members)
	}
	for _, m := range w.LoadBalancer.Members {
		if s := m.Settings; s.Existing.Set || s.Adopted.Set || s.ReplacementPolicy.Set || len(s.DriftPolicy) > 0 ||
			m.Withheld {
			t.Errorf("%s: %+v", m.Object, s)
		}
	}
	if got := decides(w, key); got != "" {
		t.Errorf("they decide %s", got)
	}
}
