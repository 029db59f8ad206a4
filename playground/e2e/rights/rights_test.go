// Package rights shows end to end what each right of the chart's roles is for: which requests need it, by the API
// server's record of all requests of a controller's life and Kubernetes' own evaluation of the roles, and what the
// controller reports without it.
package rights

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// values are those of the release: one replica, so that its log is that of the leader, and all that needs rights of its
// own.
var values = map[string]any{"replicaCount": 1, "multiClusterTargetGroups": true, "controllerConfig": map[string]any{
	"featureGates": map[string]any{"ALBTargetControlAgent": true, "GlobalAcceleratorController": true}}}

var release = &environment.Release{Values: values}

func start(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{Release: release, Requests: true, GlobalAccelerator: true})
}

const (
	clusterRole   = "aws-load-balancer-controller-role"
	namespaceRole = "aws-load-balancer-controller-leader-election-role"
	namespace     = "kube-system" // of the release
)

// right is one verb of one resource of the chart's roles.
type right struct {
	role string // ClusterRole or Role
	rule rbacv1.PolicyRule
}

func (r right) String() string {
	s := r.rule.Verbs[0] + " " + strings.TrimSuffix(r.rule.Resources[0]+"."+r.rule.APIGroups[0], ".")
	if len(r.rule.ResourceNames) > 0 {
		s += " " + r.rule.ResourceNames[0]
	}
	return s
}

// granted are the rights of the chart's roles.
func granted(t *testing.T, c *harness.Cluster) (out []right) {
	t.Helper()
	loaded, err := chart.Load(c.Repo.Chart())
	if err != nil {
		t.Fatal(err)
	}
	r, err := loaded.Render(chart.Merge(map[string]any{"clusterName": "demo-cluster"}, values), chart.Release{})
	if err != nil {
		t.Fatal(err)
	}
	return rightsOf(t, r.Objects)
}

// existing are the rights that the chart of the existing controller grants.
func existing(t *testing.T) []right {
	t.Helper()
	content, err := os.ReadFile("../../chart/testdata/existing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse("existing.yaml", content)
	if err != nil {
		t.Fatal(err)
	}
	return rightsOf(t, objects)
}

// rightsOf are the rights of the controller's roles among objects.
func rightsOf(t *testing.T, objects []*unstructured.Unstructured) (out []right) {
	t.Helper()
	for _, o := range objects {
		if name := o.GetName(); name != clusterRole && name != namespaceRole {
			continue
		}
		var role rbacv1.ClusterRole // a Role has the same rules
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, x := range single(rule) {
				out = append(out, right{o.GetKind(), x})
			}
		}
	}
	return out
}

// allows reports whether a right allows a request.
func (r right) allows(a authorizer.AttributesRecord) bool {
	return (r.role == "ClusterRole" || a.Namespace == namespace) && rbac.RuleAllows(a, &r.rule)
}

// single are the rules of one group, resource, name and verb each that a rule consists of.
func single(rule rbacv1.PolicyRule) (out []rbacv1.PolicyRule) {
	names := [][]string{nil}
	if len(rule.ResourceNames) > 0 {
		names = nil
		for _, n := range rule.ResourceNames {
			names = append(names, []string{n})
		}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, n := range names {
				for _, verb := range rule.Verbs {
					out = append(out, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: n,
						Verbs: []string{verb}})
				}
			}
		}
	}
	return out
}

// attributes are what the authorizer sees of a request; false: it is about no resource.
func attributes(e auditv1.Event) (authorizer.AttributesRecord, bool) {
	o := e.ObjectRef
	if o == nil {
		return authorizer.AttributesRecord{}, false
	}
	return authorizer.AttributesRecord{
		Verb: e.Verb, APIGroup: o.APIGroup, Resource: o.Resource, Subresource: o.Subresource, Namespace: o.Namespace,
		Name: o.Name, ResourceRequest: true,
	}, true
}

func text(a authorizer.AttributesRecord) string {
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	s := a.Verb + " " + strings.TrimSuffix(resource+"."+a.APIGroup, ".")
	if a.Namespace != "" {
		s += " in namespace " + a.Namespace
	}
	return s
}

// everyoneMay are the requests that each ServiceAccount may make.
var everyoneMay = []rbacv1.PolicyRule{{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{
	"selfsubjectaccessreviews"}, Verbs: []string{"create"}}}

