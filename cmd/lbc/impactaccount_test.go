package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lbc/impact"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// exposed is an Ingress of a Service, with further annotations, under a host.
const exposed = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  uid: uid-web
  annotations:
    %s
spec:
  ingressClassName: alb
  rules:
  - host: %q
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
`

const office = "alb.ingress.kubernetes.io/inbound-cidrs: 10.0.0.0/8"

// TestEditsOfAnAccountAreJudged deploys an Ingress in a simulated account, and judges edits by what the inventory reads
// of it.
func TestEditsOfAnAccountAreJudged(t *testing.T) {
	t.Parallel()
	const host = "shop.example.com"
	write := func(t *testing.T, annotations, host string) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "web.yaml")
		if err := os.WriteFile(name, fmt.Appendf(nil, exposed, annotations, host), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, c := range map[string]struct {
		annotations, host string
		want              []impact.Kind
	}{
		"unchanged": {office, host, nil},
		"everyone":  {"kubernetes.io/description: x", host, []impact.Kind{impact.Opens}},
		"wildcard":  {office, "*.example.com", []impact.Kind{impact.Reaches}},
		"another scheme": {office + "\n    alb.ingress.kubernetes.io/scheme: internet-facing", host,
			[]impact.Kind{impact.LosesProtection, impact.Opens, impact.Renames}},
		"groups of the user": {"alb.ingress.kubernetes.io/security-groups: sg-0a1de000000000001", host,
			[]impact.Kind{impact.Closes, impact.Opens}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, clients := simulated(t)
			deploy(t, clients, write(t, office, host))
			all, _ := planned(t, clients, write(t, c.annotations, c.host), offline.Cluster{}, nil)
			o := planOptions{failOn: impact.FailOn}
			got := o.judge(offline.Outcome{Stacks: all}, nil, offline.Bindings{})
			var kinds []impact.Kind
			for _, change := range got.impact.Exposure {
				kinds = append(kinds, change.Kind)
			}
			slices.Sort(kinds)
			if kinds = slices.Compact(kinds); !slices.Equal(kinds, c.want) {
				t.Errorf("%v, want %v\n%s%s", kinds, c.want, all[0].Plan.Text(plan.TextOptions{}), got.impact.Text())
			}
		})
	}
}
