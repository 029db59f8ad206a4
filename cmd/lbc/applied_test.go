package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// reported is an Ingress with an idle timeout and a tag, under a drift policy of report.
const reported = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  uid: uid-web
  annotations:
    alb.ingress.kubernetes.io/drift-policy: report
    alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=%s
    alb.ingress.kubernetes.io/tags: team=%s
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: web, port: {number: 80}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
`

// TestPlanWithholdsUneditedDrift deploys 75 seconds, and edits the tag: then the
// timeout, which is another one in AWS, was changed there, and the tag was not.
func TestPlanWithholdsUneditedDrift(t *testing.T) {
	t.Parallel()
	file := func(timeout, team string) string {
		name := filepath.Join(t.TempDir(), "web.yaml")
		if err := os.WriteFile(name, fmt.Appendf(nil, reported, timeout, team), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	_, clients := simulated(t)
	deploy(t, clients, file("30", "shop"))
	last, _ := planned(t, clients, file("75", "shop"), offline.Cluster{}, nil)
	c := &config.Config{LeaderElectionID: "lbc-leader"}
	cluster := func(entries ...*compile.Memory) offline.Cluster {
		k := fake.NewClientBuilder().WithIndex(&coordinationv1.Lease{}, "metadata.name",
			func(o client.Object) []string { return []string{o.GetName()} }).
			WithObjects(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "lbc-leader"}}).
			Build()
		s := checkpoint.New(k, checkpoint.Config{Namespace: "kube-system", Name: checkpoint.NameOf("lbc-leader"),
			Now: time.Now, Log: logr.Discard()})
		if _, err := s.Open(t.Context(), func(bool) {}); err != nil {
			t.Fatal(err)
		}
		for _, m := range entries {
			s.Put(checkpoint.ID{Kind: checkpoint.Memory, Name: last[0].Key.String()}, m)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return shownBy(k, objects.Snapshot{}, c)
	}
	const timeout, tag, withheld = "ModifyLoadBalancerAttributes", "AddTags", "  = "
	for name, x := range map[string]struct {
		in              offline.Cluster
		withheld, plain string
		assumed         bool
	}{
		"by its record": {cluster(&compile.Memory{Applied: policy.FieldsOf(last[0].Compiled.Stack)}), timeout,
			tag, false},
		"under a new policy":  {cluster(&compile.Memory{}), "", timeout, false},
		"without a record":    {cluster(), timeout, "", true},
		"without the cluster": {offline.Cluster{}, timeout, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := planned(t, clients, file("75", "night"), x.in, nil)
			text := got[0].Plan.Text(plan.TextOptions{})
			has := func(op string, held bool) bool {
				for line := range strings.Lines(text) {
					if strings.Contains(line, op) && strings.HasPrefix(line, withheld) == held {
						return true
					}
				}
				return op == ""
			}
			if !has(x.withheld, true) || !has(x.plain, false) || x.withheld != "" && has(x.withheld, false) || x.plain != "" &&
				has(x.plain, true) || got[0].DriftAssumed != x.assumed {
				t.Errorf("assumed %t:\n%s", got[0].DriftAssumed, text)
			}
		})
	}
}