// TestRightsOfTheChartAreThoseNeeded shows that the audited requests of a controller's life need
// each right of the chart, and no other.
func TestRightsOfTheChartAreThoseNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute through all that the controller does, to compare the audit log with the chart's roles")
	}
	c := start(t)
	live(t, c)
	all := granted(t, c)
	before := existing(t)
	used, refused, added := map[string]bool{}, map[string]bool{}, map[string]bool{}
	n := 0
	for _, e := range c.Requests(t) {
		a, ok := attributes(e)
		if !ok || rbac.RulesAllow(a, everyoneMay...) {
			continue
		}
		n++
		allowed := false
		for _, r := range all {
			if r.allows(a) {
				allowed, used[r.String()] = true, true
			}
		}
		if !allowed {
			refused[text(a)] = true
		}
		if !slices.ContainsFunc(before, func(r right) bool { return r.allows(a) }) {
			added[strings.TrimSuffix(a.Resource+"."+a.APIGroup, ".")] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(added)), slices.Sorted(maps.Keys(beyond)); !slices.Equal(got, want) {
		t.Errorf("requests that the chart of the existing controller does not grant are about %v, want %v", got, want)
	}
	t.Logf("%d requests, %d rights", n, len(all))
	for _, s := range slices.Sorted(maps.Keys(refused)) {
		t.Errorf("no role of the chart grants: %s", s)
	}
	known := map[string]bool{}
	for _, r := range all {
		known[r.String()] = true
		if !used[r.String()] && spare[r.String()] == "" && !strings.Contains(r.String(), "-checkpoint") {
			t.Errorf("no request needs: %s", r)
		}
	}
	for s := range spare {
		if !known[s] {
			t.Errorf("the chart does not grant what is listed as spare: %s", s)
		}
	}
}

// beyond are the resources of the requests that the existing chart's roles do not grant, and why an image that is
// swapped does without them.
var beyond = map[string]string{
	"loadbalancers.elbv2.k8s.aws":                    "optional",
	"backendtlspolicies.gateway.networking.k8s.io":   "optional",
	"customresourcedefinitions.apiextensions.k8s.io": "optional",
	"leases.coordination.k8s.io": "a second controller is found by " +
		"LoadBalancer objects, too",
	"configmaps": "where holds cannot be watched they are read",
	"secrets": "for the webhooks' certificate, which " +
		"that chart brings",
	"mutatingwebhookconfigurations.admissionregistration.k8s.io":   "the same",
	"validatingwebhookconfigurations.admissionregistration.k8s.io": "the same",
}

// Why rights are granted that no request of the life needs.
const (
	listed    = "API servers that do not stream lists are listed"
	confirmed = "what the cache lacks is read by name before it counts as absent"
)

// spare are the rights that no request of the life needs, and why they are granted.
var spare = map[string]string{
	"get backendtlspolicies.gateway.networking.k8s.io": confirmed,
	"get gatewayclasses.gateway.networking.k8s.io":     confirmed,
	"get globalaccelerators.aga.k8s.aws":               confirmed,
	"get grpcroutes.gateway.networking.k8s.io":         confirmed,
	"get httproutes.gateway.networking.k8s.io":         confirmed,
	"get ingressclasses.networking.k8s.io":             confirmed,
	"get ingresses.networking.k8s.io":                  confirmed,
	"get namespaces":                                   confirmed,
	"get referencegrants.gateway.networking.k8s.io":    confirmed,
	"get targetgroupbindings.elbv2.k8s.aws":            confirmed,
	"get tcproutes.gateway.networking.k8s.io":          confirmed,
	"get tlsroutes.gateway.networking.k8s.io":          confirmed,
	"get udproutes.gateway.networking.k8s.io":          confirmed,
	"get configmaps aws-lbc-doctor":                    "the leader examines once a minute",
	"update configmaps aws-lbc-doctor":                 "findings change",
	"list configmaps aws-lbc-holds":                    listed,
	"list endpointslices.discovery.k8s.io": "slices of a Service of which the cache has none are read " +
		"before targets are deregistered",
	"list ingressclasses.networking.k8s.io":  listed,
	"list ingressclassparams.elbv2.k8s.aws":  listed,
	"list ingresses.networking.k8s.io":       listed,
	"list namespaces":                        listed,
	"list nodes":                             listed,
	"list pods":                              listed,
	"list services":                          listed,
	"list targetgroupbindings.elbv2.k8s.aws": listed,
	"get pods":                               "events of what the controller lacks are about its own pod",
	"get loadbalancers.elbv2.k8s.aws":        "one that is there when it is to be created is read",
	"patch loadbalancers.elbv2.k8s.aws": "the members of a group, which are the owners of its " +
		"object, change",
	"update secrets aws-load-balancer-webhook-tls": "the certificate of the webhooks is renewed after weeks",
}
