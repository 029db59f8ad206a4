package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// TestToolsDenyNothingThatTheyCouldNotRead has reads of AWS denied to commands about what a cluster has left, in an
// account in which they otherwise find nothing.
func TestToolsDenyNothingThatTheyCouldNotRead(t *testing.T) {
	sim, _ := simulated(t)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	reached(t, server.URL)
	d := seed.Default()
	account := []string{"--no-cluster", "--cluster-name", "another", "--aws-vpc-id", d.VPC.ID, "--aws-region", d.Region}
	for command, promise := range map[string]string{"orphans": "belongs to an object",
		"cleanup --all --yes": "nothing to delete", "cleanup --orphans --yes": "nothing to delete"} {
		args := append(strings.Fields(command), account...)
		if out, errOut, err := lbc(t, "", args...); err != nil || !strings.Contains(out, promise) {
			t.Fatalf("%s: %v\n%s%s", command, err, out, errOut)
		}
		for _, action := range []string{"ListCertificates", "ListTagsForCertificate", "DescribeLoadBalancers", "DescribeTags",
			"DescribeTargetGroups", "DescribeSecurityGroups", "DescribeTrustStores"} {
			_, err := sim.Gate.AddFault(gate.Fault{ID: "x", Action: action, Kind: "denied"})
			if err != nil {
				t.Fatal(err)
			}
			mark := len(sim.Gate.Calls())
			out, errOut, err := lbc(t, "", args...)
			sim.Gate.RemoveFault("x")
			met := false
			for _, c := range sim.Gate.Calls()[mark:] {
				met = met || c.Action == action
			}
			if met && (err == nil || strings.Contains(out, promise)) {
				t.Errorf("%s without %s: %v\n%s%s", command, action, err, out, errOut)
			}
		}
	}
}

// TestRollbackCheckNeedsEachKind has the API server refuse the lists of one kind after the other.
func TestRollbackCheckNeedsEachKind(t *testing.T) {
	t.Setenv(flagsVariable, "")
	server := newAPIServer(t, ingressIn(t, "shop", "front")...)
	kubeconfig := server.kubeconfig(t)
	resources := map[string]bool{"deployments": false}
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range readable.Kinds {
		if k.List == nil {
			continue
		}
		gvk, err := apiutil.GVKForObject(k.Object, scheme)
		if err != nil {
			t.Fatal(err)
		}
		plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: gvk.Group, Version: gvk.Version,
			Kind: gvk.Kind})
		resources[plural.Resource] = k.Ineffective
	}
	for resource, ineffective := range resources {
		server.refused = resource
		out, errOut, err := lbc(t, "", "rollback-check", "-A", "--kubeconfig", kubeconfig, "--cluster-name=c",
			"--account=testdata/none.yaml")
		if !ineffective && (err == nil || strings.Contains(out, "no object needs attention")) {
			t.Errorf("without %s: %v\n%s%s", resource, err, out, errOut)
		}
	}
}
