package chart

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
)

// TestRolesFollowTheLeaseOfExtraArgs has a release that names its Lease itself: the rights are those to that Lease and
// to the objects that the controller has beside it.
func TestRolesFollowTheLeaseOfExtraArgs(t *testing.T) {
	t.Parallel()
	c := load(t)
	const role, name = "aws-load-balancer-controller-leader-election-role", "aws-load-balancer-controller-leader"
	r := render(t, c, base(values(t, "extraArgs: [--leader-election-id=other, --leader-election-id=shared-leader, "+
		"--leader-election-namespace=controllers]")), Release{})
	for kind, of := range map[string]string{"Role": role, "RoleBinding": role + "binding"} {
		if o := r.Object(kind, of); o == nil || o.GetNamespace() != "controllers" {
			t.Errorf("%s %s is not in the namespace of the Lease", kind, of)
		}
	}
	for kind, of := range map[string]string{"Role": role, "ClusterRole": "aws-load-balancer-controller-role"} {
		renamed := rights{}
		for right := range granted(t, render(t, c, base(), Release{}).Object(kind, of)) {
			renamed[right] = true
		}
		for _, old := range append(checkpoint.Names(checkpoint.NameOf(name)), name) {
			for _, right := range []string{"get /configmaps ", "update /configmaps ", "get coordination.k8s.io/leases ",
				"update coordination.k8s.io/leases ", "list coordination.k8s.io/leases "} {
				if renamed[right+old] {
					delete(renamed, right+old)
					renamed[right+strings.Replace(old, "aws-load-balancer-controller", "shared", 1)] = true
				}
			}
		}
		compare(t, kind+" "+of, granted(t, r.Object(kind, of)), renamed)
	}
}

// TestExtraArgsLeaveTheChartsArgumentsAlone tries each argument that the chart sets with another value.
func TestExtraArgsLeaveTheChartsArgumentsAlone(t *testing.T) {
	t.Parallel()
	c := load(t)
	given := func() map[string]any {
		return base(values(t, `{defaultTargetType: ip, metrics: {secure: true, certSecret: tls}}`))
	}
	args := Arguments(render(t, c, given(), Release{}).Object("Deployment", "aws-load-balancer-controller"))
	if len(args) < 5 {
		t.Fatalf("the chart sets %q", args)
	}
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		v := given()
		v["extraArgs"] = []any{flag + "=other"}
		if _, err := c.Render(v, Release{}); err == nil || !strings.Contains(err.Error(), "extraArgs: ") {
			t.Errorf("%s=other: %v", flag, err)
		}
	}
}

// TestReplicasWithoutElectionAreRefused shows what the chart makes of --enable-leader-election=false.
func TestReplicasWithoutElectionAreRefused(t *testing.T) {
	t.Parallel()
	c := load(t)
	for text, want := range map[string]string{
		`{}`:                "lets each replica write",
		`{replicaCount: 1}`: "",
		`{replicaCount: 1, autoscaling: {enabled: true, minReplicas: 1, maxReplicas: 2}}`: "lets each replica write",
	} {
		for _, off := range []string{"false", "False", "0"} {
			v := base(valuesOf(t, text, off))
			out, err := c.Render(v, Release{})
			switch {
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, %s: %v", text, off, err)
			case want == "" && err != nil:
				t.Errorf("%s, %s: %v", text, off, err)
			case want == "" && strings.Contains(rulesOf(t, out), "LBCNoLeader"):
				t.Errorf("%s, %s: LBCNoLeader would fire for ever", text, off)
			}
		}
	}
	on := render(t, c, base(valuesOf(t, "{}", "true")), Release{})
	if !strings.Contains(rulesOf(t, on), "LBCNoLeader") {
		t.Error("LBCNoLeader is missing with leader election")
	}
}

func valuesOf(t *testing.T, text, elects string) map[string]any {
	t.Helper()
	v := values(t, text)
	v["extraArgs"] = []any{"--enable-leader-election=" + elects}
	v["prometheusRule"] = map[string]any{"enabled": true}
	return v
}

func rulesOf(t *testing.T, r *Rendering) string {
	t.Helper()
	o := r.Object("PrometheusRule", "aws-load-balancer-controller")
	if o == nil {
		t.Fatal("no rules are rendered")
	}
	return string(must(json.Marshal(o.Object)))
}
