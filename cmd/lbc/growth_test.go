package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// manyManifests writes n Ingresses with their Services into one file, and returns its path.
func manyManifests(t *testing.T, n int) (path string, size int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: v1
kind: Service
metadata: {namespace: shop, name: app-%[1]d}
spec:
  type: NodePort
  selector: {app: app-%[1]d}
  ports: [{port: 80, targetPort: 8080, nodePort: %[2]d}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: app-%[1]d
  annotations: {alb.ingress.kubernetes.io/scheme: internal, alb.ingress.kubernetes.io/target-type: ip}
spec:
  ingressClassName: alb
  rules:
    - host: app-%[1]d.example.com
      http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: app-%[1]d, port: {number: 80}}}}]
---
`, i, 30000+i)
	}
	path = filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, b.Len()
}

// crowds are n objects of a kind with what they need, as manifests: those of which each may name others.
var crowds = map[string]func(b *strings.Builder, i int){
	"gateways": func(b *strings.Builder, i int) {
		fmt.Fprintf(b, `apiVersion: v1
kind: Service
metadata: {namespace: shop, name: app-%[1]d}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: shop, name: app-%[1]d}
spec:
  gatewayClassName: alb
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: shop, name: app-%[1]d}
spec:
  parentRefs: [{name: app-%[1]d}]
  rules: [{backendRefs: [{name: app-%[1]d, port: 80}]}]
---
`, i)
	},
	"groups": func(b *strings.Builder, i int) {
		fmt.Fprintf(b, `apiVersion: v1
kind: Service
metadata: {namespace: shop, name: app-%[1]d}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: app-%[1]d
  annotations: {alb.ingress.kubernetes.io/group.name: group-%[1]d, alb.ingress.kubernetes.io/target-type: ip}
spec:
  ingressClassName: alb
  rules:
    - http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: app-%[1]d, port: {number: 80}}}}]
---
`, i)
	},
	"bindings": func(b *strings.Builder, i int) {
		fmt.Fprintf(b, `apiVersion: v1
kind: Service
metadata: {namespace: shop, name: app-%[1]d}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {namespace: shop, name: app-%[1]d}
spec:
  serviceRef: {name: app-%[1]d, port: 80}
  targetGroupARN: arn:aws:elasticloadbalancing:us-west-2:000000000000:targetgroup/app-%[1]d/%016[1]d
  targetType: ip
---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: app-%[1]d, labels: {app: app-%[1]d}}
spec: {containers: [{name: app, image: app}]}
---
`, i)
	},
}

// TestObjectsThatNameOthersCostTheSameEach shows that lint and plan find what an object names, and who names it,
// without a look at all others.
func TestObjectsThatNameOthersCostTheSameEach(t *testing.T) { // not parallel: it counts bytes
	for name, write := range crowds {
		for _, command := range []string{"lint", "plan"} {
			t.Run(command+" "+name, func(t *testing.T) {
				_, _, _ = lbc(t, "", command, "-f", "../../examples") // fills caches of the process
				growth.AtMost(t, growth.Constant, "bytes for each", func(n int) float64 {
					n = max(n/2, 40)
					var b strings.Builder
					for i := range n {
						write(&b, i)
					}
					path := filepath.Join(t.TempDir(), "all.yaml")
					if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
						t.Fatal(err)
					}
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					_, errOut, err := lbc(t, "", command, "-f", path)
					if code := exitCode(0); err != nil && !errors.As(err, &code) {
						t.Fatalf("%v\n%s", err, errOut)
					}
					runtime.ReadMemStats(&after)
					return float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
				})
			})
		}
	}
}

// TestCommandsCostTheSameForEachManifest shows that lint and plan allocate the same for each object, however many there
// are.
func TestCommandsCostTheSameForEachManifest(t *testing.T) { // not parallel: it counts bytes
	const most = 2048 // bytes of memory for each byte of manifests
	for _, command := range []string{"lint", "plan"} {
		t.Run(command, func(t *testing.T) {
			_, _, _ = lbc(t, "", command, "-f", "../../examples") // fills caches of the process
			var points []growth.Point
			for _, n := range growth.Sizes {
				n = max(n/2, 40)
				file, size := manyManifests(t, n)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, errOut, err := lbc(t, "", command, "-f", file)
				if code := exitCode(0); err != nil && !errors.As(err, &code) { // the account's limits are findings
					t.Fatalf("%v\n%s", err, errOut)
				}
				runtime.ReadMemStats(&after)
				spent := float64(after.TotalAlloc - before.TotalAlloc)
				if spent > most*float64(size) {
					t.Errorf("%d manifests: %.0f bytes for each byte, want at most %d", n, spent/float64(size), most)
				}
				points = append(points, growth.Point{N: n, Cost: spent / float64(n)})
			}
			growth.Log(t, "bytes for each Ingress with its Service, by Ingresses", points)
			if e := growth.Exponent(points); e > growth.Constant {
				t.Errorf("lbc %s grows with exponent %.2f for each object, want at most %.2f", command, e, growth.Constant)
			}
		})
	}
}

func TestALongPlanTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	file, _ := manyManifests(t, progressAt+1)
	if _, errOut, err := lbc(t, "", "plan", "-f", file, "-o", "json"); !strings.Contains(errOut,
		fmt.Sprintf("lbc: planned %d of %d load balancers\n", progressAt, progressAt+1)) {
		t.Errorf("%v\n%s", err, errOut)
	}
}
