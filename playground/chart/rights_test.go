package chart

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

// rights are "verb group/resource", and "verb group/resource name" of named objects.
type rights map[string]bool

func (r rights) add(group, resource string, verbs ...string) {
	for _, v := range verbs {
		r[fmt.Sprintf("%s %s/%s", v, group, resource)] = true
	}
}

// plurals corrects guesses.
var plurals = strings.NewReplacer("gatewaies", "gateways", "paramses", "params")

// needed are the rights that the program uses in the whole cluster: it lists and watches the kinds of readable.Kinds,
// and writes what the calls of the packages that are named write.
func needed(t *testing.T) rights {
	t.Helper()
	scheme := must(readable.Scheme())
	need := rights{}
	for _, k := range readable.Kinds {
		kinds, _, err := scheme.ObjectKinds(k.Object)
		if err != nil {
			t.Fatal(err)
		}
		plural, _ := meta.UnsafeGuessKindToResource(kinds[0])
		plural.Resource = plurals.Replace(plural.Resource)
		need.add(plural.Group, plural.Resource, "get")
		if k.List != nil {
			need.add(plural.Group, plural.Resource, "list", "watch")
		}
		if k.Optional && !k.Required {
			// controller/optional
			need.add("apiextensions.k8s.io", "customresourcedefinitions "+plural.Resource+"."+plural.Group, "get")
		}
	}
	need.add("", "pods", "get", "list", "watch") // controller.setUpInformers
	need.add("", "nodes", "list", "watch")
	need.add("discovery.k8s.io", "endpointslices", "list", "watch")
	need.add("elbv2.k8s.aws", "albtargetcontrolconfigs", "get") // controller.agentConfig

	need.add("", "events", "create", "patch")
	need.add("networking.k8s.io", "ingresses", "patch")        // controller/stacks: finalizers and annotations
	need.add("networking.k8s.io", "ingresses/status", "patch") // controller/stacks
	need.add("", "services", "patch")
	need.add("", "services/status", "patch")
	need.add("gateway.networking.k8s.io", "gateways", "patch")
	need.add("gateway.networking.k8s.io", "gatewayclasses", "patch") // controller/gateway: finalizers
	for _, r := range []string{"gatewayclasses", "gateways", "listenersets", "httproutes", "grpcroutes", "tcproutes",
		"udproutes", "tlsroutes", "backendtlspolicies"} {
		need.add("gateway.networking.k8s.io", r+"/status", "patch") // controller/gateway
	}
	for _, r := range []string{"listenerruleconfigurations", "loadbalancerconfigurations", "targetgroupconfigurations"} {
		need.add("gateway.k8s.aws", r, "patch")
	}
	need.add("gateway.k8s.aws", "listenerruleconfigurations/status", "patch")
	need.add("elbv2.k8s.aws", "targetgroupbindings", "create", "patch", "delete") // controller/stacks, controller/binding
	need.add("elbv2.k8s.aws", "targetgroupbindings/status", "patch")
	need.add("elbv2.k8s.aws", "loadbalancers", "create", "patch", "delete", "get", "list") // controller/lbstatus
	need.add("elbv2.k8s.aws", "loadbalancers/status", "patch")
	need.add("", "pods/status", "patch")                                           // controller/targethealth
	need.add("aga.k8s.aws", "globalaccelerators", "get", "list", "watch", "patch") // with gate GlobalAcceleratorController
	need.add("aga.k8s.aws", "globalaccelerators/status", "patch")
	need.add("apiextensions.k8s.io", "customresourcedefinitions globalaccelerators.aga.k8s.aws", "get")
	// controller.setUpBindings, for DefinitionEnds
	need.add("apiextensions.k8s.io", "customresourcedefinitions targetgroupbindings.elbv2.k8s.aws", "get")
	need.add("coordination.k8s.io", "leases aws-load-balancer-controller-leader", "list") // controller.twinWatch
	return need
}

// granted are the rights of a role.
func granted(t *testing.T, o *unstructured.Unstructured) rights {
	t.Helper()
	var role rbacv1.ClusterRole
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
		t.Fatal(err)
	}
	out := rights{}
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				if len(rule.ResourceNames) == 0 {
					out.add(group, resource, rule.Verbs...)
				}
				for _, name := range rule.ResourceNames {
					out.add(group, resource+" "+name, rule.Verbs...)
				}
			}
		}
	}
	return out
}

func compare(t *testing.T, what string, got, want rights) {
	t.Helper()
	for _, r := range slices.Sorted(maps.Keys(want)) {
		if !got[r] {
			t.Errorf("%s lacks: %s", what, r)
		}
	}
	for _, r := range slices.Sorted(maps.Keys(got)) {
		if !want[r] {
			t.Errorf("%s grants what the controller does not need: %s", what, r)
		}
	}
}

func TestTheRolesGrantWhatTheControllerNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	c := load(t)
	r := render(t, c, base(), Release{})
	cluster := needed(t)
	for _, kind := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} {
		cluster.add("admissionregistration.k8s.io", kind+" aws-load-balancer-webhook", "get", "patch") // webhook.Renewer
	}
	compare(t, "the ClusterRole", granted(t, r.Object("ClusterRole", "aws-load-balancer-controller-role")), cluster)
	own := rights{}
	own.add("coordination.k8s.io", "leases", "create")
	own.add("coordination.k8s.io", "leases aws-load-balancer-controller-leader", "get", "update")
	own.add("", "secrets", "create") // webhook.Renewer
	own.add("", "configmaps", "create")
	for _, name := range checkpoint.Names(checkpoint.NameOf("aws-load-balancer-controller-leader")) {
		own.add("", "configmaps "+name, "get", "update")
	}
	own.add("", "configmaps aws-lbc-holds", "list", "watch")                 // controller.holdWatcher
	own.add("", "configmaps aws-lbc-doctor", "get", "update")                // leaderdoctor.Writer
	own.add("", "configmaps quic-server-id-worker-tracker", "get", "update") // controller.serverIDs
	own.add("", "secrets aws-load-balancer-webhook-tls", "get", "update")
	compare(t, "the Role", granted(t, r.Object("Role", "aws-load-balancer-controller-leader-election-role")), own)

	t.Run("with a certificate of cert-manager none to write Secrets and webhook configurations", func(t *testing.T) {
		t.Parallel()
		r := render(t, c, base(map[string]any{"enableCertManager": true}), Release{})
		for _, o := range r.Objects {
			if !strings.HasSuffix(o.GetKind(), "Role") || strings.HasSuffix(o.GetName(), "-lbc-reader") {
				continue
			}
			for right := range granted(t, o) {
				if strings.Contains(right, "secrets") || strings.Contains(right, "admissionregistration") {
					t.Errorf("%s %s grants %s", o.GetKind(), o.GetName(), right)
				}
			}
		}
	})
}

// TestTheManifestsGrantWhatTheChartGrants compares config/rbac and config/webhook with the roles of the chart.
func TestTheManifestsGrantWhatTheChartGrants(t *testing.T) {
	t.Parallel()
	rendered := render(t, load(t), base(), Release{})
	manifests := map[string]rights{"ClusterRole": {}, "Role": {}}
	for _, file := range []string{"rbac/rbac.yaml", "webhook/rbac.yaml"} {
		content, err := os.ReadFile(filepath.Join("../../config", file))
		if err != nil {
			t.Fatal(err)
		}
		objects, err := manifest.Parse(file, content)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if all := manifests[o.GetKind()]; all != nil {
				maps.Copy(all, granted(t, o))
			}
		}
	}
	for kind, name := range map[string]string{"ClusterRole": "aws-load-balancer-controller-role",
		"Role": "aws-load-balancer-controller-leader-election-role"} {
		compare(t, "the "+kind+"s of config", manifests[kind], granted(t, rendered.Object(kind, name)))
	}
}

// TestSharedTargetGroupsNeedThreeRightsMore compares what the value adds, or a binding in the cluster, with the
// manifest for it.
func TestSharedTargetGroupsNeedThreeRightsMore(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../config/multi-cluster/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse("multi-cluster/rbac.yaml", content)
	if err != nil {
		t.Fatal(err)
	}
	const name = "aws-load-balancer-controller-role"
	plain := granted(t, render(t, load(t), base(), Release{}).Object("ClusterRole", name))
	want := maps.Clone(plain)
	maps.Copy(want, granted(t, objects[0]))
	with := render(t, load(t), base(map[string]any{"multiClusterTargetGroups": true}), Release{})
	compare(t, "the ClusterRole with shared target groups", granted(t, with.Object("ClusterRole", name)), want)
	without := render(t, load(t), base(map[string]any{"multiClusterTargetGroups": false}), Release{})
	compare(t, "the ClusterRole without shared target groups", granted(t, without.Object("ClusterRole", name)), plain)
}

// TestSecureMetricsNeedTwoRightsMore shows what metrics.secure adds to the roles.
func TestSecureMetricsNeedTwoRightsMore(t *testing.T) {
	t.Parallel()
	const name = "aws-load-balancer-controller-role"
	want := granted(t, render(t, load(t), base(), Release{}).Object("ClusterRole", name))
	want.add("authentication.k8s.io", "tokenreviews", "create")
	want.add("authorization.k8s.io", "subjectaccessreviews", "create")
	with := render(t, load(t), base(map[string]any{"metrics": map[string]any{"secure": true}}), Release{})
	compare(t, "the ClusterRole with secure metrics", want, granted(t, with.Object("ClusterRole", name)))
	reader := with.Object("ClusterRole", "aws-load-balancer-controller-metrics-reader").Object["rules"]
	if got := fmt.Sprint(reader); got != "[map[nonResourceURLs:[/metrics] verbs:[get]]]" {
		t.Errorf("readers may %s", got)
	}
}

// TestTheReadersRoleReadsWhatLBCReads compares it with the kinds of lbc plan, and with what else lbc doctor asks for.
// Secrets are not part of it.
func TestTheReadersRoleReadsWhatLBCReads(t *testing.T) {
	t.Parallel()
	scheme := must(readable.Scheme())
	want := rights{}
	for _, k := range readable.Kinds {
		kinds, _, err := scheme.ObjectKinds(k.Object)
		if err != nil {
			t.Fatal(err)
		}
		plural, _ := meta.UnsafeGuessKindToResource(kinds[0])
		plural.Resource = plurals.Replace(plural.Resource)
		want.add(plural.Group, plural.Resource, "get")
		if k.List != nil {
			want.add(plural.Group, plural.Resource, "list", "watch")
		}
	}
	for group, resources := range map[string][]string{
		"": {"events", "nodes", "pods", "serviceaccounts"}, "apps": {"deployments", "replicasets"}, "coordination.k8s.io": {
			"leases"}, "discovery.k8s.io": {"endpointslices"},
		"elbv2.k8s.aws": {"albtargetcontrolconfigs", "loadbalancers"}, "apiextensions.k8s.io": {"customresourcedefinitions"},
		"admissionregistration.k8s.io": {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"},
	} {
		for _, r := range resources {
			want.add(group, r, "get", "list", "watch")
		}
	}
	want.add("authorization.k8s.io", "subjectaccessreviews", "create")
	r := render(t, load(t), base(), Release{})
	compare(t, "the readers' ClusterRole", granted(t, r.Object("ClusterRole", "aws-load-balancer-controller-lbc-reader")),
		want)
}
